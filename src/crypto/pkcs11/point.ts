import { createECDH } from 'node:crypto';
import { type CurveName, curves } from '../algorithms.ts';
import type { Handle } from './binding.ts';
import { KnownFailure } from './faults.ts';
import { curveParameters } from './mechanisms.ts';
import type { UnwrappedHalf } from './messages.ts';
import { pointTemplates } from './objects.ts';
import type { TokenCalls } from './token-calls.ts';

/** What a token can tell of the point of a private key: its curve, and one of the two coordinates. */
export type CurvePoint = Extract<UnwrappedHalf, { readonly crv: CurveName }>;

/**
 * The curve and the x coordinate of a private key that a token unwrapped, which is all that a private half tells there: agreeing on a secret
 * with the curve's base point gives the x coordinate of the key's own point (SEC 1 §3.3.1), which is public. The key that is asked
 * is a copy that ends here, so that the one that is kept can do nothing but sign.
 * @throws KnownFailure `unsupported` where the token has no such mechanism or curve
 */
export async function pointOf(
  calls: TokenCalls,
  session: Handle,
  unwrap: (template: typeof pointTemplates.private) => Promise<Handle>,
): Promise<CurvePoint> {
  const { cryptoki } = calls;
  const { mechanism } = calls.plain('CKM_ECDH1_DERIVE');
  const key = await unwrap(pointTemplates.private);
  try {
    const [parameters] = calls.attributes(session, key, 'CKA_EC_PARAMS');
    const crv = (Object.keys(curves) as CurveName[]).find((name) => curveParameters[name].equals(parameters!));
    if (!crv) throw new KnownFailure('unsupported', 'The key that was unwrapped is of a curve that is not known.');
    const { fieldBytes } = curves[crv];
    const parameter = { type: calls.of('CK_PARAMS_EC_DH'), kdf: calls.of('CKD_NULL'), publicData: basePointOf(crv) };
    const template = calls.template({ ...pointTemplates.shared, CKA_VALUE_LEN: fieldBytes });
    const shared = await cryptoki.C_DeriveKeyAsync(session, { mechanism, parameter }, key, template);
    try {
      const [x] = calls.attributes(session, shared, 'CKA_VALUE');
      return { crv, x: x!.toString('base64url') };
    } finally {
      cryptoki.C_DestroyObject(session, shared);
    }
  } finally {
    cryptoki.C_DestroyObject(session, key);
  }
}

/** The point of the private key 1. */
function basePointOf(crv: CurveName): Buffer {
  const { openssl, fieldBytes } = curves[crv];
  const ecdh = createECDH(openssl);
  const one = Buffer.alloc(fieldBytes);
  one[fieldBytes - 1] = 1;
  ecdh.setPrivateKey(one);
  return ecdh.getPublicKey();
}
