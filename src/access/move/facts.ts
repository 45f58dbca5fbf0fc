import { describePrincipal } from '../../identity/service.ts';
import type { Vault } from '../../resources/vault.ts';
import type { Session } from '../../store/port.ts';
import { builtInRoles } from '../built-in-roles.ts';
import { vaultDataActions } from '../data-actions.ts';
import { takesAway } from '../denials/denial.ts';
import { readDenials } from '../denials/repository.ts';
import { readGrantsAround } from '../repository.ts';
import { roleAllows, scopeReaches } from '../verdict.ts';
import type { MoveFacts, PrincipalFacts } from './plan.ts';

/** What a plan rests on, the directory left aside. */
export type Ground = Omit<MoveFacts, 'principals'>;

/** Reads the policies, grants and denials of a vault, as the session sees them. */
export async function readGround(session: Session, vault: Vault): Promise<Ground> {
  const { name, scopeKey, tenantId, settings } = vault;
  const around = (await readGrantsAround(session, scopeKey)).filter(({ grant }) =>
    vaultDataActions.some((action) => roleAllows(grant.role, 'dataAction', action)),
  );
  const denials = (await readDenials(session)).filter(
    (denial) =>
      (scopeReaches(denial.scopeKey, scopeKey) || scopeReaches(scopeKey, denial.scopeKey)) &&
      vaultDataActions.some((action) => takesAway(denial, 'dataAction', action)),
  );
  return {
    vault: { name, scopeKey, tenantId },
    isRbac: settings.enableRbacAuthorization,
    policies: settings.accessPolicies,
    grants: around.map(({ grant }) => grant),
    conditions: new Map(
      around.flatMap(({ assignment: { id, condition } }) => (condition === null ? [] : [[id, condition] as const])),
    ),
    denials,
    roles: builtInRoles,
  };
}

/** Reads all that a plan for the vault rests on. */
export async function readFacts(session: Session, vault: Vault): Promise<MoveFacts> {
  const ground = await readGround(session, vault);
  const named = new Set([
    ...ground.policies.map(({ objectId }) => objectId),
    ...ground.grants.map(({ principalId }) => principalId),
    ...ground.denials.flatMap(({ principals }) => principals.map(({ id }) => id)),
  ]);
  const principals = new Map<string, PrincipalFacts>();
  for (const id of named) {
    const found = await describePrincipal(session, id);
    if (found) principals.set(id, found);
  }
  return { ...ground, principals };
}
