import { hash } from 'node:crypto';
import { fromBase64Url } from '../base/text.ts';
import type { Store } from '../store/store.ts';
import { malformed, type TokenRefusal } from './access-token.ts';
import type { TokenPlane } from './audiences.ts';
import type { Authentication } from './caller.ts';
import type { FindHost } from './identity-host.ts';
import type { OutsideIssuers } from './outside-issuers.ts';
import { bearerIssuerOf, proveOutsideToken } from './outside-token.ts';
import { proveOwnToken } from './own-token.ts';
import type { TokenProof } from './proof.ts';
import type { SigningKeys } from './signing-keys.ts';

/** Reads Authorization headers. */
export interface Authenticator {
  /**
   * Who calls, or why that is not believed. At once, without a promise and without reading the store, where the token
   * was verified before and nothing has changed since (SQLite).
   * @param expectedTenant the tenant of what is called
   * @param now milliseconds since the Unix epoch
   */
  authenticate(
    header: string | undefined,
    plane: TokenPlane,
    expectedTenant: string,
    now: number,
  ): Authentication | Promise<Authentication>;
}

/** What an authenticator is made of. */
export interface AuthenticatorParts {
  readonly store: Store;
  readonly keys: SigningKeys;
  readonly domain: string;
  readonly findHost: FindHost;
  /** The issuers outside that the operator trusts. */
  readonly issuers: OutsideIssuers;
}

interface Entry {
  readonly proof: TokenProof;
  /** The store's generation under which the principal was read. */
  generation: number;
  accepted: Authentication;
}

const MAX_TOKEN_LENGTH = 16 * 1024;
const MAX_CACHED = 10_000;

/**
 * Makes an authenticator. Verified tokens are remembered by SHA-256 digest, never by their text, up to 10,000, the
 * oldest going first; a token that failed is not remembered. What is remembered is the proof, which stays true as long as its
 * keys are believed; times, audience and tenant are judged on each request, and the key and the principal again whenever
 * the store's generation has moved, so that revoking a key, disabling or deleting a principal takes effect with the next
 * request.
 */
export function createAuthenticator(parts: AuthenticatorParts): Authenticator {
  return new TokenAuthenticator(parts);
}

class TokenAuthenticator implements Authenticator {
  readonly #parts: AuthenticatorParts;
  readonly #known = new Map<string, Entry>();

  constructor(parts: AuthenticatorParts) {
    this.#parts = parts;
  }

  authenticate(
    header: string | undefined,
    plane: TokenPlane,
    expectedTenant: string,
    now: number,
  ): Authentication | Promise<Authentication> {
    if (!header) return { refusal: 'token-missing', facts: {} };
    if (header.length > MAX_TOKEN_LENGTH) return readToken(header) as TokenRefusal;
    const digest = hash('sha256', header, 'binary');
    const entry = this.#known.get(digest);
    if (!entry?.proof.isProven(now)) {
      this.#known.delete(digest);
      const token = readToken(header);
      return typeof token === 'string' ? this.#verify(token, digest, plane, expectedTenant, now) : token;
    }
    const refusal = entry.proof.judge(plane, expectedTenant, now);
    if (refusal) {
      if (refusal.refusal === 'token-expired') this.#known.delete(digest);
      return refusal;
    }
    const generation = this.#parts.store.generation();
    return typeof generation === 'number'
      ? this.#admit(entry, generation)
      : generation.then((value) => this.#admit(entry, value));
  }

  async #verify(
    token: string,
    digest: string,
    plane: TokenPlane,
    tenant: string,
    now: number,
  ): Promise<Authentication> {
    // Read before keys and principal: a change in between makes the entry old, never wrongly new.
    const generation = await this.#parts.store.generation();
    // What the token says of its issuer only chooses who has to prove it.
    const outside = bearerIssuerOf(this.#parts.issuers, token);
    const proof = outside
      ? await proveOutsideToken(this.#parts, outside, token, tenant)
      : await proveOwnToken(this.#parts, token, generation);
    if ('refusal' in proof) return proof;
    const refusal = proof.judge(plane, tenant, now);
    if (refusal) return refusal;
    const accepted = await proof.callerUnder(generation);
    if ('refusal' in accepted) return accepted;
    if (this.#known.size >= MAX_CACHED) this.#known.delete(this.#known.keys().next().value!);
    this.#known.set(digest, { proof, generation, accepted });
    return accepted;
  }

  #admit(entry: Entry, generation: number): Authentication | Promise<Authentication> {
    return entry.generation === generation ? entry.accepted : this.#admitAgain(entry, generation);
  }

  async #admitAgain(entry: Entry, generation: number): Promise<Authentication> {
    const accepted = await entry.proof.callerUnder(generation);
    if ('refusal' in accepted) return accepted;
    entry.generation = generation;
    entry.accepted = accepted;
    return accepted;
  }
}

/** The one token of a header `Bearer <JWS compact>` (RFC 6750 §2.1), the scheme in any case. */
function readToken(header: string): string | TokenRefusal {
  // Of another scheme, or of a token without one, nothing may be shown.
  if (!/^bearer +/i.test(header)) return { refusal: 'token-missing', facts: {} };
  if (header.length > MAX_TOKEN_LENGTH) return malformed(`it is longer than ${MAX_TOKEN_LENGTH} characters`);
  const match = /^bearer +([A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+)$/i.exec(header);
  if (!match) return malformed('it is not one JWT of three parts');
  // RFC 4648 §3.5: bits that mean nothing are zero, so that a token has one spelling.
  const isCanonical = match[1]!.split('.').every((part) => fromBase64Url(part) !== null);
  return isCanonical ? match[1]! : malformed('its base64url is not in the one form that it has');
}
