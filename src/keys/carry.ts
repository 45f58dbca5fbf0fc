import type { Clock } from '../base/ports.ts';
import type { Keyring } from '../crypto/keyring.ts';
import {
  type Carrier,
  type CarryContext,
  digestOf,
  type ItemState,
  type LeftItem,
  type MadeCopy,
  type MoveEnds,
  type MoveOptions,
  type Prepared,
} from '../moving/carrier.ts';
import { carriedQueries, type StoredName, type StoredObject, type StoredVersion } from '../objects/carried-queries.ts';
import { purgeInstant } from '../recovery/levels.ts';
import type { Session, Transaction } from '../store/port.ts';
import { claimPlace, type HomeParts, type NewMaterial } from './key-home.ts';
import { makeKeyLike, requireHome, takeKeyIn } from './key-like.ts';
import { isExportable, purposeOfRow } from './key-purpose.ts';
import type { KeyRow } from './repository.ts';
import * as repository from './repository.ts';
import { scheduleRotation } from './rotation-due.ts';
import { insertSealed } from './service.ts';
import { familyOf, keyBinding } from './stored-key.ts';
import { dropObjectsOfKey } from './token-object-rows.ts';

type Name = StoredName & { managed: number; rotation_policy: string | null; release_policy: string | null };
type Version = StoredVersion & Pick<KeyRow, 'kty' | 'size' | 'public_key' | 'key_ops'>;
type Key = StoredObject<Name, Version>;

/** What carrying keys needs. */
export interface KeyCarryParts extends HomeParts {
  readonly keyring: Keyring;
  readonly clock: Clock;
}

const PAGE = 100;

const carriedKeys = carriedQueries<Name, Version>(
  { names: 'keys', versions: 'key_versions' },
  { ofNames: ['managed', 'rotation_policy', 'release_policy'], ofVersions: ['kty', 'size', 'public_key', 'key_ops'] },
);

/**
 * Carries keys from vault to vault as the move says. Copied or taken in: every version, with its id, attributes, tags and instants.
 * Made anew: one version with the attributes, operations and policy of the current one. Copies rotate by their policies from
 * the move's end on, so that no key rotates twice.
 */
export function keyCarrier(parts: KeyCarryParts): Carrier {
  return {
    kind: 'keys',
    page: async (session, ends, after, limit) => {
      // A page without anything to carry is not the last one.
      for (let place = after; ; ) {
        const keys = await carriedKeys.page(session, ends.from.id, place, limit);
        const states = keys.filter((key) => isCarried(key, ends.options)).map((key) => stateOf(key, ends.options));
        if (states.length > 0 || keys.length < limit) return states;
        place = keys[keys.length - 1]!.name.name_key;
      }
    },
    find: async (session, ends, nameKey) => {
      const key = await carriedKeys.one(session, { vaultId: ends.from.id, nameKey });
      return key && isCarried(key, ends.options) ? stateOf(key, ends.options) : null;
    },
    findCopy: (session, { to }, nameKey) => copyOf(session, to.id, nameKey),
    prepare: (session, ends, nameKey) => prepareKey(parts, session, ends, nameKey),
    carry: async (transaction, ends, nameKey, context) => {
      const key = await carriedKeys.one(transaction, { vaultId: ends.from.id, nameKey });
      if (!key) return null;
      return ends.options.keys === 'generate'
        ? carryAnew(parts, transaction, ends, key, context)
        : carryVersions(parts, transaction, ends, key, context);
    },
    removeCopy: (transaction, ends, nameKey, now) => removeKey(transaction, ends, nameKey, now),
    contents: (session, { from }) => carriedKeys.contents(session, from.id),
    left: keysLeft,
    check: (session, ends) => requireKeysMovable(parts, session, ends),
    pageOfCopies: async (session, ends, after, limit) =>
      (await carriedKeys.page(session, ends.to.id, after, limit)).map(fullState),
    settle: async (transaction, { to }) => {
      for await (const { name, versions } of everyKey(transaction, to.id)) {
        const current = versions.find(({ version }) => version === name.current_version);
        if (current) await scheduleRotation(transaction, { vaultId: to.id, nameKey: name.name_key }, current);
      }
    },
  };
}

async function removeKey(
  transaction: Transaction,
  { to, options }: MoveEnds,
  nameKey: string,
  now: number,
): Promise<void> {
  const named = { vaultId: to.id, nameKey };
  const { keyQueries } = repository;
  // What was encrypted under a new key needs it, and nothing tells whether anything was.
  if (options.keys === 'generate') {
    const purgeAt = purgeInstant(to.settings, now);
    await keyQueries.markDeleted.change(transaction, { ...named, deleted: now, purgeAt });
    return;
  }
  await dropObjectsOfKey.change(transaction, named);
  await keyQueries.removeVersions.change(transaction, named);
  await keyQueries.removeName.change(transaction, named);
}

/** @throws Refusal `key-needs-premium`, `key-token-not-configured` */
async function requireKeysMovable({ providers }: KeyCarryParts, session: Session, ends: MoveEnds): Promise<void> {
  for await (const key of everyKey(session, ends.from.id)) {
    if (isCarried(key, ends.options)) requireHome(providers, { vault: ends.to, isHsm: isHsm(ends) }, currentOf(key));
  }
}

/** The keys that stay in the old vault alone: what cannot be carried, and under `generate` the material of every key. */
async function keysLeft(session: Session, ends: MoveEnds): Promise<readonly LeftItem[]> {
  const left: LeftItem[] = [];
  for await (const key of everyKey(session, ends.from.id)) {
    const reason = reasonLeft(key, ends.options);
    if (reason) left.push({ name: `keys/${key.name.name}`, reason });
  }
  return left;
}

function reasonLeft(key: Key, { keys }: MoveOptions): LeftItem['reason'] | null {
  if (key.name.managed === 1) return null;
  if (keys === 'generate') return key.name.deleted === null ? 'made-anew' : 'deleted';
  return isCarried(key, { keys }) ? null : 'not-exportable';
}

/** A certificate's key is the certificate's to carry; a token's key does not leave it. */
function isCarried({ name, versions }: Key, { keys }: Pick<MoveOptions, 'keys'>): boolean {
  if (name.managed === 1) return false;
  if (keys === 'generate') return name.deleted === null;
  return versions.every(({ kty }) => !kty.endsWith('-HSM'));
}

/** Copies of software keys are software keys; what is taken in or made anew is of the new vault's tier. */
function isHsm({ to, options }: MoveEnds): boolean {
  return options.keys !== 'copy' && to.settings.sku === 'premium';
}

function stateOf(key: Key, { keys }: Pick<MoveOptions, 'keys'>): ItemState {
  if (keys !== 'generate') return fullState(key);
  const { name, rotation_policy: policy, release_policy: release, name_key: nameKey } = key.name;
  const { enabled, nbf, exp, tags, key_ops, kty, size } = currentOf(key);
  return {
    ...fullState(key),
    key: nameKey,
    digest: digestOf([name, policy, release, enabled, nbf, exp, tags, key_ops, kty, size]),
  };
}

function fullState({ name, versions }: Key): ItemState {
  return {
    key: name.name_key,
    name: `keys/${name.name}`,
    digest: digestOf([Object.values(name), versions.map((version) => Object.values(version))]),
    size: versions.length,
  };
}

function currentOf({ name, versions }: Key): Version {
  return versions.find(({ version }) => version === name.current_version)!;
}

async function copyOf(session: Session, vaultId: string, nameKey: string): Promise<MadeCopy | null> {
  const copy = await carriedKeys.one(session, { vaultId, nameKey });
  return copy && { digest: fullState(copy).digest, made: null };
}

async function* everyKey(session: Session, vaultId: string): AsyncGenerator<Key> {
  for (let after = ''; ; ) {
    const page = await carriedKeys.page(session, vaultId, after, PAGE);
    yield* page;
    if (page.length < PAGE) return;
    after = page[page.length - 1]!.name.name_key;
  }
}

/** Key material that was made for versions, by their ids; of a new key by the empty text. */
class PreparedKeys implements Prepared {
  /** What kind of key a new one was made as. */
  anewAs: string | null = null;
  readonly byVersion = new Map<string, NewMaterial>();
  dispose(): void {
    for (const { made } of this.byVersion.values()) made.material.fill(0);
  }
}

/** Makes or takes in the key material that the transaction will need: providers are slow, and transactions may run again. */
async function prepareKey(
  parts: KeyCarryParts,
  session: Session,
  ends: MoveEnds,
  nameKey: string,
): Promise<Prepared | null> {
  const { from, to, options } = ends;
  if (options.keys === 'copy') return null;
  const key = await carriedKeys.one(session, { vaultId: from.id, nameKey });
  const copy = await carriedKeys.one(session, { vaultId: to.id, nameKey });
  const prepared = new PreparedKeys();
  if (!key) return prepared;
  const { keyring } = parts;
  const place = { vault: to, isHsm: isHsm(ends), now: parts.clock.now() };
  if (options.keys === 'generate') {
    if (copy && shapeOf(copy) === shapeOf(key)) return prepared;
    prepared.anewAs = shapeOf(key);
    prepared.byVersion.set('', await makeKeyLike(parts, place, kindOf(key, currentOf(key))));
    return prepared;
  }
  for (const version of missingOf(key, copy)) {
    const sealed = await sealedVersion(session, from.id, nameKey, version);
    if (!sealed) continue;
    const material = await keyring.openInVault(session, from.id, keyBinding(from.id, nameKey, version.version), sealed);
    prepared.byVersion.set(version.version, await takeKeyIn(parts, place, kindOf(key, version), material));
    material.fill(0);
  }
  return prepared;
}

/** What a new key must have in common with the current version, beside what can be changed later. Which tier it is of is no part of it. */
function shapeOf(key: Key): string {
  const current = currentOf(key);
  const { crv, e } = JSON.parse(current.public_key) as { crv?: string; e?: string };
  return JSON.stringify([
    ...[familyOf(current), current.size, crv, e],
    ...[isExportable(kindOf(key, current)), purposeOfRow(current)],
  ]);
}

function kindOf({ name }: Key, version: Version) {
  return { ...version, release_policy: name.release_policy };
}

/** The versions that the copy lacks; all of them where it holds some that are of another key of the name. */
function missingOf({ versions }: Key, copy: Key | null): readonly Version[] {
  if (!copy || isOfAnother(versions, copy)) return versions;
  return versions.filter(({ version }) => copy.versions.every((one) => one.version !== version));
}

function isOfAnother(versions: readonly Version[], copy: Key): boolean {
  return copy.versions.some(({ version }) => versions.every((one) => one.version !== version));
}

async function sealedVersion(
  session: Session,
  vaultId: string,
  nameKey: string,
  { sequence }: Version,
): Promise<Uint8Array | null> {
  const row = await carriedKeys.sealed.first(session, { vaultId, nameKey, after: sequence - 1, limit: 1 });
  return row?.envelope ?? null;
}

async function carryVersions(
  parts: KeyCarryParts,
  transaction: Transaction,
  ends: MoveEnds,
  key: Key,
  { prepared }: CarryContext,
): Promise<MadeCopy | null> {
  const { from, to, options } = ends;
  const { name_key: nameKey } = key.name;
  const named = { vaultId: to.id, nameKey };
  const copy = await carriedKeys.one(transaction, named);
  const missing = missingOf(key, copy);
  const takenOf = ({ version }: Version) =>
    prepared instanceof PreparedKeys ? prepared.byVersion.get(version) : undefined;
  // Before anything is written: what cannot be done whole is not begun.
  if (options.keys !== 'copy' && !missing.every(takenOf)) return null;
  if (copy && isOfAnother(key.versions, copy)) {
    await repository.keyQueries.removeVersions.change(transaction, named);
    // Those that were just made are claimed below.
    await dropObjectsOfKey.change(transaction, named);
  }
  for (const version of key.versions) {
    if (!missing.includes(version)) {
      await copyAttributes(transaction, named, version.version, version);
      continue;
    }
    const taken = takenOf(version);
    const material = taken?.made.material ?? (await opened(parts, transaction, from.id, nameKey, version));
    const row = rowOf(key.name, version, isHsm(ends));
    await insertSealed(parts, transaction, to, row, material);
    if (taken && isHsm(ends)) await claimPlace(transaction, { ...named, version: version.version }, material);
    if (!taken) material.fill(0);
  }
  await copyName(transaction, ends, key.name, key.name.current_version);
  return copyOf(transaction, to.id, nameKey);
}

async function carryAnew(
  parts: KeyCarryParts,
  transaction: Transaction,
  ends: MoveEnds,
  key: Key,
  { prepared, before, now }: CarryContext,
): Promise<MadeCopy | null> {
  const { to } = ends;
  const { name_key: nameKey } = key.name;
  const named = { vaultId: to.id, nameKey };
  const source = currentOf(key);
  const copy = await carriedKeys.one(transaction, named);
  if (copy && !before) return null;
  if (copy && shapeOf(copy) === shapeOf(key)) {
    await copyAttributes(transaction, named, copy.name.current_version, { ...source, updated: now });
    await copyName(transaction, ends, key.name, copy.name.current_version);
    return copyOf(transaction, to.id, nameKey);
  }
  // The current version may be of another kind or for another purpose by now: than the one that the key was made like, and than the copy,
  // whose material shall not be used for both.
  const isLike = prepared instanceof PreparedKeys && prepared.anewAs === shapeOf(key);
  const material = isLike ? prepared.byVersion.get('') : undefined;
  if (!material) return null;
  const { made } = material;
  const version: Version = {
    ...source,
    version: material.version,
    sequence: 1 + Math.max(0, ...(copy?.versions ?? []).map(({ sequence }) => sequence)),
    created: now,
    updated: now,
    previous_version: null,
    public_key: JSON.stringify(made.publicMembers),
  };
  await insertSealed(parts, transaction, to, rowOf(key.name, version, isHsm(ends)), made.material);
  if (isHsm(ends)) await claimPlace(transaction, { ...named, version: version.version }, made.material);
  await copyName(transaction, ends, { ...key.name, created: copy?.name.created ?? now }, version.version);
  return copyOf(transaction, to.id, nameKey);
}

function rowOf(name: Name, version: Version, inHardware: boolean): KeyRow {
  const { name_key, name: shown, current_version, deleted, purge_at, release_policy } = name;
  const kty = inHardware ? `${familyOf(version)}-HSM` : familyOf(version);
  return { ...version, kty, name_key, name: shown, current_version, deleted, purge_at, release_policy, managed: 0 };
}

async function opened(
  { keyring }: KeyCarryParts,
  session: Session,
  vaultId: string,
  nameKey: string,
  version: Version,
): Promise<Buffer> {
  const envelope = await sealedVersion(session, vaultId, nameKey, version);
  return keyring.openInVault(session, vaultId, keyBinding(vaultId, nameKey, version.version), envelope!);
}

async function copyAttributes(
  transaction: Transaction,
  named: { readonly vaultId: string; readonly nameKey: string },
  version: string,
  { updated, enabled, nbf, exp, tags, key_ops: keyOps }: Version,
): Promise<void> {
  await repository.updateKeyVersion.change(transaction, {
    ...named,
    version,
    updated,
    enabled,
    nbf,
    exp,
    tags,
    keyOps,
  });
}

/** Writes the name anew: which version is current, whether it is deleted, and the policy, by which nothing is due yet. */
async function copyName(transaction: Transaction, { to }: MoveEnds, name: Name, version: string): Promise<void> {
  const named = { vaultId: to.id, nameKey: name.name_key };
  const { keyQueries } = repository;
  await keyQueries.removeName.change(transaction, named);
  await repository.insertKey.change(transaction, {
    ...named,
    name: name.name,
    version,
    created: name.created,
    managed: 0,
    releasePolicy: name.release_policy,
  });
  if (name.rotation_policy !== null) {
    await repository.writePolicy.change(transaction, { ...named, policy: name.rotation_policy });
  }
  if (name.deleted !== null) {
    await keyQueries.markDeleted.change(transaction, { ...named, deleted: name.deleted, purgeAt: name.purge_at });
  }
}
