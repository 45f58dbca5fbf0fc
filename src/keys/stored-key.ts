import type { CurveName, KeyFamily } from '../crypto/algorithms.ts';
import { envelopeMark } from '../crypto/envelope.ts';
import type { KeySpec, PublicMembers, StoredKey } from '../crypto/key-provider.ts';
import type { Keyring } from '../crypto/keyring.ts';
import type { Store } from '../store/store.ts';
import type { OperableKey } from './key-body.ts';
import { isExportable } from './key-purpose.ts';
import type { KeyRow, SealedKeyRow } from './repository.ts';

/** The family of a stored key, wherever its material is. */
export function familyOf({ kty }: Pick<KeyRow, 'kty'>): KeyFamily {
  return kty.replace('-HSM', '') as KeyFamily;
}

/** A stored key as its operations are judged. */
export function operableKey(row: KeyRow): OperableKey {
  return {
    family: familyOf(row),
    isHsm: row.kty.endsWith('-HSM'),
    isExportable: isExportable(row),
    operations: JSON.parse(row.key_ops) as string[],
  };
}

/** The id by which providers know a version of a key. A restored version may have other material than it had: the envelope tells. */
export function storedKeyId(vaultId: string, row: Pick<SealedKeyRow, 'name_key' | 'version' | 'envelope'>): string {
  return `${vaultId}/${row.name_key}/${row.version}/${envelopeMark(row.envelope)}`;
}

/** The public members of a stored key. */
export function publicMembersOf(row: Pick<KeyRow, 'public_key'>): PublicMembers {
  return JSON.parse(row.public_key) as PublicMembers;
}

/** What a stored key is, so that another like it can be made. */
export function specOf(row: Pick<KeyRow, 'kty' | 'size' | 'public_key'>): KeySpec {
  const family = familyOf(row);
  const members = publicMembersOf(row);
  if (family === 'EC') return { family, curve: (members as { crv: CurveName }).crv };
  if (family === 'oct') return { family, bits: row.size };
  const exponent = Buffer.from((members as { e: string }).e, 'base64url');
  return { family, bits: row.size, publicExponent: exponent.readUIntBE(0, exponent.length) };
}

/** What the envelope of a version is bound to. */
export function keyBinding(vaultId: string, nameKey: string, version: string): readonly string[] {
  return ['key', vaultId, nameKey, version];
}

/** A stored version as a provider asks for it: its material is opened when, and only if, it is needed. */
export function openable(
  { store, keyring }: { readonly store: Store; readonly keyring: Keyring },
  vaultId: string,
  row: SealedKeyRow,
): StoredKey {
  const binding = keyBinding(vaultId, row.name_key, row.version);
  return {
    id: storedKeyId(vaultId, row),
    spec: specOf(row),
    publicMembers: publicMembersOf(row),
    open: () => keyring.openInVault(store.reader, vaultId, binding, row.envelope),
  };
}
