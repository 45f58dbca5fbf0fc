import { rows } from './row.ts';

const showPolicy = 'az keyvault key show --vault-name {vault} --name {name} --query releasePolicy';
const unverified = 'Target environment attestation statement cannot be verified.';

/** Refusals of keys that leave and of keys that arrive wrapped. The numbers are the service's own. */
export const keyReleaseRefusals = rows({
  'key-export-unavailable': {
    check: 'body',
    status: 400,
    error: 'BadParameter',
    message:
      "AKV.SKR.1001: The exportable attribute is only supported with premium vaults and API version >= '7.3-preview'.",
    cause: 'The key is to be exportable, or to have a release policy, in a standard vault or by an older api-version.',
    remedy: ['az keyvault create --sku premium --name NAME --resource-group GROUP --location LOCATION'],
  },
  'key-release-policy-missing': {
    check: 'body',
    status: 400,
    error: 'BadParameter',
    message: 'AKV.SKR.1004: Exportable keys must have release policy.',
    cause: 'The key is to be exportable, and nothing says to whom it may be released.',
    remedy: ['Send a release_policy, or leave attributes.exportable out.'],
  },
  'key-release-policy-unneeded': {
    check: 'body',
    status: 400,
    error: 'BadParameter',
    message: 'AKV.SKR.1005: Non-exportable keys must not have release policy.',
    cause: 'A release policy came for a key that never leaves.',
    remedy: ['Leave release_policy out, or make a key of another name with attributes.exportable true.'],
  },
  'key-secure-wrap-policy-missing': {
    check: 'body',
    status: 400,
    error: 'BadParameter',
    message: 'A key with the operations secureWrapKey and secureUnwrapKey must have a release policy.',
    cause: 'Nothing says for which environments the key is to unwrap.',
    remedy: ['Send a release_policy, which names the attestation services and the claims.'],
  },
  'key-secure-wrap-exportable': {
    check: 'body',
    status: 400,
    error: 'BadParameter',
    message: 'A key with the operations secureWrapKey and secureUnwrapKey must not be exportable.',
    cause:
      'What such a key wraps is unwrapped for attested environments alone; a key that leaves would unwrap it anywhere.',
    remedy: ['Leave attributes.exportable out.'],
  },
  'key-export-fixed': {
    check: 'state',
    status: 400,
    error: 'BadParameter',
    message: 'AKV.SKR.1014: Cannot modify the exportable state of a key.',
    cause: 'Whether a key is exportable is decided by its first version, for all that follow.',
    remedy: ['Make a key of another name.'],
  },
  'key-release-policy-of-key': {
    check: 'state',
    status: 400,
    error: 'BadParameter',
    message: 'AKV.SKR.1016: Key Release Policy can only be set on versionless key.',
    cause:
      'The policy is that of the key, with all its versions: it is changed by an update that names no version, and a new version brings none or the same.',
    remedy: ['az keyvault key set-attributes --vault-name VAULT --name NAME --policy FILE'],
  },
  'key-release-policy-immutable': {
    check: 'state',
    status: 400,
    error: 'BadParameter',
    message: 'AKV.SKR.1020: Immutable Key Release Policy cannot be modified.',
    cause: 'The policy was marked immutable when it was set, and stays as it is as long as the key.',
    remedy: ['Make a key of another name.'],
  },
  'key-release-policy-invalid': {
    check: 'body',
    status: 400,
    error: 'BadParameter',
    message: 'The release policy is not valid: {reason}.',
    cause: 'The release policy does not follow the grammar of version 1.0.0, or is too large: {reason}.',
    remedy: ['az keyvault key get-policy-template'],
  },
  'key-not-exportable': {
    check: 'state',
    status: 403,
    error: 'Forbidden',
    inner: 'KeyOperationForbidden',
    message: 'Operation release is not permitted on this key.',
    cause: 'The key {name} was not made exportable: it never leaves.',
    remedy: ['az keyvault key show --vault-name {vault} --name {name} --query attributes.exportable'],
  },
  'release-attestation-invalid': {
    check: 'state',
    status: 403,
    error: 'Forbidden',
    inner: 'KeyReleaseForbidden',
    message: unverified,
    cause: 'The attestation token (target) cannot be believed: {reason}.',
    remedy: ['Have the environment attest itself again, and release with the new token.'],
  },
  'release-authority-foreign': {
    check: 'state',
    status: 403,
    error: 'Forbidden',
    inner: 'KeyReleaseForbidden',
    message: unverified,
    cause: "The token is of {authority}, which is no authority of the key's release policy.",
    remedy: ['az keyvault key show --vault-name VAULT --name NAME --query releasePolicy'],
  },
  'release-authority-unknown': {
    check: 'state',
    status: 403,
    error: 'Forbidden',
    inner: 'KeyReleaseForbidden',
    message: unverified,
    cause:
      'The release policy names {authority}, but the operator of this server has not named it under attestationAuthorities.',
    remedy: [
      'Add an entry with the issuer {authority} to attestationAuthorities in the configuration and start the server again.',
    ],
  },
  'release-authority-unavailable': {
    check: 'state',
    status: 503,
    error: 'ServiceUnavailable',
    message: 'The keys of the attestation authority cannot be had now.',
    cause: 'The keys of {authority} could not be loaded: {reason}.',
    remedy: [
      'Check jwksFile, jwksUri and caFile of {authority} under attestationAuthorities, and that this machine reaches it.',
    ],
  },
  'release-policy-unmet': {
    check: 'state',
    status: 403,
    error: 'Forbidden',
    inner: 'KeyReleaseForbidden',
    message: 'Target environment attestation does not meet key release policy requirements.',
    cause: "The attestation of {authority} is good, but its claims do not meet the key's release policy.",
    remedy: [showPolicy, 'Compare it with the claims of the token, which the environment has.'],
  },
  'key-attestation-unavailable': {
    check: 'state',
    status: 400,
    error: 'BadParameter',
    message: 'Key attestation is not available for a key of type {type}.',
    cause:
      'The service attests the keys of managed HSMs alone. Software cannot attest that it holds {name}, and PKCS #11 has no way in which a token does.',
    remedy: ['az keyvault key show --vault-name {vault} --name {name} --query key.kty'],
  },
  'key-external-unavailable': {
    check: 'body',
    status: 400,
    error: 'BadParameter',
    message: 'The attribute external_key is only supported with managed HSM pools.',
    cause:
      'The key is to be one that an external key manager holds, which is a feature of managed HSMs; a key vault holds its keys itself.',
    remedy: [
      'Leave attributes.external_key out, and name the type of the key (kty).',
      'For a key in hardware of your own, see Keys in a token in docs/operations.md.',
    ],
  },
  'key-purpose-forbids': {
    check: 'state',
    status: 403,
    error: 'Forbidden',
    inner: 'KeyOperationForbidden',
    message: 'Operation {operation} is not permitted on this key.',
    cause:
      'The key {name} has the operations {operations}. What a key is for is decided when it is made, and does not change.',
    remedy: ['Use a key of another name for {operation}, made with that operation in key_ops.'],
  },
  'key-transfer-blob-invalid': {
    check: 'body',
    status: 400,
    error: 'BadParameter',
    message: 'The key transfer blob is not valid: {reason}.',
    cause: 'key_hsm is no blob as the Bring your own key specification has it, or it does not open: {reason}.',
    remedy: ["Make the blob anew with the module maker's BYOK tool, for the current version of the key exchange key."],
  },
  'key-transfer-kek-unsuitable': {
    check: 'state',
    status: 400,
    error: 'BadParameter',
    message: 'The key transfer blob cannot be opened with {kid}: {reason}.',
    cause: 'The header of the blob names {kid}, and {reason}.',
    remedy: ['az keyvault key create --vault-name VAULT --name NAME --kty RSA-HSM --size 4096 --ops import'],
  },
});
