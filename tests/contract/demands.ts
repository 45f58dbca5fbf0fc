/** What a definition must and must not hold beyond what its schema says. Names with dots reach into nested objects. */
export interface Demand {
  readonly required?: readonly string[];
  readonly absent?: readonly string[];
  /** Members that the service sends beyond its files, with their schemas (contract WIRE). */
  readonly also?: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
}

const attributes = ['attributes.enabled', 'attributes.created', 'attributes.updated'];
const deleted = { required: ['recoveryId', 'deletedDate', 'scheduledPurgeDate'] };
const keyBundle = {
  required: ['key.kid', 'key.kty', 'key.key_ops', ...attributes],
  // RFC 7517 §9.2 and RFC 7518 §6.3.2, §6.4.1: what makes a JWK private or symmetric.
  absent: ['key.d', 'key.p', 'key.q', 'key.dp', 'key.dq', 'key.qi', 'key.k', 'key.key_hsm'],
};
const vaultError = { required: ['error.code', 'error.message'] };
const managementError = { required: ['error.code', 'error.message'] };
const page = { required: ['value'] };
const armResource = ['id', 'name', 'type'];

/**
 * The OpenAPI files of the data plane mark hardly any member as required, so that `{}` would pass as a secret. These are
 * the members the service always sends: they are in every published example of the definition, and the official clients
 * build their objects from them. Keyed by the contract's folder and the definition's name; a definition that extends
 * another by `allOf` inherits its demands.
 */
export const definitionDemands: Readonly<Record<string, Demand>> = {
  'keyvault-data-plane/KeyVaultError': vaultError,
  'keyvault-data-plane/SecretBundle': { required: ['id', ...attributes] },
  'keyvault-data-plane/SecretItem': { required: ['id', ...attributes] },
  'keyvault-data-plane/DeletedSecretBundle': deleted,
  'keyvault-data-plane/DeletedSecretItem': deleted,
  'keyvault-data-plane/SecretListResult': page,
  'keyvault-data-plane/DeletedSecretListResult': page,
  'keyvault-data-plane/BackupSecretResult': { required: ['value'] },
  'keyvault-data-plane/KeyBundle': keyBundle,
  'keyvault-data-plane/KeyItem': { required: ['kid', ...attributes] },
  'keyvault-data-plane/DeletedKeyBundle': deleted,
  'keyvault-data-plane/DeletedKeyItem': deleted,
  'keyvault-data-plane/KeyListResult': page,
  'keyvault-data-plane/DeletedKeyListResult': page,
  'keyvault-data-plane/BackupKeyResult': { required: ['value'] },
  'keyvault-data-plane/KeyOperationResult': { required: ['kid', 'value'] },
  'keyvault-data-plane/KeyVerifyResult': { required: ['value'] },
  'keyvault-data-plane/KeyReleaseResult': { required: ['value'] },
  'keyvault-data-plane/RandomBytes': { required: ['value'] },
  'keyvault-data-plane/CertificateBundle': {
    required: ['id', ...attributes],
    also: {
      pending: {
        type: 'object',
        properties: { id: { type: 'string' } },
        required: ['id'],
        additionalProperties: false,
      },
    },
  },
  'keyvault-data-plane/X509CertificateProperties': {
    also: {
      basic_constraints: { type: 'object', properties: { ca: { type: 'boolean' } }, additionalProperties: false },
    },
  },
  'keyvault-data-plane/CertificateItem': { required: ['id', ...attributes] },
  'keyvault-data-plane/DeletedCertificateBundle': deleted,
  'keyvault-data-plane/DeletedCertificateItem': deleted,
  'keyvault-data-plane/CertificateListResult': page,
  'keyvault-data-plane/DeletedCertificateListResult': page,
  'keyvault-data-plane/CertificateIssuerListResult': page,
  'keyvault-data-plane/CertificatePolicy': { required: ['id'] },
  'keyvault-data-plane/IssuerBundle': { required: ['id', 'provider'] },
  'keyvault-data-plane/Contacts': { required: ['id', 'contacts'] },
  'keyvault-data-plane/KeyRotationPolicy': { required: ['id', 'lifetimeActions'] },
  'keyvault-data-plane/CertificateOperation': { required: ['id', 'status'] },
  'keyvault-data-plane/BackupCertificateResult': { required: ['value'] },
  'keyvault-resource-manager/CloudError': managementError,
  'keyvault-resource-manager/Vault': {
    required: [...armResource, 'location', 'properties.vaultUri'],
  },
  'keyvault-resource-manager/VaultListResult': page,
  'keyvault-resource-manager/DeletedVault': {
    required: [
      ...armResource,
      'properties.vaultId',
      'properties.location',
      'properties.deletionDate',
      'properties.scheduledPurgeDate',
    ],
  },
  'keyvault-resource-manager/DeletedVaultListResult': page,
  'keyvault-resource-manager/Resource': { required: armResource },
  'keyvault-resource-manager/ResourceListResult': page,
  'keyvault-resource-manager/CheckNameAvailabilityResult': { required: ['nameAvailable'] },
  'keyvault-resource-manager/KeyListResult': page,
  'keyvault-resource-manager/SecretListResult': page,
  'keyvault-resource-manager/PrivateEndpointConnectionListResult': page,
  'keyvault-resource-manager/PrivateLinkResourceListResult': page,
  'keyvault-resource-manager/OperationListResult': page,
  'common-types/ErrorResponse': managementError,
  'authorization/RoleAssignment': {
    required: [...armResource, 'properties.scope', 'properties.roleDefinitionId', 'properties.principalId'],
  },
  'authorization/RoleAssignmentListResult': page,
  'authorization/RoleDefinition': {
    required: [
      ...armResource,
      'properties.roleName',
      'properties.type',
      'properties.permissions',
      'properties.assignableScopes',
    ],
  },
  'authorization/RoleDefinitionListResult': page,
  'authorization/PermissionGetResult': page,
};

/**
 * Demands on a success of one operation. The secret's value is in the schema of every secret operation, but the service
 * sends it only where the value was set or asked for: see the published examples of UpdateSecret, DeleteSecret,
 * RecoverDeletedSecret and RestoreSecret.
 */
export const operationDemands: Readonly<Record<string, Demand>> = {
  SetSecret: { required: ['value'] },
  GetSecret: { required: ['value'] },
  UpdateSecret: { absent: ['value'] },
  DeleteSecret: { absent: ['value'] },
  GetDeletedSecret: { absent: ['value'] },
  RecoverDeletedSecret: { absent: ['value'] },
  RestoreSecret: { absent: ['value'] },
  // The official client polls this one until the state is Succeeded (contract WIRE §6).
  Vaults_Get: { required: ['properties.provisioningState'] },
};
