import { ECDH } from 'node:crypto';
import {
  type CipherAlgorithm,
  type CurveName,
  curves,
  type KeyFamily,
  type SignatureAlgorithm,
  signatureAlgorithms,
} from '../algorithms.ts';
import {
  KeyInputFault,
  KeyProviderFault,
  type KeySpec,
  KeyUnsupportedFault,
  type MadeKey,
  type RsaPublicMembers,
} from '../key-provider.ts';
import type { ObjectKind, ObjectPlace } from './messages.ts';
import { MAC_BYTES } from './objects.ts';

/** A block of AES. */
export const BLOCK_BYTES = 16;
/** AES keys are of these sizes; a longer or shorter symmetric key authenticates alone. */
export const AES_BITS: readonly number[] = [128, 192, 256];
const RSA_BITS: readonly number[] = [2048, 3072, 4096];

/** A symmetric key is two objects, of which a release could give one. @throws KeyUnsupportedFault */
export function assertReleasable(family: KeyFamily, { isExportable }: ObjectPlace): void {
  if (isExportable && family === 'oct')
    throw new KeyUnsupportedFault('A symmetric key in a token is never exportable.');
}

/** @throws KeyInputFault where it is of a size that no key may have */
export function rsaSpecOf({ n, e }: RsaPublicMembers): KeySpec {
  const exponent = Buffer.from(e, 'base64url');
  const bits = Buffer.from(n, 'base64url').length * 8;
  if (!RSA_BITS.includes(bits) || exponent.length > 4) throw doesNotFit();
  return { family: 'RSA', bits, publicExponent: exponent.readUIntBE(0, exponent.length) };
}

/**
 * The two points of a curve that have an x coordinate, which differ in the sign of y (SEC 1 §2.3.4).
 * @throws KeyProviderFault where there is none
 */
export function pointsAt({ crv, x }: { readonly crv: CurveName; readonly x: string }) {
  const { openssl, fieldBytes } = curves[crv];
  const flat = Buffer.from(x, 'base64url');
  const padded = Buffer.concat([Buffer.alloc(Math.max(0, fieldBytes - flat.length)), flat]);
  return [2, 3].map((sign) => {
    const point = decompressed(Buffer.concat([Buffer.of(sign), padded]), openssl);
    return {
      crv,
      x: padded.toString('base64url'),
      y: point.subarray(1 + fieldBytes).toString('base64url'),
    };
  });
}

function decompressed(point: Buffer, openssl: string): Buffer {
  try {
    return ECDH.convertKey(point, openssl, undefined, undefined, 'uncompressed') as Buffer;
  } catch (cause) {
    throw new KeyProviderFault('The key token gave the coordinate of no point.', { cause });
  }
}

/** The objects that a key of the token has. */
export function kindsOf({ family }: KeySpec): readonly ObjectKind[] {
  return family === 'oct' ? ['aes', 'mac'] : ['private'];
}

/** The objects that a key's material becomes. */
export function halvesOf({ spec, material }: MadeKey): readonly (readonly [ObjectKind, Buffer])[] {
  if (spec.family !== 'oct') return [['private', material]];
  const halves: [ObjectKind, Buffer][] = AES_BITS.includes(spec.bits) ? [['aes', material]] : [];
  if (material.length > MAC_BYTES) return halves;
  // The same HMAC as with the key itself (RFC 2104 §2).
  return [...halves, ['mac', Buffer.concat([material, Buffer.alloc(MAC_BYTES - material.length)])]];
}

/** By what a pair that was just made is tried. */
export function pairAlgorithm(spec: KeySpec): SignatureAlgorithm {
  if (spec.family === 'RSA') return signatureAlgorithms['RS256']!;
  return Object.values(signatureAlgorithms).find(({ curve }) => spec.family === 'EC' && curve === spec.curve)!;
}

/** The bytes of a signature or decryption, or more. */
export function outputOf(spec: KeySpec): number {
  if (spec.family === 'RSA') return spec.bits / 8;
  return spec.family === 'EC' ? curves[spec.curve].fieldBytes * 2 : MAC_BYTES;
}

/** What AES could not take is refused before a token is asked: some take it, and answer anything. */
export function assertShape(mode: CipherAlgorithm['mode'], value: Buffer, iv: Buffer | null): void {
  if (mode.startsWith('cbc') && iv?.length !== BLOCK_BYTES) {
    throw new KeyInputFault(`CBC needs an initialization vector of ${BLOCK_BYTES} bytes.`);
  }
  if (mode === 'cbc' && value.length % BLOCK_BYTES !== 0) throw doesNotFit();
  if (mode === 'wrap' && (value.length % 8 !== 0 || value.length < 16)) throw doesNotFit();
  if (mode === 'wrap-padded' && value.length === 0) throw doesNotFit();
}

/** One fault for whatever does not fit. */
export function doesNotFit(): KeyInputFault {
  return new KeyInputFault('The value does not fit the key and the algorithm.');
}
