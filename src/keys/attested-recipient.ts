import { toBase64Url } from '../base/text.ts';
import type { OutsideIssuers } from '../identity/outside-issuers.ts';
import { type Body, invalid } from '../objects/attributes.ts';
import { type Call, vaultOf } from '../operations/operation.ts';
import { Refusal } from '../refusals/refusal.ts';
import { type Attestation, claimedIssuer, verifyAttestation } from './attestation-token.ts';
import { type Recipient, recipientOf } from './recipient.ts';
import { meetsPolicy, namesAuthority, type ReleasePolicy, rulesOf } from './release-policy.ts';

/** Whom a key is wrapped for, and who says that it may have it. */
export interface AttestedRecipient {
  readonly recipient: Recipient;
  /** The attestation service, proven. */
  readonly authority: string;
}

const SCHEMA_VERSION = '1.0';

/** The attestation that a body brings. @throws Refusal `property-invalid` */
export function readTarget({ target }: Body): string {
  if (typeof target === 'string' && target !== '') return target;
  throw invalid('target', 'it is required: the attestation token');
}

/**
 * The environment whose attestation meets a key's release policy.
 * @param target the attestation token
 * @throws Refusal `release-attestation-invalid`, `release-authority-foreign`, `release-authority-unknown`, `release-authority-unavailable`,
 * `release-policy-unmet`
 */
export async function attestedRecipient(
  authorities: OutsideIssuers,
  { name, release_policy }: { readonly name: string; readonly release_policy: string },
  target: string,
  call: Call,
): Promise<AttestedRecipient> {
  const policy = rulesOf((JSON.parse(release_policy) as { data: string }).data);
  const attestation = await prove(authorities, policy, target, call);
  const recipient = recipientOf(attestation.claims);
  if ('reason' in recipient) throw new Refusal('release-attestation-invalid', { reason: recipient.reason });
  if (!meetsPolicy(policy, attestation.issuer, attestation.claims)) {
    throw new Refusal('release-policy-unmet', { name, vault: vaultOf(call).name, authority: attestation.issuer });
  }
  return { recipient, authority: attestation.issuer };
}

/** A key as it is given to a recipient, with what it takes to open it: JSON, as a released key has it in `key_hsm`. */
export function wrappedFor({ kid }: Recipient, enc: string, ciphertext: Buffer): Buffer {
  const header = { kid, alg: 'dir', enc };
  return Buffer.from(JSON.stringify({ schema_version: SCHEMA_VERSION, header, ciphertext: toBase64Url(ciphertext) }));
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
