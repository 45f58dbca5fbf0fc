import { foldName } from '../base/ids.ts';
import type { Answer, Call } from '../operations/operation.ts';
import { Refusal } from '../refusals/refusal.ts';
import {
  changePolicies,
  MAX_ACCESS_POLICIES,
  type PolicyChange,
  policyBody,
  readAccessPolicies,
} from './access-policies.ts';
import { actorOf, requireVault } from './lookup.ts';
import type { ResourceParts } from './parts.ts';
import { updateVault } from './repository.ts';
import { readProperties } from './request-body.ts';
import { invalidProperty } from './vault-property.ts';
import { toRow } from './vault-row.ts';

const changes: readonly string[] = ['add', 'replace', 'remove'];

/**
 * Adds, replaces or removes access policies of a vault. They are kept whatever the vault's permission model is, and mean
 * something under access policies only.
 * @throws Refusal `policy-operation-unknown`, `vault-property-invalid`
 */
export async function changeAccessPolicies(parts: ResourceParts, call: Call): Promise<Answer> {
  const operation = foldName(call.parameters['operation'] ?? '');
  if (!changes.includes(operation))
    throw new Refusal('policy-operation-unknown', { operation: operation.slice(0, 50) });
  const named = readAccessPolicies(readProperties(call, true)['accessPolicies'], parts.tenantId);
  return call.commit(async (transaction) => {
    const vault = await requireVault(transaction, call);
    const accessPolicies = changePolicies(vault.settings.accessPolicies, operation as PolicyChange, named);
    if (accessPolicies.length > MAX_ACCESS_POLICIES) {
      throw invalidProperty('accessPolicies', `at most ${MAX_ACCESS_POLICIES} entries are allowed`);
    }
    const settings = { ...vault.settings, accessPolicies };
    await updateVault(transaction, toRow({ ...vault, settings, updated: parts.clock.now(), updatedBy: actorOf(call) }));
    const body = {
      id: `${vault.resourceId}/accessPolicies/`,
      type: 'Microsoft.KeyVault/vaults/accessPolicies',
      location: vault.location,
      properties: { accessPolicies: accessPolicies.map(policyBody) },
    };
    return { status: 200, body, subject: vault.resourceId };
  });
}
