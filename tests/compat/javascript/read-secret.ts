import {
  ClientCertificateCredential,
  ClientSecretCredential,
  DefaultAzureCredential,
  ManagedIdentityCredential,
  type TokenCredential,
  WorkloadIdentityCredential,
} from '@azure/identity';
import { SecretClient } from '@azure/keyvault-secrets';

/**
 * An application as its author wrote it for the cloud: it signs in, reads a secret and prints it. Which kind of credential it signs
 * in with, the vault and the secret's name are in the environment; `read-secret.test.ts` sets it.
 */
const variable = (name: string): string => process.env[name] ?? '';
const tenant = variable('AZURE_TENANT_ID');
const client = variable('AZURE_CLIENT_ID');
// The one setting that a private authority needs; its address is in AZURE_AUTHORITY_HOST.
const options = { disableInstanceDiscovery: true } as const;

const credentials: Readonly<Record<string, () => TokenCredential>> = {
  default: () => new DefaultAzureCredential(options),
  secret: () => new ClientSecretCredential(tenant, client, variable('AZURE_CLIENT_SECRET'), options),
  certificate: () =>
    new ClientCertificateCredential(tenant, client, variable('AZURE_CLIENT_CERTIFICATE_PATH'), options),
  // Tenant, client and token file are in AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_FEDERATED_TOKEN_FILE.
  workload: () => new WorkloadIdentityCredential(options),
  'managed-identity': () => new ManagedIdentityCredential({ clientId: client }),
  'machine-identity': () => new ManagedIdentityCredential(),
};

const secrets = new SecretClient(variable('AZURE_KEYVAULT_URL'), credentials[variable('SUITE_CREDENTIAL')]!());
console.log((await secrets.getSecret(variable('SUITE_SECRET'))).value);
