import { removeAssignmentsUnder } from '../access/scope-removal.ts';
import { foldName } from '../base/ids.ts';
import { toIso, toSeconds } from '../base/text.ts';
import { type Answer, type Call, vaultOf } from '../operations/operation.ts';
import type { Pager } from '../operations/paging.ts';
import { isVersionAtLeast } from '../operations/versions.ts';
import { purgeInstant, recoveryLevel } from '../recovery/levels.ts';
import type { RefusalCode } from '../refusals/catalogue.ts';
import { Refusal } from '../refusals/refusal.ts';
import type { Vault } from '../resources/vault.ts';
import type { Session, Transaction } from '../store/port.ts';
import type { Store } from '../store/store.ts';
import type { Named, ObjectQueries, Sealed, VersionRow } from './object-queries.ts';

/** A kind of object, as what is common to all of them needs to know it. */
export interface ObjectKind<Row extends VersionRow, Whole extends Row = Sealed<Row>> {
  /** The collection in paths and scopes. */
  readonly collection: 'keys' | 'secrets' | 'certificates';
  readonly queries: ObjectQueries<Row, Whole>;
  readonly refusals: {
    readonly notFound: RefusalCode;
    readonly deleted: RefusalCode;
    readonly deletedNotFound: RefusalCode;
    readonly nameDeleted: RefusalCode;
    /** Of an object that a certificate rules; null for kinds that none can rule. */
    readonly managed: RefusalCode | null;
  };
  /** The whole object as an answer shows it. */
  readonly bundle: (call: Call, row: Row) => Record<string, unknown>;
  /** The object as lists show it, with its version in the id where asked. */
  readonly item: (call: Call, row: Row, withVersion: boolean) => Record<string, unknown>;
  /** What else is to be done where an object is removed for good. */
  readonly erased?: (transaction: Transaction, named: Named) => Promise<void>;
}

/** What lists and reads need. */
export interface ObjectParts {
  readonly store: Store;
  readonly pager: Pager;
}

/** The name that a call is about, and the key under which it is compared. */
export function nameOf(call: Call): { readonly name: string; readonly nameKey: string } {
  const name = call.parameters['name']!;
  return { name, nameKey: foldName(name) };
}

/** The id of an object, with its version where one is given, on the host and port the caller used. */
export function objectId(call: Call, collection: string, name: string, version?: string): string {
  const id = `${call.origin}/${collection}/${name}`;
  return version === undefined ? id : `${id}/${version}`;
}

/** An answer about one version of an object. */
export function answerFor<Row extends VersionRow, Whole extends Row>(
  { collection }: ObjectKind<Row, Whole>,
  call: Call,
  row: Row,
  body: unknown,
): Answer {
  return { status: 200, body, subject: objectId(call, collection, row.name, row.version) };
}

/** The attributes that every kind of object shows. */
export function sharedAttributes(call: Call, row: VersionRow): Record<string, unknown> {
  const { settings } = vaultOf(call);
  return {
    enabled: row.enabled === 1,
    ...(row.nbf === null ? {} : { nbf: row.nbf }),
    ...(row.exp === null ? {} : { exp: row.exp }),
    created: toSeconds(row.created),
    updated: toSeconds(row.updated),
    recoveryLevel: recoveryLevel(settings),
    ...(isVersionAtLeast(call.apiVersion, '7.1') ? { recoverableDays: settings.softDeleteRetentionInDays } : {}),
  };
}

/** The version the call names, or the current one, of a live object. @throws Refusal */
export function liveRow<Row extends VersionRow, Whole extends Row>(
  kind: ObjectKind<Row, Whole>,
  session: Session,
  call: Call,
): Promise<Whole> {
  return requireRow(kind, session, vaultOf(call), call.parameters['name']!, call.parameters['version']);
}

/** A version, or the current one, of a live object in a vault. @throws Refusal */
export async function requireRow<Row extends VersionRow, Whole extends Row>(
  { queries, refusals }: ObjectKind<Row, Whole>,
  session: Session,
  vault: Vault,
  name: string,
  version?: string,
): Promise<Whole> {
  const named = { vaultId: vault.id, nameKey: foldName(name) };
  const row =
    version === undefined
      ? await queries.current.first(session, named)
      : await queries.oneVersion.first(session, { ...named, version: version.toLowerCase() });
  if (row?.deleted === null) return row;
  const id = version === undefined ? name : `${name}/${version.toLowerCase().slice(0, 64)}`;
  if (!row) throw new Refusal(refusals.notFound, { id, vault: vault.name, name });
  throw new Refusal(refusals.deleted, { id, ...deletionFacts(vault, row) });
}

/** The current row of a deleted object. @throws Refusal */
export async function deletedRow<Row extends VersionRow, Whole extends Row>(
  kind: ObjectKind<Row, Whole>,
  session: Session,
  call: Call,
): Promise<Whole> {
  const { name, nameKey } = nameOf(call);
  const vault = vaultOf(call);
  const row = await kind.queries.current.first(session, { vaultId: vault.id, nameKey });
  if (!row || row.deleted === null) throw new Refusal(kind.refusals.deletedNotFound, { vault: vault.name, name });
  return row;
}

/** The current row of a live name in a vault, or null where the name is free. @throws Refusal where it is deleted */
export async function findRow<Row extends VersionRow, Whole extends Row>(
  kind: ObjectKind<Row, Whole>,
  session: Session,
  vault: Vault,
  nameKey: string,
): Promise<Row | null> {
  const row = await kind.queries.current.first(session, { vaultId: vault.id, nameKey });
  if (row?.deleted != null) throw new Refusal(kind.refusals.nameDeleted, deletionFacts(vault, row));
  return row;
}

/**
 * Keeps what a certificate rules from being changed on its own.
 * @param operation the operation as the refusal names it
 * @throws Refusal `secret-managed`, `key-managed`
 */
export function assertUnmanaged<Row extends VersionRow, Whole extends Row>(
  { refusals }: ObjectKind<Row, Whole>,
  vault: Vault,
  row: Row,
  operation: string,
): void {
  if (row.managed !== 1 || refusals.managed === null) return;
  throw new Refusal(refusals.managed, { operation, vault: vault.name, name: row.name });
}

/** A page of live or deleted objects, by name. */
export async function listObjects<Row extends VersionRow, Whole extends Row>(
  kind: ObjectKind<Row, Whole>,
  { store, pager }: ObjectParts,
  call: Call,
  deleted: boolean,
): Promise<Answer> {
  const { size, after } = pager.read(call);
  const page = deleted ? kind.queries.deletedPage : kind.queries.livePage;
  const rows = await page.all(store.reader, { vaultId: vaultOf(call).id, after, limit: size + 1 });
  const shown = rows.slice(0, size);
  return listAnswer(
    kind,
    call,
    shown.map((row) => ({ ...kind.item(call, row, false), ...(deleted ? deletion(kind, call, row) : {}) })),
    rows.length > size ? pager.nextLink(call, shown[size - 1]!.name_key) : null,
  );
}

/** A page of the versions of a live object. */
export async function listObjectVersions<Row extends VersionRow, Whole extends Row>(
  kind: ObjectKind<Row, Whole>,
  { store, pager }: ObjectParts,
  call: Call,
): Promise<Answer> {
  const { size, after } = pager.read(call);
  const { nameKey } = nameOf(call);
  const vaultId = vaultOf(call).id;
  const rows = await kind.queries.versionPage.all(store.reader, { vaultId, nameKey, after, limit: size + 1 });
  if (rows.length === 0 && after === '') await liveRow(kind, store.reader, call);
  const shown = rows.slice(0, size);
  return listAnswer(
    kind,
    call,
    shown.map((row) => kind.item(call, row, true)),
    rows.length > size ? pager.nextLink(call, shown[size - 1]!.version) : null,
  );
}

/** Deletes an object with all its versions, recoverable until the vault's retention ends. */
export function deleteObject<Row extends VersionRow, Whole extends Row>(
  kind: ObjectKind<Row, Whole>,
  call: Call,
): Promise<Answer> {
  const vault = vaultOf(call);
  return call.commit(async (transaction) => {
    const row = await liveRow(kind, transaction, call);
    assertUnmanaged(kind, vault, row, 'delete');
    const gone = { ...row, deleted: call.time, purge_at: purgeInstant(vault.settings, call.time) };
    await kind.queries.markDeleted.change(transaction, {
      vaultId: vault.id,
      nameKey: row.name_key,
      deleted: gone.deleted,
      purgeAt: gone.purge_at,
    });
    return answerFor(kind, call, gone, { ...deletion(kind, call, gone), ...kind.bundle(call, gone) });
  });
}

/** A deleted object as it was. */
export async function getDeletedObject<Row extends VersionRow, Whole extends Row>(
  kind: ObjectKind<Row, Whole>,
  { store }: ObjectParts,
  call: Call,
): Promise<Answer> {
  const row = await deletedRow(kind, store.reader, call);
  return answerFor(kind, call, row, { ...deletion(kind, call, row), ...kind.bundle(call, row) });
}

/** Makes a deleted object live again with every version. */
export function recoverObject<Row extends VersionRow, Whole extends Row>(
  kind: ObjectKind<Row, Whole>,
  call: Call,
): Promise<Answer> {
  const vault = vaultOf(call);
  const vaultId = vault.id;
  return call.commit(async (transaction) => {
    const row = await deletedRow(kind, transaction, call);
    assertUnmanaged(kind, vault, row, 'recover');
    await kind.queries.markDeleted.change(transaction, {
      vaultId,
      nameKey: row.name_key,
      deleted: null,
      purgeAt: null,
    });
    return answerFor(kind, call, row, kind.bundle(call, row));
  });
}

/** Removes a deleted object for good, unless the vault has purge protection. */
export function purgeObject<Row extends VersionRow, Whole extends Row>(
  kind: ObjectKind<Row, Whole>,
  call: Call,
): Promise<Answer> {
  const vault = vaultOf(call);
  return call.commit(async (transaction) => {
    const row = await deletedRow(kind, transaction, call);
    assertUnmanaged(kind, vault, row, 'purge');
    if (vault.settings.enablePurgeProtection) {
      throw new Refusal('purge-protected', {
        vault: vault.name,
        name: row.name,
        kind: kind.collection.slice(0, -1),
        purge: toIso(row.purge_at ?? 0),
      });
    }
    await eraseObject(kind, transaction, vault, row.name_key);
    return { status: 204, subject: objectId(call, kind.collection, row.name) };
  });
}

/** Removes an object for good, and what was granted on it: a later one of the name starts clean. The purge job calls it too. */
export async function eraseObject<Row extends VersionRow, Whole extends Row>(
  { queries, collection, erased }: ObjectKind<Row, Whole>,
  transaction: Transaction,
  vault: Vault,
  nameKey: string,
): Promise<void> {
  await queries.removeVersions.change(transaction, { vaultId: vault.id, nameKey });
  await queries.removeName.change(transaction, { vaultId: vault.id, nameKey });
  await erased?.(transaction, { vaultId: vault.id, nameKey });
  await removeAssignmentsUnder(transaction, `${vault.scopeKey}/${collection}/${nameKey}`);
}

/** What deleted bundles and items add. */
export function deletion<Row extends VersionRow, Whole extends Row>(
  { collection }: ObjectKind<Row, Whole>,
  call: Call,
  row: VersionRow,
) {
  return {
    recoveryId: `${call.origin}/deleted${collection}/${row.name}`,
    deletedDate: toSeconds(row.deleted ?? 0),
    scheduledPurgeDate: toSeconds(row.purge_at ?? 0),
  };
}

/** When a deleted object was deleted, and until when it can be recovered. */
export function deletionFacts(vault: Vault, row: VersionRow) {
  return {
    vault: vault.name,
    name: row.name,
    deleted: toIso(row.deleted ?? 0),
    purge: toIso(row.purge_at ?? 0),
  };
}

function listAnswer<Row extends VersionRow, Whole extends Row>(
  { collection }: ObjectKind<Row, Whole>,
  call: Call,
  value: readonly unknown[],
  nextLink: string | null,
): Answer {
  const { name } = call.parameters;
  return {
    status: 200,
    body: { value, nextLink },
    subject: name === undefined ? call.origin : objectId(call, collection, name),
  };
}
