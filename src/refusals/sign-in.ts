import { rows } from './row.ts';

/** Refusals of people who sign in, and of what carries their sign-in on (RFC 6749 §5.2, RFC 8628 §3.5, Entra's numbers). */
export const signInRefusals = rows({
  'sign-in-wrong': {
    check: 'authenticate',
    status: 400,
    error: 'invalid_grant',
    aadsts: 50126,
    message: 'Error validating credentials due to invalid username or password.',
    cause:
      'The password is not that of the user, or there is no user of that name: the caller is not told which. It concerned {oid}, from {address}.',
    remedy: ['az ad user show --id NAME', 'az ad user update --id NAME --password PASSWORD'],
  },
  'sign-in-locked': {
    check: 'authenticate',
    status: 400,
    error: 'invalid_grant',
    aadsts: 50053,
    message:
      'Sign-in was refused, whatever the password: too many attempts with a wrong user name or password have been made for this account or from this address. Try again later.',
    cause:
      'Attempts from {address} have failed too often; the lock lasts a minute at first, and longer with each failure after it.',
    remedy: ['Wait for the lock to end, at most an hour, and stop whatever keeps sending the wrong password.'],
  },
  'sign-in-busy': {
    check: 'throttle',
    status: 503,
    error: 'temporarily_unavailable',
    aadsts: 90033,
    message: 'Too many people are signing in at this moment. Try again in a moment.',
    cause: 'Checking passwords is costly, so only a few are checked at once, in all and from one address.',
    remedy: ['Try again; if it lasts, look in the audit log for an address that guesses.'],
  },
  'person-disabled': {
    check: 'authenticate',
    status: 400,
    error: 'invalid_grant',
    aadsts: 50057,
    message: 'The user account is disabled.',
    cause: 'The user {oid} proved to be who they are, but the account was disabled.',
    remedy: ['az ad user update --id {oid} --account-enabled true'],
  },
  'password-expired': {
    check: 'authenticate',
    status: 400,
    error: 'invalid_grant',
    aadsts: 50055,
    message: 'The password is expired: it has to be changed before you can sign in. Open /changepassword on this host.',
    cause:
      'The password of the user {oid} was set by somebody else and has to be changed by the user, or an administrator asked for that.',
    remedy: [
      'Open https://login.DOMAIN:PORT/changepassword in a browser and choose a new password.',
      'az ad user update --id {oid} --force-change-password-next-sign-in false',
    ],
  },
  'sign-in-revoked': {
    check: 'authenticate',
    status: 400,
    error: 'invalid_grant',
    aadsts: 50173,
    message:
      'The sign-in has ended: the password was changed, or the sessions of the user were revoked. Sign in again.',
    cause: 'What the sign-in of {oid} rested on is no longer so.',
    remedy: ['az login'],
  },
  'refresh-token-unknown': {
    check: 'authenticate',
    status: 400,
    error: 'invalid_grant',
    aadsts: 70000,
    message: 'The refresh token is not valid: it was never given, or it was revoked with the sign-in that it came of.',
    cause:
      'No such refresh token is kept. A change of password, disabling or deleting the user, revoking the sessions, and the use of a token that had been replaced end all tokens of a sign-in.',
    remedy: ['az login'],
  },
  'refresh-token-client': {
    check: 'authenticate',
    status: 400,
    error: 'invalid_grant',
    aadsts: 700003,
    message: 'The refresh token was given to another application.',
    cause: 'The token belongs to {clientId}; {found} brought it.',
    remedy: ['Sign in with the application that asks for tokens.'],
  },
  'refresh-token-expired': {
    check: 'authenticate',
    status: 400,
    error: 'invalid_grant',
    aadsts: 700082,
    message: 'The refresh token has expired due to inactivity: it was not used for {days} days. Sign in again.',
    cause: 'A refresh token that is not used ends after {days} days.',
    remedy: ['az login'],
  },
  'refresh-token-reused': {
    check: 'authenticate',
    status: 400,
    error: 'invalid_grant',
    aadsts: 54005,
    message:
      'The refresh token was used before and has been replaced. Since one of those who hold it cannot be the user, the sign-in has been ended; sign in again.',
    cause:
      'A refresh token of {oid} that had been replaced more than a minute ago came again: its cache was copied, by mistake or by a thief. Every token of that sign-in has ended.',
    remedy: ['az login', 'Look for who else has the cache of tokens; change the password if nobody should.'],
  },
});
