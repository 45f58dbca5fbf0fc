import { createPrivateKey } from 'node:crypto';
import { toBase64Url } from '../../base/text.ts';
import type { ImportedJwk, KeySpec } from '../key-provider.ts';

/**
 * The private JWK (RFC 7518 §6) of a software key's material, so that another provider can take it in. What it returns holds private
 * members as text, which cannot be overwritten: for the moment of an import alone.
 */
export function jwkOfMaterial(spec: KeySpec, material: Buffer): ImportedJwk {
  if (spec.family === 'oct') return { family: 'oct', members: { k: toBase64Url(material) } };
  const jwk = createPrivateKey({ key: material, format: 'der', type: 'pkcs8' }).export({ format: 'jwk' });
  const { kty: _kty, ...members } = jwk as Readonly<Record<string, string>>;
  // The curve goes by Key Vault's name, which is not everywhere JOSE's.
  return { family: spec.family, members: spec.family === 'EC' ? { ...members, crv: spec.curve } : members };
}
