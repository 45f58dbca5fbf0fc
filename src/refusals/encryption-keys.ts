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
  'server-sealed': {
    check: 'request',
    status: 503,
    error: 'ServiceUnavailable',
    message: 'This server is sealed: its keys are not in its memory. An operator opens it with: strongroom unseal',
    cause:
      'The seal is a passphrase or shares that operators keep, and nobody has brought them since the server started.',
    remedy: ['strongroom status', 'strongroom unseal'],
  },
});
