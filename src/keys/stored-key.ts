import type { CurveName, KeyFamily } from '../crypto/algorithms.ts';
import type { KeySpec, PublicMembers } from '../crypto/key-provider.ts';
import type { KeyRow } from './repository.ts';

/** The family of a stored key, wherever its material is. */
export function familyOf({ kty }: Pick<KeyRow, 'kty'>): KeyFamily {
  return kty.replace('-HSM', '') as KeyFamily;
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
