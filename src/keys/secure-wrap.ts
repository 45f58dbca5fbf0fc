import { toBase64Url } from '../base/text.ts';
import { DEFAULT_RELEASE_ALGORITHM, releaseAlgorithms } from '../crypto/algorithms.ts';
import type { Answer, Call } from '../operations/operation.ts';
import { attestedRecipient, readTarget, wrappedFor } from './attested-recipient.ts';
import { fitting, providerFor, storedKey, usableKey } from './cryptography.ts';
import type { ReleaseParts } from './release.ts';
import type { SealedKeyRow } from './repository.ts';
import type { KeyParts } from './service.ts';
import { readBytes, readSecureWrapAlgorithm } from './use.ts';
import { keyId } from './wire.ts';

/** POST /keys/{name}/{version}/securewrapkey: a new AES key of 256 bits, wrapped under the key; nobody gets to see it. */
export async function secureWrapKey(parts: KeyParts, call: Call): Promise<Answer> {
  const { row, key } = await usableKey(parts, call, 'secureWrapKey');
  const { name, algorithm } = readSecureWrapAlgorithm(call.body ?? {}, key);
  const value = await providerFor(parts, call, row).wrapNewKey(storedKey(parts, call, row), algorithm);
  return result(call, row, name, value, {});
}

/**
 * POST /keys/{name}/{version}/secureunwrapkey: a key that was wrapped so, wrapped anew for an environment whose attestation meets the
 * release policy of the key. What the service answers is not documented; here it is what a released key has in `key_hsm`.
 */
export async function secureUnwrapKey(parts: ReleaseParts, call: Call): Promise<Answer> {
  const { row, key } = await usableKey(parts, call, 'secureUnwrapKey');
  const body = call.body ?? {};
  const { name, algorithm } = readSecureWrapAlgorithm(body, key);
  const wrapped = readBytes(body['value'], 'value');
  const target = readTarget(body);
  // Keys with these operations have a policy (policyOfVersion).
  const policy = { name: row.name, release_policy: row.release_policy! };
  const { recipient, authority } = await attestedRecipient(parts.authorities, policy, target, call);
  const enc = DEFAULT_RELEASE_ALGORITHM;
  const ciphertext = await fitting(
    row,
    providerFor(parts, call, row).rewrapKey(
      storedKey(parts, call, row),
      algorithm,
      wrapped,
      releaseAlgorithms[enc]!,
      recipient.publicMembers,
    ),
  );
  const value = wrappedFor(recipient, enc, ciphertext);
  return result(call, row, name, value, { attestationAuthority: authority, recipient: recipient.kid });
}

/** SecureKeyOperationResult (keys.json). */
function result(
  call: Call,
  row: SealedKeyRow,
  alg: string,
  value: Buffer,
  more: Readonly<Record<string, string>>,
): Answer {
  const kid = keyId(call, row);
  return {
    status: 200,
    body: { kid, alg, value: toBase64Url(value) },
    subject: kid,
    audit: { algorithm: alg, keyType: row.kty, ...more },
  };
}
