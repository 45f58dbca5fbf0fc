import { rows } from './row.ts';

/** Refusals of tokens of outside issuers, and of our own whose credential is gone. */
export const federationRefusals = rows({
  'token-credential-removed': {
    check: 'authenticate',
    status: 401,
    error: 'Unauthorized',
    message: 'The credential that the token was got by has been removed; sign in again with another one.',
    cause:
      'The token is sound, but the secret, certificate or federated credential of the application {appid} that it was got by was removed or changed. Of a person: the password was changed, or the sessions were revoked.',
    remedy: ['az logout, then az login (people)', 'az ad app credential list --id {appid}'],
  },
  'federated-issuer-untrusted': {
    check: 'authenticate',
    status: 401,
    error: 'invalid_client',
    aadsts: 50107,
    message:
      "The requested federation realm object '{issuer}' does not exist: the operator of this server has not named that issuer under trustedIssuers.",
    cause: 'Only tokens of issuers that the configuration names are believed, and only those are asked for their keys.',
    remedy: [
      'Add an entry with the issuer {issuer} to trustedIssuers in the configuration and start the server again.',
    ],
  },
  'federated-issuer-unmatched': {
    check: 'authenticate',
    status: 401,
    error: 'invalid_client',
    aadsts: 700211,
    message:
      "No matching federated identity record found for presented assertion issuer '{issuer}'. Check your federated identity credential Subject, Audience and Issuer against the presented assertion.",
    cause: 'The token was proved, but {clientId} has no federated credential of its issuer.',
    remedy: ['az ad app federated-credential list --id {clientId}'],
  },
  'federated-audience-unmatched': {
    check: 'authenticate',
    status: 401,
    error: 'invalid_client',
    aadsts: 700212,
    message:
      "No matching federated identity record found for presented assertion audience '{audience}'. Check your federated identity credential Subject, Audience and Issuer against the presented assertion.",
    cause: 'A federated credential of {clientId} has this issuer and subject, but the audience {expected}.',
    remedy: ['az ad app federated-credential list --id {clientId}', 'Let the issuer make the token for {expected}.'],
  },
  'federated-subject-unmatched': {
    check: 'authenticate',
    status: 401,
    error: 'invalid_client',
    aadsts: 700213,
    message:
      "No matching federated identity record found for presented assertion subject '{subject}'. Check your federated identity credential Subject, Audience and Issuer against the presented assertion.",
    cause: 'No federated credential of {clientId} for the issuer {issuer} has this subject, compared letter by letter.',
    remedy: ['az ad app federated-credential list --id {clientId}'],
  },
  'federated-keys-unavailable': {
    check: 'authenticate',
    status: 503,
    error: 'temporarily_unavailable',
    aadsts: 50166,
    message: 'The keys of the issuer {issuer} cannot be had at present. Try again later.',
    cause: 'The keys of {issuer} could not be loaded: {reason}.',
    remedy: ['Check jwksFile, jwksUri and caFile of {issuer} under trustedIssuers, and that this machine reaches it.'],
  },
  'federated-token-malformed': {
    check: 'authenticate',
    status: 401,
    error: 'invalid_client',
    aadsts: 50027,
    message: 'The federated token is not acceptable: {reason}.',
    cause: 'The token of the outside issuer cannot be read, or lacks what it must have.',
    remedy: ['Let the issuer sign with RS256, PS256 or ES256, name the key (kid), and set sub, exp and one aud.'],
  },
  'federated-token-time': {
    check: 'authenticate',
    status: 401,
    error: 'invalid_client',
    aadsts: 700024,
    message: 'The federated token of {issuer} is not within its valid time range.',
    cause: 'The token has expired or is not valid yet, or the clocks differ by more than a minute.',
    remedy: ['Get a new token of the issuer; compare the clocks.'],
  },
  'federated-signature': {
    check: 'authenticate',
    status: 401,
    error: 'invalid_client',
    aadsts: 50013,
    message: 'The federated token failed signature validation: no key of {issuer} that it names has signed it.',
    cause: 'The key that the header names is not among the keys of the issuer, or the signature is wrong.',
    remedy: ['Compare the kid of the token with the keys that the issuer publishes.'],
  },
});
