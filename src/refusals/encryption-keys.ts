import { rows } from './row.ts';

/** Refusals of rotating root and vault keys, and of a server that is sealed. */
export const encryptionKeyRefusals = rows({
  'encryption-keys-not-owner': {
    check: 'authorise',
    status: 403,
    error: 'AuthorizationFailed',
    message: "The client with object id '{oid}' may not rotate encryption keys: that is for Owners.",
    cause: 'Rotating these keys is for an Owner of the subscription or the vault, whatever actions other roles hold.',
    remedy: ['Ask as an Owner: strongroom encryption-keys list'],
  },
  'encryption-keys-stale-seal': {
    check: 'state',
    status: 409,
    error: 'SealChanged',
    message: 'The seal was changed on another node. Restart this one, then ask again.',
    cause:
      'This process still holds the seal from before the change: a root key that it wrapped would open nowhere else.',
    remedy: ['Restart this node with the seal that the data has now.', 'strongroom encryption-keys rotate-root'],
  },
  'encryption-keys-seal-absent': {
    check: 'state',
    status: 503,
    error: 'ServiceUnavailable',
    message: 'The token that seals root keys cannot be used now; the log of the server says why. Nothing was changed.',
    cause:
      'A new root key is wrapped inside the token of the seal, which is not there or does not answer. What is open goes on.',
    remedy: ['strongroom status', 'Put the token back, then: strongroom encryption-keys rotate-root'],
  },
  'server-sealed': {
    check: 'request',
    status: 503,
    error: 'ServiceUnavailable',
    message:
      'This server is sealed: its keys are not in its memory. Its operator sees why and opens it: strongroom status, strongroom unseal',
    cause:
      'The seal is a passphrase or shares that operators keep, and nobody has brought them since the server started; or a key in a token, ' +
      'which is not there.',
    remedy: ['strongroom status', 'strongroom unseal'],
  },
});
