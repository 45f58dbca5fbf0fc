import { rows } from './row.ts';

const recover = 'az keyvault key recover --vault-name {vault} --name {name}';
const notFound =
  'A key with (name/id) {id} was not found in this key vault. If you recently deleted this key you may be able to recover it using the correct recovery command. For help resolving this issue, please see https://go.microsoft.com/fwlink/?linkid=2125182';

/** Refusals of the keys API: the state of keys, and what they may be used for. */
export const keyRefusals = rows({
  'key-not-found': {
    check: 'state',
    status: 404,
    error: 'KeyNotFound',
    message: notFound,
    cause: 'The vault has no key, or no version, of this name.',
    remedy: [
      'az keyvault key list --vault-name {vault} --output table',
      'az keyvault key list-versions --vault-name {vault} --name {name}',
    ],
  },
  'key-deleted': {
    check: 'state',
    status: 404,
    error: 'KeyNotFound',
    message: notFound,
    cause: 'The key was deleted at {deleted} and can be recovered until {purge}.',
    remedy: [recover],
  },
  'deleted-key-not-found': {
    check: 'state',
    status: 404,
    error: 'KeyNotFound',
    message: 'Deleted Key not found: {name}',
    cause: 'The vault has no deleted key of this name: it is live, purged, or never was.',
    remedy: ['az keyvault key list-deleted --vault-name {vault} --output table'],
  },
  'key-name-deleted': {
    check: 'state',
    status: 409,
    error: 'Conflict',
    inner: 'ObjectIsDeletedButRecoverable',
    message:
      'Key {name} is currently in a deleted but recoverable state, and its name cannot be reused; in this state, the key can only be recovered or purged.',
    cause: 'A key of this name was deleted at {deleted}; it keeps its name until it is purged at {purge}.',
    remedy: [recover, 'az keyvault key purge --vault-name {vault} --name {name}'],
  },
  'key-managed': {
    check: 'state',
    status: 403,
    error: 'Forbidden',
    inner: 'KeyManagedByKeyVault',
    message:
      'Operation "{operation}" is not allowed on this key, since it is associated with a certificate. Perform the operation on the corresponding certificate. For more information refer to https://docs.microsoft.com/en-us/azure/key-vault/certificates/about-certificates#composition-of-a-certificate',
    cause: 'The key is part of the certificate {name}, which rules its life.',
    remedy: ['az keyvault certificate show --vault-name {vault} --name {name}'],
  },
  'key-exists': {
    check: 'state',
    status: 409,
    error: 'Conflict',
    message: 'A key with the name {name} already exists in this key vault.',
    cause: 'A backup is restored only where its name is free.',
    remedy: ['az keyvault key show --vault-name {vault} --name {name} --query attributes'],
  },
  'key-disabled': {
    check: 'state',
    status: 403,
    error: 'Forbidden',
    inner: 'KeyDisabled',
    message: 'Operation {operation} is not allowed on a disabled key.',
    cause: 'The version {version} of the key has enabled=false.',
    remedy: ['az keyvault key set-attributes --vault-name {vault} --name {name} --version {version} --enabled true'],
  },
  'key-operation-forbidden': {
    check: 'state',
    status: 403,
    error: 'Forbidden',
    inner: 'KeyOperationForbidden',
    message: 'Operation {operation} is not permitted on this key.',
    cause: 'The key has the operations {operations} alone.',
    remedy: [
      'az keyvault key set-attributes --vault-name {vault} --name {name} --version {version} --ops {operations} {operation}',
    ],
  },
  'key-purpose-fixed': {
    check: 'state',
    status: 400,
    error: 'BadParameter',
    message: 'A new version of the key {name} must have {purpose}.',
    cause:
      'The current version of {name} has {purpose}. Whoever takes the newest version relies on what it is for: otherwise it would open what was meant for another purpose.',
    remedy: ['Make a key of another name.'],
  },
  'key-not-yet-valid': {
    check: 'state',
    status: 403,
    error: 'Forbidden',
    inner: 'KeyNotYetValid',
    message: 'Operation {operation} is not allowed before the key is valid, at {nbf}.',
    cause: 'The version {version} is valid from {nbf}; until then it only decrypts, unwraps and verifies.',
    remedy: ['az keyvault key set-attributes --vault-name {vault} --name {name} --version {version} --not-before TIME'],
  },
  'key-expired': {
    check: 'state',
    status: 403,
    error: 'Forbidden',
    inner: 'KeyExpired',
    message: 'Operation {operation} is not allowed on an expired key; it was valid until {exp}.',
    cause: 'The version {version} was valid until {exp}; since then it only decrypts, unwraps and verifies.',
    remedy: [
      'az keyvault key rotate --vault-name {vault} --name {name}',
      'az keyvault key set-attributes --vault-name {vault} --name {name} --version {version} --expires TIME',
    ],
  },
  'key-algorithm-unsuitable': {
    check: 'body',
    status: 400,
    error: 'BadParameter',
    message: 'The algorithm {algorithm} cannot be used with a key of type {type}.',
    cause:
      'Algorithm and key do not fit: RSA algorithms need RSA keys, each ECDSA algorithm its curve, each AES algorithm its size.',
    remedy: ['az keyvault key show --vault-name {vault} --name {name} --query key'],
  },
  'key-input-unsuitable': {
    check: 'state',
    status: 400,
    error: 'BadParameter',
    message: 'The parameter is incorrect.',
    cause:
      'The value does not fit the key and the algorithm, or it does not open: it was made with another key, or changed. Which of them is not told.',
    remedy: ['Use the version of the key in the kid that came with the ciphertext.'],
  },
  'key-needs-premium': {
    check: 'state',
    status: 400,
    error: 'BadParameter',
    message: 'The vault {vault} is a standard vault: keys of type {family}-HSM need a premium vault.',
    cause: 'Keys of a hardware security module exist in premium vaults alone.',
    remedy: ['az keyvault create --sku premium --name NAME --resource-group GROUP --location LOCATION'],
  },
  'key-token-not-configured': {
    check: 'state',
    status: 501,
    error: 'NotImplemented',
    message: 'This server has no key token: keys of type {family}-HSM cannot be made or used in the vault {vault}.',
    cause: 'Keys of hardware types are kept in a PKCS #11 token, and the configuration names none (pkcs11).',
    remedy: [
      'npm install pkcs11js@2.1.7',
      'Name the token in the setting pkcs11 of the configuration (module, token, pinFile); see docs/operations.md, Keys in a token.',
    ],
  },
  'key-token-unavailable': {
    check: 'state',
    status: 503,
    error: 'ServiceUnavailable',
    message: 'The token that holds this key cannot be used at the moment. Request id: {requestId}.',
    cause: 'The key token is absent, or does not work ({reason}).',
    remedy: [
      'strongroom selftest --config FILE',
      'Put the token back, or start its service; the next use connects again.',
    ],
  },
  'key-token-lacks': {
    check: 'state',
    status: 400,
    error: 'BadParameter',
    message: 'The token that holds the keys of this vault cannot do this. Request id: {requestId}.',
    cause: 'The key token has no such mechanism, curve or size ({reason}).',
    remedy: ['strongroom selftest --config FILE', 'Use another algorithm or type of key, or a token that has it.'],
  },
  'key-token-object-gone': {
    check: 'state',
    status: 409,
    error: 'Conflict',
    message: 'The key {name} cannot be restored: the token that held it has destroyed it.',
    cause:
      'A backup of a key of a hardware type names the object in the token, which does not let the key out. The object goes when the last key that has it is purged.',
    remedy: ['Make a new key: az keyvault key create --vault-name {vault} --name {name} --kty RSA-HSM'],
  },
  'key-provider-unavailable': {
    check: 'state',
    status: 503,
    error: 'ServiceUnavailable',
    message: 'Keys cannot be used on this server. Request id: {requestId}.',
    cause:
      'Software keys need the package koffi and a Node that exports the functions of OpenSSL; no provider, a key token neither, is used after a wrong answer to its self-test. Reason: {reason}.',
    remedy: [
      'strongroom selftest --config FILE',
      'npm ci',
      'Use a Node of nodejs.org for Linux or macOS, on x64 or arm64.',
    ],
  },
});
