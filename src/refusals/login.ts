import { rows } from './row.ts';

/** Refusals of the token endpoints (RFC 6749 §5.2 with Entra's AADSTS numbers). */
export const loginRefusals = rows({
  'tenant-unknown': {
    check: 'request',
    status: 400,
    error: 'invalid_tenant',
    aadsts: 90002,
    message:
      "Tenant '{tenant}' not found. Check to make sure you have the correct tenant ID and are signing into the correct cloud.",
    cause: 'The tenant in the URL is not one of this installation.',
    remedy: ['strongroom env'],
  },
  'parameter-missing': {
    check: 'body',
    status: 400,
    error: 'invalid_request',
    aadsts: 900144,
    message: "The request body must contain the following parameter: '{parameter}'.",
    cause: 'The form of the token request lacks a parameter, or it was not sent as application/x-www-form-urlencoded.',
    remedy: ['Send {parameter} in the form of the token request.'],
  },
  'grant-unsupported': {
    check: 'body',
    status: 400,
    error: 'unsupported_grant_type',
    aadsts: 70003,
    message:
      'This release of Strongroom does not support signing in by this grant ({grant}). Supported: client_credentials, password, refresh_token, device code.',
    cause:
      'The client asked for a grant that this release does not have: there is no sign-in by redirection of a browser yet.',
    remedy: ['az login --use-device-code', 'az login --service-principal -u APP_ID -p SECRET --tenant TENANT'],
  },
  'scope-invalid': {
    check: 'body',
    status: 400,
    error: 'invalid_scope',
    aadsts: 70011,
    message:
      "The provided value for the input parameter 'scope' is not valid. Ask for one resource, followed by '/.default'; found: {scope}.",
    cause:
      'A scope is a resource of this server with the suffix /.default (for people also /user_impersonation), one at a time.',
    remedy: ['Ask for the scope https://vault.azure.net/.default'],
  },
  'resource-unknown': {
    check: 'body',
    status: 400,
    error: 'invalid_resource',
    aadsts: 500011,
    message:
      'The resource principal named {target} was not found in the tenant. This can happen if the resource is not one of this server: https://vault.{domain}, https://management.{domain}, https://graph.{domain}, https://api.loganalytics.{domain}, or the public name of one of them.',
    cause:
      'A token was asked for a resource that this server does not have. A single vault is no resource; all vaults share one.',
    remedy: ['strongroom env', 'az account get-access-token --resource https://vault.azure.net'],
  },
  'application-unknown': {
    check: 'authenticate',
    status: 400,
    error: 'unauthorized_client',
    aadsts: 700016,
    message:
      'Application with identifier {clientId} was not found in the directory. It may have been deleted, it may have no service principal, or the request was sent to the wrong tenant.',
    cause: 'The client id is not that of an application with a service principal in this tenant.',
    remedy: ['az ad sp list --all', 'az ad sp create --id {clientId}'],
  },
  'application-disabled': {
    check: 'authenticate',
    status: 401,
    error: 'unauthorized_client',
    aadsts: 7000112,
    message: "Application '{clientId}'({name}) is disabled.",
    cause: 'The client proved itself, but its service principal was disabled.',
    remedy: ['az ad sp update --id {clientId} --set accountEnabled=true'],
  },
  'client-proof-missing': {
    check: 'authenticate',
    status: 401,
    error: 'invalid_client',
    aadsts: 7000218,
    message: "The request body must contain the following parameter: 'client_assertion' or 'client_secret'.",
    cause: 'The client sent neither a secret nor an assertion.',
    remedy: ['Configure a secret or a certificate of the application {clientId}.'],
  },
  'client-proof-ambiguous': {
    check: 'authenticate',
    status: 400,
    error: 'invalid_request',
    aadsts: 90014,
    message:
      'The request authenticates the client in more than one way. Use one: client_secret, client_assertion, or HTTP Basic.',
    cause: 'RFC 6749 §2.3 allows one way of client authentication in a request.',
    remedy: ['Send either the secret or the assertion, once.'],
  },
  'client-authorization-malformed': {
    check: 'authenticate',
    status: 400,
    error: 'invalid_request',
    aadsts: 900144,
    message: "The Authorization header is not 'Basic' with the client id and secret in base64.",
    cause:
      'The token endpoint takes HTTP Basic (RFC 6749 §2.3.1) or parameters in the form, no other Authorization header.',
    remedy: ['Send client_id and client_secret in the form.'],
  },
  'client-secret-wrong': {
    check: 'authenticate',
    status: 401,
    error: 'invalid_client',
    aadsts: 7000215,
    message:
      "Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, not the client secret ID, for a secret added to app '{clientId}'.",
    cause: 'None of the secrets of the application is the one that was sent.',
    remedy: ['az ad app credential list --id {clientId}', 'az ad app credential reset --id {clientId} --append'],
  },
  'client-secret-expired': {
    check: 'authenticate',
    status: 401,
    error: 'invalid_client',
    aadsts: 7000222,
    message:
      "The provided client secret keys for app '{clientId}' are expired: this one ended at {expired}; the time here is {now}.",
    cause: 'The secret was right but has expired.',
    remedy: ['az ad app credential reset --id {clientId} --append'],
  },
  'client-secret-not-yet-valid': {
    check: 'authenticate',
    status: 401,
    error: 'invalid_client',
    aadsts: 7000215,
    message: "The client secret of app '{clientId}' is not valid before {starts}; the time here is {now}.",
    cause: 'The secret was right but its time has not come.',
    remedy: ['az ad app credential list --id {clientId}'],
  },
  'assertion-type-unknown': {
    check: 'authenticate',
    status: 401,
    error: 'invalid_client',
    aadsts: 700025,
    message: "The value of 'client_assertion_type' is not valid. Expected: {expected}.",
    cause: 'The assertion is announced as something other than a JWT (RFC 7523 §2.2).',
    remedy: ['Send client_assertion_type={expected}.'],
  },
  'assertion-malformed': {
    check: 'authenticate',
    status: 401,
    error: 'invalid_client',
    aadsts: 50027,
    message: 'The client assertion is not a valid JWT: {reason}.',
    cause: 'The client assertion cannot be read.',
    remedy: ['Let an SDK make the assertion: configure the certificate of the application {clientId}.'],
  },
  'assertion-algorithm': {
    check: 'authenticate',
    status: 401,
    error: 'invalid_client',
    aadsts: 700027,
    message: 'The client assertion must be signed with RS256 or PS256.',
    cause: 'The assertion names another algorithm in its header.',
    remedy: ['Sign the assertion with RS256 or PS256.'],
  },
  'assertion-certificate-unknown': {
    check: 'authenticate',
    status: 401,
    error: 'invalid_client',
    aadsts: 700027,
    message:
      "The certificate with identifier used to sign the client assertion is not registered on application '{clientId}'. Thumbprint of key used by client: '{thumbprint}'.",
    cause: 'The assertion was signed with a certificate that the application does not have.',
    remedy: ['az ad app credential reset --id {clientId} --cert @certificate.pem --append'],
  },
  'assertion-certificate-expired': {
    check: 'authenticate',
    status: 401,
    error: 'invalid_client',
    aadsts: 7000222,
    message:
      "The certificate used by app '{clientId}' to sign its assertion is valid from {starts} to {expired}; the time here is {now}.",
    cause: 'The certificate is registered but outside its time.',
    remedy: ['az ad app credential reset --id {clientId} --cert @certificate.pem --append'],
  },
  'assertion-signature': {
    check: 'authenticate',
    status: 401,
    error: 'invalid_client',
    aadsts: 700027,
    message: "The client assertion of app '{clientId}' failed signature validation.",
    cause:
      'The signature was not made with the key of the certificate that the assertion names, or the assertion was altered.',
    remedy: ['Check that the private key belongs to the registered certificate.'],
  },
  'assertion-issuer': {
    check: 'authenticate',
    status: 401,
    error: 'invalid_client',
    aadsts: 700021,
    message:
      "The client assertion must be issued by the application itself: 'iss' and 'sub' must both be '{clientId}'.",
    cause: 'The assertion is by or about somebody other than the client of the request.',
    remedy: ['Set iss and sub to the client id {clientId}.'],
  },
  'assertion-audience': {
    check: 'authenticate',
    status: 401,
    error: 'invalid_client',
    aadsts: 700023,
    message: "The audience of the client assertion is not this authority. Expected '{expected}' (any port).",
    cause: 'The assertion was made for another authority, so it proves nothing here.',
    remedy: ['Set aud to {expected}.'],
  },
  'assertion-time': {
    check: 'authenticate',
    status: 401,
    error: 'invalid_client',
    aadsts: 700024,
    message:
      'The client assertion is not within its valid time range: it is valid from {starts} to {expired}; the time here is {now}.',
    cause: 'The assertion has expired or is not valid yet, or one of the clocks is wrong.',
    remedy: ['timedatectl status'],
  },
  'assertion-lifetime': {
    check: 'authenticate',
    status: 401,
    error: 'invalid_client',
    aadsts: 700024,
    message: 'The client assertion lives too long: it may end at most {hours} hours from now.',
    cause: 'An assertion is good once, and its use is remembered until it ends; one without a near end is refused.',
    remedy: ['Let the assertion end a few minutes after it is made.'],
  },
  'assertion-replayed': {
    check: 'authenticate',
    status: 401,
    error: 'invalid_client',
    aadsts: 700024,
    message:
      'The client assertion was used before, for this resource or from another address. An assertion is good once; make a new one for each request.',
    cause: 'The same assertion came twice: a client repeats itself, or somebody has overheard it.',
    remedy: ['Make an assertion with a new jti for each token request.'],
  },
});
