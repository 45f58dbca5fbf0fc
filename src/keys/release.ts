import { toBase64Url } from '../base/text.ts';
import { DEFAULT_RELEASE_ALGORITHM, type ReleaseAlgorithm, releaseAlgorithms } from '../crypto/algorithms.ts';
import type { ReleaseSigner } from '../crypto/release-signer.ts';
import type { OutsideIssuers } from '../identity/outside-issuers.ts';
import { type Body, invalid, isPlainText } from '../objects/attributes.ts';
import { liveRow } from '../objects/lifecycle.ts';
import { type Answer, type Call, vaultOf } from '../operations/operation.ts';
import { Refusal } from '../refusals/refusal.ts';
import { attestedRecipient, readTarget, wrappedFor } from './attested-recipient.ts';
import { providerOf, typeOf } from './key-home.ts';
import { isExportable } from './key-purpose.ts';
import type { SealedKeyRow } from './repository.ts';
import { type KeyParts, keyKind } from './service.ts';
import { openable } from './stored-key.ts';
import { keyBundle, keyId } from './wire.ts';

/** What releasing keys needs besides. */
export interface ReleaseParts extends KeyParts {
  /** The attestation services that the operator trusts. */
  readonly authorities: OutsideIssuers;
  readonly signer: ReleaseSigner;
}

/** A release as a body asks for it. */
interface AskedRelease {
  readonly target: string;
  readonly nonce: string | null;
  readonly enc: string;
  readonly algorithm: ReleaseAlgorithm;
}

const MAX_NONCE = 1024;

/**
 * POST /keys/{name}/{version}/release: the key, wrapped for an environment whose attestation meets the key's policy, in an object
 * that this installation signed.
 */
export async function releaseKey(parts: ReleaseParts, call: Call): Promise<Answer> {
  const row = releasable(await liveRow(keyKind, parts.store.reader, call), vaultOf(call).name);
  const asked = readRelease(call.body ?? {});
  const { recipient, authority } = await attestedRecipient(parts.authorities, row, asked.target, call);
  const stored = openable(parts, vaultOf(call).id, row);
  const ciphertext = await providerOf(parts.providers, vaultOf(call), typeOf(row)).release(
    stored,
    asked.algorithm,
    recipient.publicMembers,
  );
  const wrapped = wrappedFor(recipient, asked.enc, ciphertext);
  const value = await parts.signer.sign(JSON.stringify(released(call, row, asked, wrapped)), call.time);
  return {
    status: 200,
    body: { value },
    subject: keyId(call, row),
    audit: {
      algorithm: asked.enc,
      keyType: row.kty,
      attestationAuthority: authority,
      recipient: recipient.kid,
    },
  };
}

/** The times of a key do not bound its release (Key Vault, About keys, Date-time controlled operations). */
function releasable(row: SealedKeyRow, vault: string): SealedKeyRow & { readonly release_policy: string } {
  const facts = { operation: 'release', vault, name: row.name, version: row.version };
  if (row.enabled !== 1) throw new Refusal('key-disabled', facts);
  const { release_policy: policy } = row;
  if (policy === null || !isExportable(row)) throw new Refusal('key-not-exportable', facts);
  return { ...row, release_policy: policy };
}

function readRelease(body: Body): AskedRelease {
  const target = readTarget(body);
  const { nonce, enc = DEFAULT_RELEASE_ALGORITHM } = body;
  const algorithm = typeof enc === 'string' ? releaseAlgorithms[enc] : undefined;
  if (!algorithm) throw invalid('enc', `it must be one of ${Object.keys(releaseAlgorithms).join(', ')}`);
  if (nonce !== undefined && nonce !== null && !isNonce(nonce)) {
    throw invalid('nonce', `it must be a text of at most ${MAX_NONCE} characters`);
  }
  return { target, nonce: typeof nonce === 'string' ? nonce : null, enc: enc as string, algorithm };
}

/** The Go client takes any bytes for one, and JSON carries them as replacement characters. */
function isNonce(nonce: unknown): nonce is string {
  return typeof nonce === 'string' && nonce.length <= MAX_NONCE && isPlainText(nonce);
}

function released(call: Call, row: SealedKeyRow, { enc, nonce }: AskedRelease, wrapped: Buffer): object {
  const { key, ...bundle } = keyBundle(call, row) as { key: object };
  return {
    request: {
      'api-version': call.apiVersion,
      enc,
      kid: keyId(call, row),
      ...(nonce !== null && { nonce }),
    },
    response: { key: { key: { ...key, key_hsm: toBase64Url(wrapped) }, ...bundle } },
  };
}

/**
 * GET /keys/{name}[/{version}]/attestation: what a hardware security module says of a key it holds. Only the service's managed HSMs
 * answer it: PKCS #11 (v2.40, v3.0) has no function by which a token attests, and what makers have instead is of as many forms.
 */
export async function attestKey({ store }: KeyParts, call: Call): Promise<Answer> {
  const row = await liveRow(keyKind, store.reader, call);
  throw new Refusal('key-attestation-unavailable', { name: row.name, vault: vaultOf(call).name, type: row.kty });
}
