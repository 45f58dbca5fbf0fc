import { createPrivateKey, createPublicKey, generateKeyPair, type KeyObject } from 'node:crypto';
import { promisify } from 'node:util';
import { oneByOne } from '../../base/one-by-one.ts';
import type { Random } from '../../base/ports.ts';
import { fromBase64Url } from '../../base/text.ts';
import { type CurveName, curves } from '../algorithms.ts';
import { type ImportedJwk, KeyInputFault, type KeySpec, type MadeKey, type PublicMembers } from '../key-provider.ts';

const generate = promisify(generateKeyPair);
const PRIVATE = { type: 'pkcs8', format: 'der' } as const;

/**
 * RSA key generation takes a thread of the pool for up to seconds, and flushes and signatures wait for the same threads:
 * so one at a time.
 */
const oneRsaKey = oneByOne();

/** Makes a key. RSA keys are made one after the other. */
export async function generateKey(spec: KeySpec, random: Random): Promise<MadeKey> {
  switch (spec.family) {
    case 'oct':
      return { spec, publicMembers: {}, material: random.bytes(spec.bits / 8) };
    case 'EC': {
      const { privateKey } = await generate('ec', { namedCurve: curves[spec.curve].openssl });
      return madeFrom(privateKey, spec);
    }
    case 'RSA': {
      const { bits: modulusLength, publicExponent } = spec;
      const { privateKey } = await oneRsaKey(() => generate('rsa', { modulusLength, publicExponent }));
      return madeFrom(privateKey, spec);
    }
  }
}

/**
 * Reads the private JWK of a caller; whether its halves belong together is not asked here.
 * @throws KeyInputFault
 */
export function readPrivateJwk({ family, members }: ImportedJwk): MadeKey {
  if (family === 'oct') {
    const material = fromBase64Url(members['k'] ?? '');
    if (!material) throw new KeyInputFault('The member k is not base64url.');
    return { spec: { family, bits: material.length * 8 }, publicMembers: {}, material };
  }
  const crv = members['crv'] as CurveName | undefined;
  if (family === 'EC' && !(crv && Object.hasOwn(curves, crv)))
    throw new KeyInputFault('The member crv names no curve.');
  const jwk = family === 'EC' ? { ...members, kty: 'EC', crv: curves[crv!].jwk } : { ...members, kty: 'RSA' };
  let key: KeyObject;
  try {
    key = createPrivateKey({ key: jwk, format: 'jwk' });
  } catch (cause) {
    // The cause may quote members; it stays here.
    throw new KeyInputFault('The members are no private key.', { cause: (cause as Error).name });
  }
  if (family === 'EC') return madeFrom(key, { family, curve: crv! });
  const details = key.asymmetricKeyDetails!;
  return madeFrom(key, { family, bits: details.modulusLength!, publicExponent: Number(details.publicExponent) });
}

/** A stored public key as SubjectPublicKeyInfo. */
export function publicKeyInfo(members: PublicMembers): Buffer {
  const jwk =
    'crv' in members
      ? { ...members, kty: 'EC', crv: curves[members.crv as CurveName].jwk }
      : { ...members, kty: 'RSA' };
  return createPublicKey({ key: jwk, format: 'jwk' }).export({ type: 'spki', format: 'der' });
}

/** A key that OpenSSL holds, as it is kept. */
export function madeFrom(privateKey: KeyObject, spec: KeySpec): MadeKey {
  const jwk = createPublicKey(privateKey).export({ format: 'jwk' });
  const publicMembers: PublicMembers =
    spec.family === 'EC' ? { crv: spec.curve, x: jwk.x!, y: jwk.y! } : { n: jwk.n!, e: jwk.e! };
  return { spec, publicMembers, material: privateKey.export(PRIVATE) };
}
