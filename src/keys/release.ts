import { toBase64Url } from '../base/text.ts';
import { type ReleaseAlgorithm, releaseAlgorithms } from '../crypto/algorithms.ts';
import type { ReleaseSigner } from '../crypto/release-signer.ts';
import type { OutsideIssuers } from '../identity/outside-issuers.ts';
import { type Body, invalid, isPlainText } from '../objects/attributes.ts';
import { liveRow } from '../objects/lifecycle.ts';
import { type Answer, type Call, vaultOf } from '../operations/operation.ts';
import { Refusal } from '../refusals/refusal.ts';
import { type Attestation, claimedIssuer, verifyAttestation } from './attestation-token.ts';
import { providerOf, typeOf } from './key-home.ts';
import { type Recipient, recipientOf } from './recipient.ts';
import { meetsPolicy, namesAuthority, type ReleasePolicy, rulesOf } from './release-policy.ts';
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
const SCHEMA_VERSION = '1.0';

/**
 * POST /keys/{name}/{version}/release: the key, wrapped for an environment whose attestation meets the key's policy, in an object
 * that this installation signed.
 */
export async function releaseKey(parts: ReleaseParts, call: Call): Promise<Answer> {
  const row = await liveRow(keyKind, parts.store.reader, call);
  const policy = policyOf(row, vaultOf(call).name);
  const asked = readRelease(call.body ?? {});
  const attestation = await prove(parts.authorities, policy, asked.target, call);
  const recipient = recipientOf(attestation.claims);
  if ('reason' in recipient) throw new Refusal('release-attestation-invalid', { reason: recipient.reason });
  if (!meetsPolicy(policy, attestation.issuer, attestation.claims)) {
    throw new Refusal('release-policy-unmet', {
      name: row.name,
      vault: vaultOf(call).name,
      authority: attestation.issuer,
    });
  }
  const stored = openable(parts, vaultOf(call).id, row);
  const ciphertext = await providerOf(parts.providers, vaultOf(call), typeOf(row)).release(
    stored,
    asked.algorithm,
    recipient.publicMembers,
  );
  const value = await parts.signer.sign(JSON.stringify(released(call, row, asked, recipient, ciphertext)), call.time);
  return {
    status: 200,
    body: { value },
    subject: keyId(call, row),
    audit: {
      algorithm: asked.enc,
      keyType: row.kty,
      attestationAuthority: attestation.issuer,
      recipient: recipient.kid,
    },
  };
}

/** The times of a key do not bound its release (Key Vault, About keys, Date-time controlled operations). */
function policyOf(row: SealedKeyRow, vault: string): ReleasePolicy {
  const facts = { operation: 'release', vault, name: row.name, version: row.version };
  if (row.enabled !== 1) throw new Refusal('key-disabled', facts);
  if (row.release_policy === null) throw new Refusal('key-not-exportable', facts);
  return rulesOf((JSON.parse(row.release_policy) as { data: string }).data);
}

/** The authority must be one of the policy before anybody is asked for its keys. */
function prove(authorities: OutsideIssuers, policy: ReleasePolicy, token: string, call: Call): Promise<Attestation> {
  const issuer = claimedIssuer(token);
  call.note({ attestationAuthority: issuer });
  if (!namesAuthority(policy, issuer)) throw new Refusal('release-authority-foreign', { authority: issuer });
  const authority = authorities.find(issuer);
  if (!authority) throw new Refusal('release-authority-unknown', { authority: issuer });
  return verifyAttestation(authorities, authority, token, call.time);
}

function readRelease(body: Body): AskedRelease {
  const { target, nonce, enc = 'CKM_RSA_AES_KEY_WRAP' } = body;
  if (typeof target !== 'string' || target === '') throw invalid('target', 'it is required: the attestation token');
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

function released(
  call: Call,
  row: SealedKeyRow,
  asked: AskedRelease,
  recipient: Recipient,
  ciphertext: Buffer,
): object {
  const { key, ...bundle } = keyBundle(call, row) as { key: object };
  const wrapped = {
    schema_version: SCHEMA_VERSION,
    header: { kid: recipient.kid, alg: 'dir', enc: asked.enc },
    ciphertext: toBase64Url(ciphertext),
  };
  return {
    request: {
      'api-version': call.apiVersion,
      enc: asked.enc,
      kid: keyId(call, row),
      ...(asked.nonce !== null && { nonce: asked.nonce }),
    },
    response: { key: { key: { ...key, key_hsm: toBase64Url(Buffer.from(JSON.stringify(wrapped))) }, ...bundle } },
  };
}

/** GET /keys/{name}[/{version}]/attestation: what a hardware security module says of a key it holds. */
export async function attestKey({ store }: KeyParts, call: Call): Promise<Answer> {
  const row = await liveRow(keyKind, store.reader, call);
  if (row.kty.endsWith('-HSM')) throw new Refusal('not-implemented', { feature: 'attestation of keys' });
  throw new Refusal('key-attestation-unavailable', { name: row.name, vault: vaultOf(call).name, type: row.kty });
}
