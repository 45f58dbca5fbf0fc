import type { KeyProviders } from '../crypto/key-provider.ts';
import { jwkOfMaterial } from '../crypto/software/exported-jwk.ts';
import type { Vault } from '../resources/vault.ts';
import { type HomeParts, makeKey, type NewMaterial, providerOf } from './key-home.ts';
import { isExportable } from './key-purpose.ts';
import type { KeyRow } from './repository.ts';
import { familyOf, specOf } from './stored-key.ts';

/** What a stored key is, whichever vault it is in. */
export type KindOfKey = Pick<KeyRow, 'kty' | 'size' | 'public_key' | 'key_ops' | 'name_key' | 'release_policy'>;

/** Where the key of another vault is to be made. */
export interface Place {
  readonly vault: Vault;
  /** Whether a hardware token is to hold it. */
  readonly isHsm: boolean;
  /** Milliseconds since the Unix epoch. */
  readonly now: number;
}

/** @throws Refusal `key-needs-premium`, `key-token-not-configured` */
export function requireHome(
  providers: KeyProviders,
  { vault, isHsm }: Omit<Place, 'now'>,
  like: Pick<KeyRow, 'kty'>,
): void {
  providerOf(providers, vault, { isHsm, family: familyOf(like) });
}

/**
 * Makes a new key of the kind of one that is there, for a vault.
 * @throws Refusal `key-needs-premium`, `key-token-not-configured`
 */
export function makeKeyLike(parts: HomeParts, { vault, isHsm, now }: Place, like: KindOfKey): Promise<NewMaterial> {
  const order = { ...orderOf(like), isHsm };
  return makeKey(parts, vault, order, now, (provider, place) => provider.generate(specOf(like), place));
}

/**
 * Takes a software key into the provider that holds the keys of a vault, for the version of its id; the material given is not
 * overwritten.
 * @throws Refusal as {@link makeKeyLike}
 */
export function takeKeyIn(
  parts: HomeParts,
  { vault, isHsm, now }: Place,
  like: KindOfKey & Pick<KeyRow, 'version'>,
  material: Buffer,
): Promise<NewMaterial> {
  const order = { ...orderOf(like), isHsm, version: like.version };
  const jwk = jwkOfMaterial(specOf(like), material);
  return makeKey(parts, vault, order, now, (provider, place) => provider.importKey(jwk, place));
}

function orderOf(like: KindOfKey) {
  return { family: familyOf(like), nameKey: like.name_key, isExportable: isExportable(like) };
}
