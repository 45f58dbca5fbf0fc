import type { KeyProvider, MadeKey } from '../crypto/key-provider.ts';
import { jwkOfMaterial } from '../crypto/software/exported-jwk.ts';
import type { Vault } from '../resources/vault.ts';
import type { KeyRow } from './repository.ts';
import { refuseHardware } from './service.ts';
import { familyOf, specOf } from './stored-key.ts';

/** What a stored key is, whichever vault it is in. */
export type KindOfKey = Pick<KeyRow, 'kty' | 'size' | 'public_key'>;

/** Where the key of another vault is to be made. */
export interface Place {
  readonly vault: Vault;
  /** Whether a hardware token is to hold it. */
  readonly isHsm: boolean;
}

/**
 * Makes a new key of the kind of one that is there, for a vault.
 * @throws Refusal `key-needs-premium`, `not-implemented` where hardware is asked for
 */
export async function makeKeyLike(provider: KeyProvider, { vault, isHsm }: Place, like: KindOfKey): Promise<MadeKey> {
  refuseHardware({ isHsm, family: familyOf(like) }, vault);
  return provider.generate(specOf(like));
}

/**
 * Takes a software key into the provider that holds the keys of a vault; the material given is not overwritten.
 * @throws Refusal as {@link makeKeyLike}
 */
export async function takeKeyIn(
  provider: KeyProvider,
  { vault, isHsm }: Place,
  like: KindOfKey,
  material: Buffer,
): Promise<MadeKey> {
  refuseHardware({ isHsm, family: familyOf(like) }, vault);
  return provider.importKey(jwkOfMaterial(specOf(like), material));
}
