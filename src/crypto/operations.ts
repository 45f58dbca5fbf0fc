import { toIso } from '../base/text.ts';
import type { Caller } from '../identity/caller.ts';
import { type Answer, type ApiVersions, type Call, callerOf, type Operation } from '../operations/operation.ts';
import { Refusal } from '../refusals/refusal.ts';
import { requireVault } from '../resources/lookup.ts';
import { subscriptionScope, vaultScope } from '../resources/scopes.ts';
import * as rows from './repository.ts';
import { type RotationParts, rotateVaultKey } from './rotation-job.ts';
import { isTokenAbsent } from './seals/await-token.ts';

/** The api-version of the operations on root and vault keys. */
export const ENCRYPTION_KEYS_API_VERSION = '2026-01-01';

const versions: ApiVersions = { known: [ENCRYPTION_KEYS_API_VERSION] };
const ALL = '/subscriptions/:subscriptionId/providers/Strongroom.Crypto/encryptionKeys';
const ONE =
  '/subscriptions/:subscriptionId/resourceGroups/:group/providers/Microsoft.KeyVault/vaults/:vault/providers/Strongroom.Crypto/encryptionKey';

/** Vaults that one request gives a new key: one transaction of some hundred milliseconds. */
const MOST_AT_ONCE = 2000;

/** What the operations on root and vault keys are made of. */
export interface EncryptionKeyParts extends Omit<RotationParts, 'log' | 'encryptionKeyPolicy' | 'envelopes'> {
  /** Whether the caller is an Owner of the scope or of what is above it. */
  readonly isOwner: (caller: Caller, scope: string) => Promise<boolean>;
  /** Lets the job that finishes a rotation look now instead of within the minute. */
  readonly hastenJob: (name: string) => void;
}

type Scope = (parameters: Readonly<Record<string, string>>) => string;

/** The rows of the keys that data at rest is encrypted under: what there is, a new root key, a new key for a vault. */
export function encryptionKeyOperations(parts: EncryptionKeyParts): readonly Operation[] {
  const row = (
    id: string,
    method: 'GET' | 'POST',
    path: string,
    action: string,
    scope: Scope,
    run: (call: Call) => Promise<Answer>,
  ): Operation => ({
    id,
    plane: 'management',
    method,
    path,
    versions,
    need: { kind: 'management', action: `Strongroom.Crypto/encryptionKeys/${action}`, scope },
    throttle: 'none',
    body: 'none',
    success: [200],
    run: async (call) => {
      if (method === 'POST') await assertOwner(parts, call, scope);
      return run(call);
    },
  });
  return [
    row('EncryptionKeyList', 'GET', ALL, 'read', subscriptionScope, async () => ({
      status: 200,
      body: await shown(parts),
    })),
    row('RootKeyRotate', 'POST', `${ALL}/rotateRoot`, 'rotateRoot/action', subscriptionScope, (call) =>
      rotateRoot(parts, call),
    ),
    row('VaultKeyRotateAll', 'POST', `${ALL}/rotateVaults`, 'rotateVaults/action', subscriptionScope, (call) =>
      rotateAll(parts, call),
    ),
    row('VaultKeyRotate', 'POST', `${ONE}/rotate`, 'rotate/action', vaultScope, (call) => rotateVault(parts, call)),
  ];
}

/** @throws Refusal `encryption-keys-not-owner` */
async function assertOwner(parts: EncryptionKeyParts, call: Call, scope: Scope): Promise<void> {
  const caller = callerOf(call);
  if (!(await parts.isOwner(caller, scope(call.parameters)))) {
    throw new Refusal('encryption-keys-not-owner', { oid: caller.oid });
  }
}

/** @throws Refusal `encryption-keys-stale-seal`, `encryption-keys-seal-absent` */
async function rotateRoot(parts: EncryptionKeyParts, call: Call): Promise<Answer> {
  const { keyring, store } = parts;
  const made = await keyring.roots.make().catch((error: unknown) => {
    throw isTokenAbsent(error) ? new Refusal('encryption-keys-seal-absent', {}, { cause: error }) : error;
  });
  const before = keyring.roots.active.id;
  const answer = await call.commit(async (transaction) => {
    if (!(await keyring.roots.add(transaction, made, call.time))) throw new Refusal('encryption-keys-stale-seal');
    return { status: 200, audit: { before, after: made.id } };
  });
  await keyring.follow(store.reader);
  parts.hastenJob('encryption-keys');
  return { ...answer, body: await shown(parts) };
}

async function rotateVault(parts: EncryptionKeyParts, call: Call): Promise<Answer> {
  const vault = await requireVault(parts.store.reader, call);
  const answer = await call.commit(async (transaction) => {
    const { id } = await requireVault(transaction, call);
    await rotateVaultKey(parts, transaction, id, call.time);
    return { status: 200, subject: vault.resourceId };
  });
  parts.hastenJob('encryption-keys');
  const keys = await rows.vaultKeysOf.all(parts.store.reader, { vaultId: vault.id });
  return { ...answer, body: { vault: vault.name, keys: keys.map(vaultKeyBody) } };
}

async function rotateAll(parts: EncryptionKeyParts, call: Call): Promise<Answer> {
  const answer = await call.commit(async (transaction) => {
    const due = await rows.vaultsWithOldKeys.all(transaction, { created: call.time, limit: MOST_AT_ONCE });
    for (const { vault_id: vaultId } of due) await rotateVaultKey(parts, transaction, vaultId, call.time);
    return { status: 200, audit: { vaults: due.length } };
  });
  parts.hastenJob('encryption-keys');
  return { ...answer, body: await shown(parts) };
}

function vaultKeyBody({ key_id: id, created }: rows.VaultKeyRow, index: number): Readonly<Record<string, string>> {
  return { id, created: toIso(created), state: index === 0 ? 'seals' : 'being emptied' };
}

async function shown({ keyring, store }: EncryptionKeyParts): Promise<Readonly<Record<string, unknown>>> {
  const { vaults, keys, eldest } = (await rows.countVaultKeys.first(store.reader, {}))!;
  return {
    seal: keyring.roots.sealKind,
    rootKeys: keyring.roots
      .list()
      .map(({ id, created, isActive }) => ({ id, created: toIso(created), state: isActive ? 'seals' : 'opens only' }))
      .toReversed(),
    vaultKeys: {
      vaults: Number(vaults),
      beingEmptied: Number(keys) - Number(vaults),
      eldest: eldest === null ? null : toIso(Number(eldest)),
    },
  };
}
