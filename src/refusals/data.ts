import { rows } from './row.ts';

const grant =
  'az role assignment create --role "{role}" --assignee-object-id {oid} --assignee-principal-type {principalType} --scope {scope}';
const rbacMessage =
  'Caller is not authorized to perform action on resource.\r\nIf role assignments, deny assignments or role definitions were changed recently, please observe propagation time.\r\n' +
  "Caller: appid={appid};oid={oid};iss={iss}\r\nAction: '{action}'\r\nResource: '{resource}'\r\nAssignment: (not found)\r\n" +
  "DenyAssignmentId: null\r\nDecisionReason: 'DeniedWithNoValidRBAC' \r\nVault: {vault};location={location}\r\n";
const policyMessage =
  "The user, group or application 'appid={appid};oid={oid};iss={iss}' does not have {kind} {permission} permission on key vault '{vault};location={location}'. " +
  'For help resolving this issue, please see https://go.microsoft.com/fwlink/?linkid=2125287';
const recover = 'az keyvault secret recover --vault-name {vault} --name {name}';
const purge = 'az keyvault secret purge --vault-name {vault} --name {name}';

/** Refusals of the data plane: vault, network, authorisation, and the state of secrets. */
export const dataRefusals = rows({
  'vault-not-found': {
    check: 'vault',
    status: 404,
    error: 'VaultNotFound',
    message: 'There is no vault named {vault} here.',
    cause: 'The host name of the request names a vault that does not exist.',
    remedy: ['az keyvault list --output table', 'az keyvault list-deleted --resource-type vault'],
  },
  'vault-deleted': {
    check: 'vault',
    status: 404,
    error: 'VaultNotFound',
    message: 'There is no vault named {vault} here.',
    cause: 'The vault is soft-deleted since {deleted} and will be purged at {purge}.',
    remedy: ['az keyvault recover --name {vault} --location {location}'],
  },
  'version-missing': {
    check: 'request',
    status: 400,
    error: 'BadParameter',
    message: 'api-version must be specified',
    cause: 'The request has no api-version query parameter.',
    remedy: ['Add ?api-version={newest} to the URL.'],
  },
  'version-unknown': {
    check: 'request',
    status: 400,
    error: 'BadParameter',
    message:
      'The specified version ({version}) is not recognized. Consider using the latest supported version ({newest}).',
    cause: 'The client speaks an api-version that this release does not know.',
    remedy: [
      'Use api-version={newest}.',
      'Set "acceptNewerApiVersions": true in the configuration to serve newer versions as {newest}.',
    ],
  },
  'name-invalid': {
    check: 'request',
    status: 400,
    error: 'BadParameter',
    message: 'The request URI contains an invalid name: {name}',
    cause: 'Names of objects are 1 to 127 letters, digits and hyphens; versions are 32 letters and digits.',
    remedy: ['Use a name of letters, digits and hyphens.'],
  },
  'query-invalid': {
    check: 'request',
    status: 400,
    error: 'BadParameter',
    message: 'The query parameter {parameter} has an invalid value: {reason}.',
    cause: 'A query parameter is out of its range, or a page token is damaged or of another vault or list.',
    remedy: ['Start the list again without $skiptoken; maxresults is 1 to 25.'],
  },
  'property-invalid': {
    check: 'body',
    status: 400,
    error: 'BadParameter',
    message: 'Property has invalid value: {property}: {reason}.',
    cause: 'A member of the body has the wrong type or is out of its range.',
    remedy: ['Correct the property {property}.'],
  },
  'secret-too-large': {
    check: 'body',
    status: 400,
    error: 'BadParameter',
    message: 'The secret value is {size} bytes long; the largest is {limit}.',
    cause: 'Secrets are limited to 25 KB (Key Vault service limits).',
    remedy: ['Keep the data elsewhere, encrypted, and its key here.'],
  },
  'firewall-address': {
    check: 'network',
    status: 403,
    error: 'Forbidden',
    inner: 'ForbiddenByFirewall',
    message:
      'Client address is not authorized and caller is not a trusted service.\r\nClient address: {address}\r\nCaller: appid={appid};oid={oid};iss={iss}\r\nVault: {vault};location={location}',
    cause: 'The vault lets in chosen networks only, and none of its {rules} IP rules holds the address {address}.',
    remedy: ['az keyvault network-rule add --name {vault} --ip-address {address}'],
  },
  'public-access-disabled': {
    check: 'network',
    status: 403,
    error: 'Forbidden',
    inner: 'ForbiddenByConnection',
    message:
      'Public network access is disabled and request is not from a trusted service nor via an approved private link.\r\nCaller: appid={appid};oid={oid};iss={iss}\r\nVault: {vault};location={location}',
    cause: 'The vault has publicNetworkAccess Disabled.',
    remedy: ['az keyvault update --name {vault} --public-network-access Enabled'],
  },
  'rbac-no-role': {
    check: 'authorise',
    status: 403,
    error: 'Forbidden',
    inner: 'ForbiddenByRbac',
    message: rbacMessage,
    cause: 'The caller holds no role at the vault, above it, or on this object.',
    remedy: [grant],
  },
  'rbac-role-lacks-action': {
    check: 'authorise',
    status: 403,
    error: 'Forbidden',
    inner: 'ForbiddenByRbac',
    message: rbacMessage,
    cause: 'The roles that the caller holds here ({roles}) do not include the data action {action}.',
    remedy: [grant],
  },
  'rbac-role-out-of-scope': {
    check: 'authorise',
    status: 403,
    error: 'Forbidden',
    inner: 'ForbiddenByRbac',
    message: rbacMessage,
    cause: 'The caller holds {roles} with this action, but at {scopes}, which does not reach this resource.',
    remedy: [grant],
  },
  'rbac-policy-ignored': {
    check: 'authorise',
    status: 403,
    error: 'Forbidden',
    inner: 'ForbiddenByRbac',
    message: rbacMessage,
    cause:
      'The vault uses role assignments, {since}; the access policy that would let the caller in has no effect. Ignored: {ignored}.',
    remedy: [
      grant,
      'strongroom access plan --vault {vault} --to rbac',
      'az keyvault update --name {vault} --enable-rbac-authorization false',
    ],
  },
  'policy-missing': {
    check: 'authorise',
    status: 403,
    error: 'Forbidden',
    inner: 'AccessDenied',
    message: policyMessage,
    cause: 'The vault uses access policies and none of them gives the caller {kind} {permission}.',
    remedy: ['az keyvault set-policy --name {vault} --object-id {oid} --{policyOption}-permissions {permission}'],
  },
  'policy-role-ignored': {
    check: 'authorise',
    status: 403,
    error: 'Forbidden',
    inner: 'AccessDenied',
    message: policyMessage,
    cause:
      'The vault uses access policies, {since}; the role {roles} that would let the caller in has no effect. Ignored: {ignored}.',
    remedy: [
      'az keyvault set-policy --name {vault} --object-id {oid} --{policyOption}-permissions {permission}',
      'strongroom access plan --vault {vault} --to rbac',
    ],
  },
  'secret-not-found': {
    check: 'state',
    status: 404,
    error: 'SecretNotFound',
    message:
      'A secret with (name/id) {id} was not found in this key vault. If you recently deleted this secret you may be able to recover it using the correct recovery command. For help resolving this issue, please see https://go.microsoft.com/fwlink/?linkid=2125182',
    cause: 'The vault has no secret, or no version, of this name.',
    remedy: [
      'az keyvault secret list --vault-name {vault} --output table',
      'az keyvault secret list-versions --vault-name {vault} --name {name}',
    ],
  },
  'secret-deleted': {
    check: 'state',
    status: 404,
    error: 'SecretNotFound',
    message:
      'A secret with (name/id) {id} was not found in this key vault. If you recently deleted this secret you may be able to recover it using the correct recovery command. For help resolving this issue, please see https://go.microsoft.com/fwlink/?linkid=2125182',
    cause: 'The secret was deleted at {deleted} and can be recovered until {purge}.',
    remedy: [recover],
  },
  'deleted-secret-not-found': {
    check: 'state',
    status: 404,
    error: 'SecretNotFound',
    message: 'Deleted Secret not found: {name}',
    cause: 'The vault has no deleted secret of this name: it is live, purged, or never was.',
    remedy: ['az keyvault secret list-deleted --vault-name {vault} --output table'],
  },
  'secret-disabled': {
    check: 'state',
    status: 403,
    error: 'Forbidden',
    inner: 'SecretDisabled',
    message: 'Operation {operation} is not allowed on a disabled secret.',
    cause: 'The version {version} of the secret has enabled=false.',
    remedy: ['az keyvault secret set-attributes --vault-name {vault} --name {name} --version {version} --enabled true'],
  },
  'secret-name-deleted': {
    check: 'state',
    status: 409,
    error: 'Conflict',
    inner: 'ObjectIsDeletedButRecoverable',
    message:
      'Secret {name} is currently in a deleted but recoverable state, and its name cannot be reused; in this state, the secret can only be recovered or purged.',
    cause: 'A secret of this name was deleted at {deleted}; it keeps its name until it is purged at {purge}.',
    remedy: [recover, purge],
  },
  'secret-managed': {
    check: 'state',
    status: 403,
    error: 'Forbidden',
    inner: 'SecretManagedByKeyVault',
    message:
      'Operation "{operation}" is not allowed on this secret, since it is associated with a certificate. Perform the operation on the corresponding certificate. For more information refer to https://docs.microsoft.com/en-us/azure/key-vault/certificates/about-certificates#composition-of-a-certificate',
    cause: 'The secret is part of the certificate {name}, which rules its life.',
    remedy: ['az keyvault certificate show --vault-name {vault} --name {name}'],
  },
  'secret-exists': {
    check: 'state',
    status: 409,
    error: 'Conflict',
    message: 'A secret with the name {name} already exists in this key vault.',
    cause: 'A backup is restored, or a deleted secret recovered, only where its name is free.',
    remedy: ['az keyvault secret show --vault-name {vault} --name {name} --query attributes'],
  },
  'backup-unreadable': {
    check: 'body',
    status: 400,
    error: 'BadParameter',
    message:
      'The backup blob cannot be restored here: it is damaged, or it was made in another subscription or location.',
    cause:
      'A backup opens only in its own installation, subscription and location, unchanged, as the kind of object it was.',
    remedy: ['Restore it into a vault of the subscription and location where it was made.'],
  },
  'backup-too-many-versions': {
    check: 'state',
    status: 400,
    error: 'BadParameter',
    message: 'The {kind} {name} has more than {limit} versions and cannot be backed up.',
    cause: 'A backup takes at most {limit} versions (Key Vault service limits).',
    remedy: ['strongroom backup FILE'],
  },
  'purge-protected': {
    check: 'state',
    status: 403,
    error: 'Forbidden',
    inner: 'ForbiddenByPolicy',
    message: 'Operation "purge" is not allowed because purge protection is enabled for this vault.',
    cause: 'The vault has purge protection: nobody purges before {purge}.',
    remedy: [
      'az keyvault {kind} recover --vault-name {vault} --name {name}',
      'Wait until {purge}; it is purged by itself then.',
    ],
  },
  'vault-key-missing': {
    check: 'state',
    status: 500,
    error: 'InternalServerError',
    message: 'The stored value cannot be decrypted. Request id: {requestId}.',
    cause: 'The stored envelope does not open: its row was damaged, moved or swapped in the database.',
    remedy: ['Restore a backup of the server into a new data directory and compare.', 'strongroom audit verify'],
  },
});
