import { rows } from './row.ts';

/** What is said of an identity that is not there for the caller: for whichever reason, word for word as Azure's endpoint has it. */
const notFound = {
  check: 'authenticate',
  status: 400,
  error: 'invalid_request',
  message: 'Identity not found',
} as const;

/** Refusals of the managed identity endpoint, and of the tokens that it gave. */
export const managedIdentityRefusals = rows({
  'identity-host': {
    check: 'request',
    status: 403,
    error: 'forbidden',
    message: 'The managed identity endpoint answers to an IP address or localhost as host name, to nothing else.',
    cause: 'The request reached the endpoint under a name: a web page may have pointed one here (DNS rebinding).',
    remedy: ['Use http://127.0.0.1 or http://localhost with the port of the endpoint: strongroom env'],
  },
  'identity-forwarded': {
    check: 'request',
    status: 400,
    error: 'invalid_request',
    message: 'The managed identity endpoint does not answer requests that were forwarded (X-Forwarded-For).',
    cause: 'The request came through a proxy; tokens of this machine are for processes on it.',
    remedy: ['Ask the endpoint directly: set NO_PROXY=127.0.0.1,localhost,169.254.169.254'],
  },
  'identity-metadata-header': {
    check: 'request',
    status: 400,
    error: 'invalid_request',
    message: 'Required metadata header not specified: send Metadata: true.',
    cause:
      'The request has no header Metadata: true. SDKs send one such request first, to see whether the endpoint is there.',
    remedy: [
      'curl -H "Metadata: true" "http://127.0.0.1:PORT/metadata/identity/oauth2/token?api-version=2018-02-01&resource=https://vault.azure.net"',
    ],
  },
  'identity-version': {
    check: 'request',
    status: 400,
    error: 'bad_request',
    message: 'The api-version is missing or not supported here. Supported: {versions}.',
    cause: 'The request names no api-version that this form of the endpoint has.',
    remedy: ['Add one of these as api-version: {versions}'],
  },
  'identity-secret-wrong': {
    check: 'authenticate',
    status: 401,
    error: 'unauthorized',
    message: 'The header {header} does not hold the secret of a resource.',
    cause:
      'The caller has no secret of a registered machine or application, or one that was renewed since: each has its own.',
    remedy: ['strongroom env --identity RESOURCE_ID --with-secret'],
  },
  'identity-resource-missing': {
    check: 'body',
    status: 400,
    error: 'invalid_request',
    message: "Required parameter 'resource' is missing.",
    cause: 'The request does not say what the token is for.',
    remedy: ['Add resource=https://vault.azure.net'],
  },
  'identity-ambiguous': {
    check: 'body',
    status: 400,
    error: 'invalid_request',
    message: 'Name one identity, by client_id, object_id or the resource id, not several.',
    cause: 'The request selects an identity in more than one way.',
    remedy: ['Leave one of client_id, object_id, msi_res_id and mi_res_id.'],
  },
  'identity-not-found': {
    ...notFound,
    cause: 'There is no managed identity of that id (asked by {by}); a client id of an application is none.',
    remedy: ['az identity list', 'az identity create --name NAME --resource-group GROUP'],
  },
  'identity-not-assigned': {
    ...notFound,
    cause:
      'The managed identity {identity} exists, but it is not assigned to {host}, for which the endpoint was asked. The caller is told no more than that there is none.',
    remedy: ['az {tool} identity assign --ids {host} --identities {identity}'],
  },
  'identity-none': {
    ...notFound,
    cause: 'The request names no identity, and {host}, for which the endpoint was asked, has none of its own.',
    remedy: ['az {tool} identity show --ids {host}', 'az {tool} identity assign --ids {host}'],
  },
  'identity-choice-needed': {
    check: 'authenticate',
    status: 400,
    error: 'invalid_request',
    message:
      'Multiple user assigned identities exist, please specify the clientId / resourceId of the identity in the token request',
    cause: 'The request names no identity, and {host} has none of its own but several that are assigned to it.',
    remedy: ['Name one of them by its client id: az identity list', 'az {tool} identity assign --ids {host}'],
  },
  'identity-machine-missing': {
    check: 'request',
    status: 400,
    error: 'invalid_request',
    message:
      'The managed identity endpoint stands for a virtual machine that does not exist here; its operator names it (machineResourceId).',
    cause: 'The endpoint is to stand for {machine}, which is not registered, was deleted, or is no virtual machine.',
    remedy: [
      'az resource create --resource-group {group} --name {name} --resource-type Microsoft.Compute/virtualMachines --location local --properties {}',
      'az vm identity assign --resource-group {group} --name {name}',
    ],
  },
  'identity-disabled': {
    check: 'authenticate',
    status: 400,
    error: 'invalid_request',
    message: 'The managed identity is disabled.',
    cause: 'The service principal {oid} of the managed identity was disabled.',
    remedy: ['az ad sp update --id {oid} --set accountEnabled=true'],
  },
  'identity-credential-invalid': {
    check: 'body',
    status: 400,
    error: 'BadRequest',
    message: "The federated identity credential is not valid: '{property}': {reason}.",
    cause: 'A member of the federated credential of a user-assigned identity is missing or not what it should be.',
    remedy: [
      'az identity federated-credential create --name NAME --identity-name IDENTITY --resource-group GROUP --issuer ISSUER --subject SUBJECT --audiences api://AzureADTokenExchange',
    ],
  },
  'identity-credential-taken': {
    check: 'state',
    status: 400,
    error: 'BadRequest',
    message: 'Issuer and subject combination already exists for this Managed Identity.',
    cause: 'Another federated credential of the identity believes the same issuer and subject.',
    remedy: ['az identity federated-credential list --identity-name IDENTITY --resource-group GROUP'],
  },
  'identity-credentials-full': {
    check: 'state',
    status: 400,
    error: 'BadRequest',
    message: 'The managed identity has the most federated identity credentials that it may have: {most}.',
    cause: 'An identity has at most {most} federated credentials.',
    remedy: ['az identity federated-credential delete --name NAME --identity-name IDENTITY --resource-group GROUP'],
  },
  'token-host-removed': {
    check: 'authenticate',
    status: 401,
    error: 'Unauthorized',
    message: 'The token was got on a resource that has this identity no longer, or by a secret that has been renewed.',
    cause:
      'The token is sound, but the managed identity {appid} is not assigned to {host} any more, that resource is gone, or its secret was renewed.',
    remedy: ['az resource show --ids {host}', 'az identity list'],
  },
});
