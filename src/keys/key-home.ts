import { newVersion } from '../base/ids.ts';
import type { Random } from '../base/ports.ts';
import {
  type KeyPlace,
  type KeyProvider,
  type KeyProviders,
  KeyTokenFault,
  type MadeKey,
  type TokenKeys,
} from '../crypto/key-provider.ts';
import { readTokenReference } from '../crypto/token-reference.ts';
import type { Named } from '../objects/object-queries.ts';
import { Refusal } from '../refusals/refusal.ts';
import type { Vault } from '../resources/vault.ts';
import type { Transaction } from '../store/port.ts';
import type { Store } from '../store/store.ts';
import type { KeyType } from './key-body.ts';
import { isExportable } from './key-purpose.ts';
import type { KeyRow } from './repository.ts';
import { keepObject, noteObject } from './token-object-rows.ts';

/** An object whose version was never stored is destroyed after this: longer than any making takes. */
const UNCLAIMED_MS = 3_600_000;

/** What finding the home of a key takes. */
export interface HomeParts {
  readonly store: Store;
  readonly random: Random;
  readonly providers: KeyProviders;
}

/** A key that was made for a version that is yet to be stored. */
export interface NewMaterial {
  readonly version: string;
  readonly made: MadeKey;
}

/** What is to be made: its name in the vault, its type, and whether it may leave. */
export interface MakeOrder extends KeyType {
  readonly nameKey: string;
  /** The version it is for; a new one where it is not named. */
  readonly version?: string;
  readonly isExportable: boolean;
}

/** Makes a key with a provider; in a token, at a place of it. */
export type MakeKey = (provider: KeyProvider, place?: KeyPlace) => Promise<MadeKey>;

/** The type of a stored key. */
export function typeOf({ kty }: { readonly kty: string }): KeyType {
  const isHsm = kty.endsWith('-HSM');
  return { isHsm, family: kty.replace('-HSM', '') as KeyType['family'] };
}

/** Another key like a stored one. */
export function orderLike(row: Pick<KeyRow, 'kty' | 'name_key' | 'release_policy' | 'key_ops'>): MakeOrder {
  return { ...typeOf(row), nameKey: row.name_key, isExportable: isExportable(row) };
}

/**
 * The provider of a type of key in a vault.
 * @throws Refusal `key-needs-premium`, `key-token-not-configured`
 */
export function providerOf({ software, token }: KeyProviders, vault: Vault, type: KeyType): KeyProvider {
  return type.isHsm ? tokenOf(token, vault, type) : software;
}

/**
 * Makes a key where its type belongs. What goes into a token is noted before, so that an object whose version is never stored (a
 * crash, a refusal) is destroyed later.
 * @throws Refusal as {@link providerOf}, and what the provider throws
 */
export async function makeKey(
  parts: HomeParts,
  vault: Vault,
  order: MakeOrder,
  now: number,
  make: MakeKey,
): Promise<NewMaterial> {
  const { random, providers } = parts;
  const version = order.version ?? newVersion(random);
  if (!order.isHsm) return { version, made: await make(providers.software) };
  const token = tokenOf(providers.token, vault, order);
  const place = await takePlace(parts, token, vault, order, version, now);
  return { version, made: await make(token, place) };
}

/** A place in the token for the objects of a version, noted: what is not claimed within an hour is destroyed. */
export async function takePlace(
  { store, random }: Pick<HomeParts, 'store' | 'random'>,
  token: TokenKeys,
  vault: Vault,
  { nameKey, isExportable }: Pick<MakeOrder, 'nameKey' | 'isExportable'>,
  version: string,
  now: number,
): Promise<KeyPlace> {
  const named: Named = { vaultId: vault.id, nameKey };
  const label = `strongroom/${vault.name}/${nameKey}/${version}`;
  const place = { id: random.bytes(16).toString('hex'), label, isExportable };
  const noted = { ...named, version, objectId: place.id, token: await token.serial(), destroyAt: now + UNCLAIMED_MS };
  await store.write((transaction) => noteObject.change(transaction, noted));
  return place;
}

/** A version that was stored has its objects in the token for good. */
export async function claimPlace(
  transaction: Transaction,
  of: Named & { readonly version: string },
  material: Buffer,
): Promise<void> {
  const kept = await keepObject.change(transaction, { ...of, objectId: readTokenReference(material).id });
  if (kept === 0) throw new KeyTokenFault('Making the key took so long that what was made is destroyed again.');
}

function tokenOf(token: TokenKeys | null, vault: Vault, { family }: KeyType): TokenKeys {
  if (vault.settings.sku !== 'premium') throw new Refusal('key-needs-premium', { vault: vault.name, family });
  if (!token) throw new Refusal('key-token-not-configured', { vault: vault.name, family });
  return token;
}
