import { toIso } from '../../base/text.ts';
import { policyBody } from '../../resources/access-policies.ts';
import type { MovePlan } from './plan.ts';
import type { ModelChange } from './repository.ts';

/** A plan as the wire has it. */
export function planBody({ policies, ...plan }: MovePlan): object {
  return { ...plan, policies: policies.map(policyBody) };
}

/** A change that was begun, applied or undone, as the wire has it. */
export function changeBody(change: ModelChange): object {
  const { id, to, state, digest, options, wasRbac, roles, assignments, created, updated, createdBy } = change;
  return {
    id,
    to,
    state,
    digest,
    ...options,
    from: wasRbac ? 'rbac' : 'policies',
    roles,
    assignments,
    created: toIso(created),
    updated: toIso(updated),
    createdBy,
  };
}
