import { rows } from './row.ts';

/** Refusals of changing the keys that sign tokens. */
export const signingKeyRefusals = rows({
  'signing-keys-not-owner': {
    check: 'authorise',
    status: 403,
    error: 'AuthorizationFailed',
    message: "The client with object id '{oid}' may not change the keys that sign tokens. Ask an Owner of it.",
    cause: 'Revoking a key ends the tokens of everybody, so other roles do not suffice, whatever actions they hold.',
    remedy: ['Ask as an Owner of the subscription: strongroom signing-keys list'],
  },
  'signing-key-not-found': {
    check: 'state',
    status: 404,
    error: 'SigningKeyNotFound',
    message: 'There is no signing key {kid}: it was revoked or removed, or never was.',
    cause: 'No key in the store has that id; no token that it signed is accepted.',
    remedy: ['strongroom signing-keys list'],
  },
});
