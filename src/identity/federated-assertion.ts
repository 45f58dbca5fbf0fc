import { decodeProtectedHeader } from 'jose/decode/protected_header';
import { decodeJwt } from 'jose/jwt/decode';
import { jwtVerify } from 'jose/jwt/verify';
import { Refusal } from '../refusals/refusal.ts';
import { shown } from './access-token.ts';
import { type FederatedCredential, listFederatedCredentials } from './federated-credentials.ts';
import { IssuerKeysFault } from './outside-issuers.ts';
import type { IdentityParts } from './parts.ts';
import type { TrustedIssuer } from './trusted-issuers.ts';

const MAX_LENGTH = 16 * 1024;
const LEEWAY_SECONDS = 60;

/** A token of an issuer outside, brought as a client's assertion. */
interface OutsideAssertion {
  readonly clientId: string;
  readonly assertion: string;
  /** As the assertion has it, yet unproven. */
  readonly issuer: string;
}

/** The issuer an assertion names where that is a URL: it comes from outside. Null where the client made it itself. */
export function outsideIssuer(assertion: string): string | null {
  if (assertion.length > MAX_LENGTH) return null;
  try {
    const { iss } = decodeJwt(assertion);
    return typeof iss === 'string' && iss.startsWith('https://') ? iss : null;
  } catch {
    return null;
  }
}

/**
 * Verifies a token of a trusted issuer (workload identity federation): signed by a key of that issuer which its header
 * names, within its times, and issuer, subject and audience exactly those of a federated credential of the client. An
 * issuer that the operator does not trust is never asked for anything. `jti` is not kept: workloads bring the same token,
 * which their platform renews in a file, until it ends.
 * @returns the federated credential
 * @throws Refusal
 */
export async function proveFederated(
  parts: IdentityParts,
  outside: OutsideAssertion,
  now: number,
): Promise<FederatedCredential> {
  const { clientId } = outside;
  const issuer = shown(outside.issuer);
  const trusted = parts.issuers?.find(outside.issuer);
  if (!trusted) throw new Refusal('federated-issuer-untrusted', { clientId, issuer });
  const { subject, audience } = await readClaims(parts, trusted, outside, now);
  const ofIssuer = (await listFederatedCredentials(parts.store.reader, clientId)).filter(
    (credential) => credential.issuer === outside.issuer,
  );
  if (ofIssuer.length === 0) throw new Refusal('federated-issuer-unmatched', { clientId, issuer });
  const match = ofIssuer.find((credential) => credential.subject === subject);
  if (!match) throw new Refusal('federated-subject-unmatched', { clientId, issuer, subject: shown(subject) });
  if (!match.audiences.includes(audience)) {
    const facts = { clientId, issuer, audience: shown(audience), expected: match.audiences };
    throw new Refusal('federated-audience-unmatched', facts);
  }
  return match;
}

async function readClaims(
  parts: IdentityParts,
  trusted: TrustedIssuer,
  { clientId, assertion }: OutsideAssertion,
  now: number,
): Promise<{ readonly subject: string; readonly audience: string }> {
  const { issuer, algorithms } = trusted;
  const kid = readKid(assertion, clientId, algorithms);
  const keys = await parts.issuers!.keysOf(trusted, kid).catch((error: unknown) => {
    if (!(error instanceof IssuerKeysFault)) throw error;
    throw new Refusal('federated-keys-unavailable', { clientId, issuer, reason: error.message }, { cause: error });
  });
  const { payload } = await jwtVerify(assertion, keys, {
    issuer,
    algorithms: [...algorithms],
    clockTolerance: LEEWAY_SECONDS,
    currentDate: new Date(now),
    requiredClaims: ['exp', 'sub', 'aud'],
  }).catch((error: Error & { readonly code?: string }) => {
    throw refusalOf(error, clientId, issuer);
  });
  const { sub, aud } = payload;
  const audiences = typeof aud === 'string' ? [aud] : aud;
  // A token that is also meant for somebody else could be brought by that somebody.
  const audience = Array.isArray(audiences) && audiences.length === 1 ? audiences[0] : null;
  if (typeof sub !== 'string' || typeof audience !== 'string') {
    throw malformed(clientId, 'it needs a subject (sub) and exactly one audience (aud)');
  }
  return { subject: sub, audience };
}

function readKid(assertion: string, clientId: string, algorithms: readonly string[]): string {
  let header: Readonly<Record<string, unknown>>;
  try {
    header = decodeProtectedHeader(assertion) as Readonly<Record<string, unknown>>;
  } catch {
    throw malformed(clientId, 'its header cannot be decoded');
  }
  const { alg, kid } = header;
  if (typeof alg !== 'string' || !algorithms.includes(alg)) {
    throw malformed(clientId, `its algorithm is not one of ${algorithms.join(', ')}`);
  }
  if (typeof kid !== 'string' || kid === '') throw malformed(clientId, 'its header names no key (kid)');
  return kid;
}

function refusalOf(error: Error & { readonly code?: string }, clientId: string, issuer: string): Refusal {
  const cause = { cause: error };
  switch (error.code) {
    case 'ERR_JWT_EXPIRED':
      return new Refusal('federated-token-time', { clientId, issuer }, cause);
    case 'ERR_JWT_CLAIM_VALIDATION_FAILED':
      return error.message.includes('nbf') || error.message.includes('iat')
        ? new Refusal('federated-token-time', { clientId, issuer }, cause)
        : new Refusal('federated-token-malformed', { clientId, reason: 'a claim is missing or wrong' }, cause);
    case 'ERR_JWT_INVALID':
    case 'ERR_JWS_INVALID':
    case 'ERR_JOSE_NOT_SUPPORTED':
      return new Refusal('federated-token-malformed', { clientId, reason: 'it is not a signed JWT' }, cause);
    default:
      return new Refusal('federated-signature', { clientId, issuer }, cause);
  }
}

function malformed(clientId: string, reason: string): Refusal {
  return new Refusal('federated-token-malformed', { clientId, reason });
}
