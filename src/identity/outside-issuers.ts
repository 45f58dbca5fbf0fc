import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { request } from 'node:https';
import type { JSONWebKeySet, JWK } from 'jose';
import { createLocalJWKSet, type LocalJWKSet } from 'jose/jwks/local';
import type { Clock, Log } from '../base/ports.ts';
import { isHttps, type TrustedIssuer } from './trusted-issuers.ts';

const KEYS_LAST_MS = 3_600_000;
const LEAST_MS_BETWEEN_LOADS = 30_000;
const TIMEOUT_MS = 5000;
const MAX_BYTES = 256 * 1024;

/** The keys of an issuer cannot be had; the message is for the operator. */
export class IssuerKeysFault extends Error {}

interface Held {
  keys: LocalJWKSet | null;
  loaded: number;
  /** When loading was last tried. */
  tried: number;
  loading: Promise<void> | null;
}

/**
 * The issuers that the operator trusts, and their public keys. Only addresses of the configuration, and of the metadata of
 * its issuers, are ever asked: over TLS, without redirects, 5 seconds and 256 KiB at most. Keys are kept for an hour and
 * loaded again earlier where one is unknown, at most every 30 seconds, whoever asks.
 */
export class OutsideIssuers {
  readonly #clock: Clock;
  readonly #log: Log | null;
  readonly #issuers: ReadonlyMap<string, TrustedIssuer>;
  readonly #held = new Map<string, Held>();

  constructor(issuers: readonly TrustedIssuer[], clock: Clock, log?: Log) {
    this.#log = log ?? null;
    this.#issuers = new Map(issuers.map((issuer) => [issuer.issuer, issuer]));
    this.#clock = clock;
  }

  /** The trusted issuer of exactly this name, or null. */
  find(issuer: string): TrustedIssuer | null {
    return this.#issuers.get(issuer) ?? null;
  }

  /**
   * The public keys of an issuer.
   * @param kid the key that is needed: where it is not among those held, they are loaded again
   * @throws IssuerKeysFault
   */
  async keysOf(issuer: TrustedIssuer, kid: string): Promise<LocalJWKSet> {
    const held = this.#holdingOf(issuer.issuer);
    const now = this.#clock.now();
    const isFresh = held.keys !== null && Math.abs(now - held.loaded) < KEYS_LAST_MS;
    if (isFresh && hasKey(held.keys!, kid)) return held.keys!;
    const mayLoad = held.loading !== null || Math.abs(now - held.tried) >= LEAST_MS_BETWEEN_LOADS;
    if (mayLoad) await this.#load(issuer, held, now);
    else if (!isFresh) throw new IssuerKeysFault('they could not be loaded, and will be tried again after 30 seconds');
    return held.keys!;
  }

  /** Whether keys that {@link keysOf} gave are still those of the issuer, and young enough to be believed. */
  areCurrent(issuer: TrustedIssuer, keys: LocalJWKSet, now: number): boolean {
    const held = this.#held.get(issuer.issuer);
    return held?.keys === keys && Math.abs(now - held.loaded) < KEYS_LAST_MS;
  }

  #holdingOf(issuer: string): Held {
    let held = this.#held.get(issuer);
    if (!held) {
      held = { keys: null, loaded: 0, tried: Number.NEGATIVE_INFINITY, loading: null };
      this.#held.set(issuer, held);
    }
    return held;
  }

  /** Loads once for all who wait. */
  #load(issuer: TrustedIssuer, held: Held, now: number): Promise<void> {
    if (held.loading) return held.loading;
    held.tried = now;
    held.loading = loadKeys(issuer)
      .then((keys) => {
        held.keys = keys;
        held.loaded = now;
      })
      .catch((error: Error) => {
        this.#log?.warn('The keys of a trusted issuer could not be loaded; tokens that need them are refused.', {
          issuer: issuer.issuer,
          reason: error.message,
        });
        throw error;
      })
      .finally(() => {
        held.loading = null;
      });
    return held.loading;
  }
}

function hasKey(keys: LocalJWKSet, kid: string): boolean {
  return keys.jwks().keys.some((key) => key.kid === kid);
}

async function loadKeys(issuer: TrustedIssuer): Promise<LocalJWKSet> {
  try {
    return createLocalJWKSet(withPublicMembers(JSON.parse(await readKeys(issuer))));
  } catch (error) {
    throw new IssuerKeysFault((error as Error).message, { cause: error });
  }
}

/** Attestation services publish certificates alone (RFC 7517 §4.7): their public keys are what the members would say. */
function withPublicMembers(set: JSONWebKeySet): JSONWebKeySet {
  if (!Array.isArray(set.keys)) return set;
  const keys = set.keys.map((key) => {
    const [first] = Array.isArray(key.x5c) ? key.x5c : [];
    if (typeof first !== 'string' || key.n !== undefined || key.x !== undefined) return key;
    return { ...key, ...new X509Certificate(Buffer.from(first, 'base64')).publicKey.export({ format: 'jwk' }) };
  });
  return { ...set, keys: keys as JWK[] };
}

async function readKeys({ issuer, keys, caFile }: TrustedIssuer): Promise<string> {
  if (keys.kind === 'file') return readFile(keys.path, 'utf8');
  const authorities = caFile === null ? undefined : await readFile(caFile, 'utf8');
  if (keys.kind === 'url') return get(keys.url, authorities);
  const url = `${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`;
  const metadata = JSON.parse(await get(url, authorities)) as Readonly<Record<string, unknown>>;
  const { issuer: named, jwks_uri: address } = metadata;
  // OpenID Connect Discovery 1.0 §4.3: the issuer of the metadata must be the one asked for.
  if (named !== issuer) throw new Error(`the metadata at ${url} is of another issuer`);
  if (typeof address !== 'string' || !isHttps(address))
    throw new Error(`the metadata at ${url} names no https jwks_uri`);
  return get(address, authorities);
}

/** What an https URL answers, if that is 200 in time and not too long. */
function get(url: string, ca: string | undefined): Promise<string> {
  return new Promise((resolve, reject) => {
    const signal = AbortSignal.timeout(TIMEOUT_MS);
    const options = { signal, agent: false as const, headers: { accept: 'application/json' }, ...(ca && { ca }) };
    const sent = request(url, options, (response) => {
      if (response.statusCode !== 200) {
        response.destroy();
        reject(new Error(`${url} answered ${response.statusCode}`));
        return;
      }
      const chunks: Buffer[] = [];
      let length = 0;
      response.on('data', (chunk: Buffer) => {
        length += chunk.length;
        if (length > MAX_BYTES) response.destroy(new Error(`${url} answered more than ${MAX_BYTES} bytes`));
        else chunks.push(chunk);
      });
      response.on('error', reject);
      response.on('end', () => resolve(Buffer.concat(chunks).toString('utf8')));
    });
    sent.on('error', reject);
    sent.end();
  });
}
