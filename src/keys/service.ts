import type { Random } from '../base/ports.ts';
import { sealEnvelope } from '../crypto/envelope.ts';
import {
  type ImportedJwk,
  KeyInputFault,
  type KeyProviders,
  type KeySpec,
  type MadeKey,
} from '../crypto/key-provider.ts';
import type { Keyring } from '../crypto/keyring.ts';
import type { VaultEnvelopes } from '../crypto/sealed-rows.ts';
import { checkWindow, invalid } from '../objects/attributes.ts';
import {
  answerFor,
  assertUnmanaged,
  findRow,
  liveRow,
  nameOf,
  type ObjectKind,
  type ObjectParts,
} from '../objects/lifecycle.ts';
import type { Named } from '../objects/object-queries.ts';
import { type Answer, type Call, vaultOf } from '../operations/operation.ts';
import type { Vault } from '../resources/vault.ts';
import type { Transaction } from '../store/port.ts';
import { checkExport, policyAfter, policyOfVersion } from './export-rules.ts';
import { type NewKey, readImportedKey, readKeyChange, readNewKey } from './key-body.ts';
import { claimPlace, type MakeKey, makeKey, type NewMaterial, providerOf, typeOf } from './key-home.ts';
import { checkPurposeServed, isExportable } from './key-purpose.ts';
import type { KeyRow } from './repository.ts';
import * as repository from './repository.ts';
import { scheduleRotation } from './rotation-due.ts';
import { keyBinding, operableKey } from './stored-key.ts';
import { dropObjectsOfKey } from './token-object-rows.ts';
import { transferOf } from './transfer.ts';
import { isServed, keyBundle, keyItem, knowsRelease } from './wire.ts';

/** What the keys room needs. */
export interface KeyParts extends ObjectParts {
  readonly keyring: Keyring;
  readonly random: Random;
  readonly providers: KeyProviders;
}

/** Keys as the life of objects sees them. */
export const keyKind: ObjectKind<KeyRow> = {
  collection: 'keys',
  queries: repository.keyQueries,
  refusals: {
    notFound: 'key-not-found',
    deleted: 'key-deleted',
    deletedNotFound: 'deleted-key-not-found',
    nameDeleted: 'key-name-deleted',
    managed: 'key-managed',
  },
  bundle: keyBundle,
  item: keyItem,
  erased: async (transaction, named) => {
    await dropObjectsOfKey.change(transaction, named);
  },
};

/** POST /keys/{name}/create: a new version, which becomes the current one. */
export async function createKey(parts: KeyParts, call: Call): Promise<Answer> {
  const key = readNewKey(call.body ?? {});
  checkWindow(key.attributes.nbf, key.attributes.exp);
  const isExportable = await assertAddable(parts, call, key);
  const { nameKey } = nameOf(call);
  const material = await makeKey(
    parts,
    vaultOf(call),
    { nameKey, isExportable, ...key },
    call.time,
    (provider, place) => provider.generate(key.spec, place),
  );
  return addVersion(parts, call, key, material);
}

/** PUT /keys/{name}: a key from outside as a new version, which becomes the current one. */
export async function importKey(parts: KeyParts, call: Call): Promise<Answer> {
  const key = readImportedKey(call.body ?? {});
  checkWindow(key.attributes.nbf, key.attributes.exp);
  const isExportable = await assertAddable(parts, call, key);
  const { nameKey } = nameOf(call);
  const take = 'jwk' in key ? importOf(key.jwk) : await transferOf(parts, call, key);
  return addVersion(
    parts,
    call,
    key,
    await makeKey(parts, vaultOf(call), { nameKey, isExportable, ...key }, call.time, take),
  );
}

/**
 * Asked again where it counts; here it spares the making of a key that nobody can have.
 * @returns whether the key is exportable
 */
async function assertAddable({ store, providers }: KeyParts, call: Call, key: NewKey): Promise<boolean> {
  providerOf(providers, vaultOf(call), key);
  checkExport(key.release, vaultOf(call).settings.sku === 'premium', knowsRelease(call));
  checkPurposeServed(key.operations, isServed(call));
  const there = await findRow(keyKind, store.reader, vaultOf(call), nameOf(call).nameKey);
  if (there) assertUnmanaged(keyKind, vaultOf(call), there, 'create');
  return isExportable({ release_policy: policyOfVersion(key, there), key_ops: JSON.stringify(key.operations) });
}

function importOf(jwk: ImportedJwk): MakeKey {
  return (provider, place) =>
    provider.importKey(jwk, place).catch((error: unknown) => {
      throw error instanceof KeyInputFault ? invalid('key', 'it is no valid private key') : error;
    });
}

/** GET /keys/{name}[/{version}]: the public members, whatever the key's state. */
export async function getKey({ store }: KeyParts, call: Call): Promise<Answer> {
  const row = await liveRow(keyKind, store.reader, call);
  return answerFor(keyKind, call, row, keyBundle(call, row));
}

/** PATCH /keys/{name}[/{version}]: changes what is sent, keeps the rest; the key itself never changes. */
export async function updateKey(_parts: KeyParts, call: Call): Promise<Answer> {
  const vault = vaultOf(call);
  return call.commit(async (transaction) => {
    const row = await liveRow(keyKind, transaction, call);
    assertUnmanaged(keyKind, vault, row, 'update');
    const change = readKeyChange(call.body ?? {}, operableKey(row));
    checkPurposeServed(change.operations ?? [], isServed(call));
    checkExport(change.release, vault.settings.sku === 'premium', knowsRelease(call));
    const updated: KeyRow = {
      ...row,
      updated: call.time,
      enabled: change.enabled === undefined ? row.enabled : Number(change.enabled),
      nbf: change.nbf ?? row.nbf,
      exp: change.exp ?? row.exp,
      tags: change.tags === undefined ? row.tags : JSON.stringify(change.tags),
      key_ops: change.operations === undefined ? row.key_ops : JSON.stringify(change.operations),
      release_policy: policyAfter(change.release, row, call.parameters['version'] !== undefined),
    };
    checkWindow(updated.nbf, updated.exp);
    await repository.updateKeyVersion.change(transaction, {
      vaultId: vault.id,
      nameKey: row.name_key,
      version: row.version,
      updated: updated.updated,
      enabled: updated.enabled,
      nbf: updated.nbf,
      exp: updated.exp,
      tags: updated.tags,
      keyOps: updated.key_ops,
    });
    const named: Named = { vaultId: vault.id, nameKey: row.name_key };
    const { release_policy: releasePolicy } = updated;
    if (releasePolicy !== null && releasePolicy !== row.release_policy) {
      await repository.writeReleasePolicy.change(transaction, { ...named, releasePolicy });
    }
    if (row.version === row.current_version) {
      await scheduleRotation(transaction, named, updated);
    }
    return answerFor(keyKind, call, updated, keyBundle(call, updated));
  });
}

async function addVersion(parts: KeyParts, call: Call, key: NewKey, { made, version }: NewMaterial): Promise<Answer> {
  const { name, nameKey } = nameOf(call);
  const work = async (transaction: Transaction) => {
    const current = await findRow(keyKind, transaction, vaultOf(call), nameKey);
    if (current) assertUnmanaged(keyKind, vaultOf(call), current, 'create');
    const row = rowOf(key, made, current, { name, nameKey, version }, call.time);
    await storeVersion(parts, transaction, vaultOf(call), row, made.material, current !== null);
    return answerFor(keyKind, call, row, keyBundle(call, row));
  };
  return call.commit(work).finally(() => made.material.fill(0));
}

/** A version as it is stored. @throws Refusal what {@link policyOfVersion} throws */
export function rowOf(key: NewKey, made: MadeKey, current: KeyRow | null, named: NewName, now: number): KeyRow {
  return {
    ...nextVersion(current, named, now),
    enabled: key.attributes.enabled ? 1 : 0,
    nbf: key.attributes.nbf,
    exp: key.attributes.exp,
    tags: key.tags && JSON.stringify(key.tags),
    kty: key.isHsm ? `${key.family}-HSM` : key.family,
    size: sizeOf(made.spec),
    public_key: JSON.stringify(made.publicMembers),
    key_ops: JSON.stringify(key.operations),
    release_policy: policyOfVersion(key, current),
    managed: 0,
  };
}

/** The name of a version that is yet to be stored. */
export interface NewName {
  readonly name: string;
  readonly nameKey: string;
  readonly version: string;
}

/** The state of a version that follows `current`, or begins a name. */
export function nextVersion(current: KeyRow | null, { name, nameKey, version }: NewName, now: number) {
  return {
    name_key: nameKey,
    name: current?.name ?? name,
    current_version: version,
    deleted: null,
    purge_at: null,
    version,
    sequence: (current?.sequence ?? 0) + 1,
    created: now,
    updated: now,
    previous_version: null,
    release_policy: current?.release_policy ?? null,
  };
}

/** Stores a version as the current one of its name. The material stays whole, since a transaction may run twice. */
export async function storeVersion(
  { keyring, random }: Pick<KeyParts, 'keyring' | 'random'>,
  transaction: Transaction,
  vault: Vault,
  row: KeyRow,
  material: Buffer,
  isThere: boolean,
): Promise<void> {
  const named: Named = { vaultId: vault.id, nameKey: row.name_key };
  await insertSealed({ keyring, random }, transaction, vault, row, material);
  if (typeOf(row).isHsm) await claimPlace(transaction, { ...named, version: row.version }, material);
  if (isThere) await repository.keyQueries.setCurrent.change(transaction, { ...named, version: row.version });
  else {
    const { name, version, created, managed, release_policy: releasePolicy } = row;
    await repository.insertKey.change(transaction, { ...named, name, version, created, managed, releasePolicy });
  }
  await scheduleRotation(transaction, named, row);
}

/** Stores a version with its material sealed; which one is current is not its matter. */
export async function insertSealed(
  { keyring, random }: Pick<KeyParts, 'keyring' | 'random'>,
  transaction: Transaction,
  vault: Vault,
  row: KeyRow,
  material: Buffer,
): Promise<void> {
  const key = await keyring.vaultKey(transaction, vault.id);
  await repository.insertKeyVersion.change(transaction, {
    vaultId: vault.id,
    nameKey: row.name_key,
    version: row.version,
    sequence: row.sequence,
    created: row.created,
    updated: row.updated,
    enabled: row.enabled,
    nbf: row.nbf,
    exp: row.exp,
    tags: row.tags,
    kty: row.kty,
    size: row.size,
    publicKey: row.public_key,
    keyOps: row.key_ops,
    envelope: sealEnvelope(key, keyBinding(vault.id, row.name_key, row.version), material, random),
  });
}

/** The envelopes of keys, as the rotation of vault keys sees them. */
export const keyEnvelopes: VaultEnvelopes = { table: 'key_versions', binding: keyBinding };

/** Bits of a modulus or of a symmetric key; 0 for curves. */
export function sizeOf(spec: KeySpec): number {
  return spec.family === 'EC' ? 0 : spec.bits;
}
