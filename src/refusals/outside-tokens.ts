import { rows } from './row.ts';

/** Refusals of bearer tokens that an outside issuer made and the operator lets in. */
export const outsideTokenRefusals = rows({
  'outside-token-malformed': {
    check: 'authenticate',
    status: 401,
    error: 'Unauthorized',
    message: 'A token of the issuer {issuer} is not accepted in this form: {reason}.',
    cause: 'The issuer is trusted, but the token is not one that is safe to believe as an access token: {reason}.',
    remedy: ['Let the issuer make a token for this server alone, and see the terms of its entry under trustedIssuers.'],
  },
  'outside-token-signature': {
    check: 'authenticate',
    status: 401,
    error: 'Unauthorized',
    message: 'The issuer {issuer} publishes no key {kid} that has signed the token.',
    cause: 'The key that the header names is not among those of the issuer, or the signature is not by it.',
    remedy: ['Compare the kid of the token with the keys that {issuer} publishes.'],
  },
  'outside-token-audience': {
    check: 'authenticate',
    status: 401,
    error: 'Unauthorized',
    message: 'A token of {issuer} for the audience {audience} does not open this part of the server.',
    cause: 'The terms of the issuer name other audiences for the plane {plane}: {expected}.',
    remedy: ['Ask {issuer} for a token for one of: {expected}', 'Or change bearer.audiences.{plane} of its entry.'],
  },
  'outside-token-time': {
    check: 'authenticate',
    status: 401,
    error: 'Unauthorized',
    message: 'The token of {issuer} is not within its times: {reason}; the time here is {now}.',
    cause: 'The token has ended or does not count yet, by more than the clocks may differ.',
    remedy: ['Get a new token of {issuer}; compare the clocks.'],
  },
  'outside-subject-unknown': {
    check: 'authenticate',
    status: 401,
    error: 'Unauthorized',
    message: 'The subject {subject} of {issuer} stands for nobody in this directory.',
    cause: 'The token was proved, but its subject leads to no principal: {reason}.',
    remedy: [
      'Add the subject with an object id to bearer.principals of its entry under trustedIssuers, and start the server again.',
      'Or, where bearer.federatedCredentials is true: az ad app federated-credential create --id APP_ID --parameters @FILE',
    ],
  },
  'outside-keys-unavailable': {
    check: 'authenticate',
    status: 503,
    error: 'ServiceUnavailable',
    message: 'The keys of the issuer {issuer} cannot be had at present, so its tokens cannot be verified.',
    cause: 'The keys of {issuer} could not be loaded: {reason}.',
    remedy: ['Check jwksFile, jwksUri and caFile of {issuer} under trustedIssuers, and that this machine reaches it.'],
  },
});
