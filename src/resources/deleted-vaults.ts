import { foldName, isUuid } from '../base/ids.ts';
import type { Answer, Call } from '../operations/operation.ts';
import { purgeVault } from '../recovery/purge-vault.ts';
import { Refusal } from '../refusals/refusal.ts';
import type { Session } from '../store/port.ts';
import { pageBody, readPage } from './arm-page.ts';
import { assertDeletable } from './lock-guard.ts';
import { deletionFacts, requireSubscription } from './lookup.ts';
import { isVaultName, normaliseLocation } from './names.ts';
import type { ResourceParts } from './parts.ts';
import { findVaultById, findVaultByName, listVaults } from './repository.ts';
import type { Vault } from './vault.ts';
import { deletedVaultBody, deletedVaultId } from './wire.ts';

/** Lists the deleted vaults of a subscription. */
export async function listDeletedVaults(parts: ResourceParts, call: Call): Promise<Answer> {
  const subscription = await requireSubscription(parts.store.reader, call);
  const page = readPage(call);
  const vaults = await listVaults(parts.store.reader, {
    subscriptionId: subscription.id,
    groupKey: null,
    nameKey: null,
    deleted: true,
    after: page.after,
    limit: page.size + 1,
  });
  return { status: 200, body: pageBody(call, page, vaults, (vault) => vault.nameKey, deletedVaultBody) };
}

/** Reads a deleted vault. */
export async function getDeletedVault(parts: ResourceParts, call: Call): Promise<Answer> {
  const vault = await requireDeletedVault(parts.store.reader, call);
  return { status: 200, body: deletedVaultBody(vault), subject: deletedVaultId(vault) };
}

/**
 * Purges a deleted vault for good, at once; the answer is 202 all the same, as clients of the service expect, and what
 * `Location` names is done already.
 * @throws Refusal `deleted-vault-not-found`, `vault-purge-protected`
 */
export async function purgeDeletedVault(parts: ResourceParts, call: Call): Promise<Answer> {
  return call.commit(async (transaction) => {
    const vault = await requireDeletedVault(transaction, call);
    const facts = deletionFacts(vault);
    if (vault.settings.enablePurgeProtection) {
      throw new Refusal('vault-purge-protected', { name: vault.name, ...facts, allowed: ['GET'] });
    }
    await assertDeletable(transaction, vault.resourceId);
    await purgeVault(transaction, parts.keyring, vault);
    const result = `/subscriptions/${vault.subscriptionId}/providers/Microsoft.KeyVault/locations/${vault.location}/operationResults/${vault.id}`;
    const version = encodeURIComponent(call.apiVersion);
    return {
      status: 202,
      headers: { location: `${call.origin}${result}?api-version=${version}`, 'retry-after': '1' },
      subject: deletedVaultId(vault),
    };
  });
}

/** Whether a purge is done: 200 once there is no vault of the internal id that `Location` named, 202 before. */
export async function getOperationResult(parts: ResourceParts, call: Call): Promise<Answer> {
  const id = foldName(call.parameters['operation'] ?? '');
  if (!isUuid(id)) throw new Refusal('route-unknown', { method: 'GET', path: call.path.slice(0, 200) });
  const vault = await findVaultById(parts.store.reader, id);
  if (!vault) return { status: 200 };
  const location = `${call.origin}${call.path}?api-version=${encodeURIComponent(call.apiVersion)}`;
  return { status: 202, headers: { location, 'retry-after': '1' } };
}

/** Tells whether a vault could have the name; what a deleted vault holds is not free. */
export async function checkNameAvailability(parts: ResourceParts, call: Call): Promise<Answer> {
  const name = call.body?.['name'];
  const type = call.body?.['type'];
  if (typeof name !== 'string') {
    throw new Refusal('request-content-invalid', { property: 'name', reason: 'a text is expected' });
  }
  if (typeof type !== 'string' || foldName(type) !== 'microsoft.keyvault/vaults') {
    throw new Refusal('request-content-invalid', { property: 'type', reason: 'Microsoft.KeyVault/vaults is expected' });
  }
  if (!isVaultName(name)) return unavailable('AccountNameInvalid', new Refusal('vault-name-invalid', { name }));
  const vault = await findVaultByName(parts.store.reader, foldName(name));
  if (vault) return unavailable('AlreadyExists', new Refusal('vault-name-in-use', { name }));
  return { status: 200, body: { nameAvailable: true } };
}

function unavailable(reason: 'AccountNameInvalid' | 'AlreadyExists', why: Refusal): Answer {
  return { status: 200, body: { nameAvailable: false, reason, message: why.message } };
}

async function requireDeletedVault(session: Session, call: Call): Promise<Vault> {
  const subscription = await requireSubscription(session, call);
  const { vault: name = '', location = '' } = call.parameters;
  const vault = await findVaultByName(session, foldName(name));
  const isHere = vault?.subscriptionId === subscription.id && vault.location === normaliseLocation(location);
  if (!vault || vault.deleted === null || !isHere) {
    throw new Refusal('deleted-vault-not-found', { name, location });
  }
  return vault;
}
