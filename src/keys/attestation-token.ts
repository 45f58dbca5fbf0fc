import { decodeProtectedHeader } from 'jose/decode/protected_header';
import { compactVerify } from 'jose/jws/compact/verify';
import { decodeJwt } from 'jose/jwt/decode';
import { toIso } from '../base/text.ts';
import { IssuerKeysFault, type OutsideIssuers } from '../identity/outside-issuers.ts';
import type { TrustedIssuer } from '../identity/trusted-issuers.ts';
import type { Body } from '../objects/attributes.ts';
import { Refusal } from '../refusals/refusal.ts';

/** An attestation whose signature and times were verified. */
export interface Attestation {
  /** Exactly as the token has it. */
  readonly issuer: string;
  readonly claims: Body;
}

const MAX_CHARACTERS = 128 * 1024;
/** Attestation services and vaults have clocks of their own. */
const SKEW_SECONDS = 60;
const MAX_LIFETIME_SECONDS = 86_400;
/** `jku` and `x5c` stand in the tokens of the usual services; neither is looked at. What else would change the meaning is refused. */
const HEADER_MEMBERS = ['typ', 'alg', 'kid', 'jku', 'x5c', 'x5t', 'x5t#S256'];

/** The issuer that a token names, not proven. @throws Refusal `release-attestation-invalid` */
export function claimedIssuer(token: string): string {
  if (token.length > MAX_CHARACTERS) throw wrong(`it is longer than ${MAX_CHARACTERS} characters`);
  let issuer: unknown;
  try {
    issuer = decodeJwt(token).iss;
  } catch {
    throw wrong('it is no JSON Web Token');
  }
  if (typeof issuer !== 'string' || issuer === '' || issuer.length > 2048) throw wrong('it names no issuer');
  return issuer;
}

/**
 * Verifies an attestation: signed by the key of the authority that its header names, with an algorithm that the operator lets it
 * use, within its times. Nothing in the token leads to an address: the authority is one of the configuration.
 * @param now milliseconds since the Unix epoch
 * @throws Refusal `release-attestation-invalid`, `release-authority-unavailable`
 */
export async function verifyAttestation(
  authorities: OutsideIssuers,
  authority: TrustedIssuer,
  token: string,
  now: number,
): Promise<Attestation> {
  const header = readHeader(token, authority);
  let claims: unknown;
  try {
    const keys = await authorities.keysOf(authority, header.kid);
    const { payload } = await compactVerify(token, keys, { algorithms: [...authority.algorithms] });
    claims = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(payload));
  } catch (error) {
    if (error instanceof IssuerKeysFault) {
      throw new Refusal('release-authority-unavailable', { authority: authority.issuer, reason: error.message });
    }
    throw wrong('its signature is not that of a key of the authority');
  }
  if (typeof claims !== 'object' || claims === null || Array.isArray(claims)) throw wrong('its claims are no object');
  checkTimes(claims as Body, now);
  return { issuer: authority.issuer, claims: claims as Body };
}

function readHeader(token: string, { algorithms }: TrustedIssuer): { readonly kid: string } {
  let header: Body;
  try {
    header = decodeProtectedHeader(token) as Body;
  } catch {
    throw wrong('its header cannot be read');
  }
  const { alg, kid } = header;
  if (typeof alg !== 'string' || !algorithms.includes(alg)) {
    throw wrong(`its algorithm is not one of ${algorithms.join(', ')}`);
  }
  const extra = Object.keys(header).find((member) => !HEADER_MEMBERS.includes(member));
  if (extra !== undefined) throw wrong(`its header has the member ${extra.slice(0, 64)}`);
  if (typeof kid !== 'string' || kid === '') throw wrong('its header names no key (kid)');
  return { kid };
}

function checkTimes({ exp, nbf, iat }: Body, now: number): void {
  const seconds = now / 1000;
  if (!isInstant(exp)) throw wrong('it has no end (exp)');
  for (const start of [nbf, iat]) {
    if (start !== undefined && !isInstant(start)) throw wrong('its start (nbf, iat) is no instant');
    if (start !== undefined && seconds + SKEW_SECONDS < start) throw wrong(`it starts at ${toIso(start * 1000)}`);
  }
  if (seconds >= exp) throw wrong(`it ended at ${toIso(exp * 1000)}`);
  if (exp - seconds > MAX_LIFETIME_SECONDS) throw wrong('it lasts longer than a day');
}

function isInstant(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0 && value < 253_402_300_800;
}

function wrong(reason: string): Refusal {
  return new Refusal('release-attestation-invalid', { reason });
}
