/**
 * An application as its author wrote it for the cloud: it knows its vault from the environment, and nothing of the server it
 * runs against. `identity.test.ts` runs it with the variables that the server hands out.
 */
import { DefaultAzureCredential } from '@azure/identity';
import { SecretClient } from '@azure/keyvault-secrets';

const credential = new DefaultAzureCredential({ disableInstanceDiscovery: true });
const client = new SecretClient(process.env['AZURE_KEYVAULT_URL'] ?? '', credential);

await client.setSecret('greeting', 'hello');
const { value, properties } = await client.getSecret('greeting');
const names: string[] = [];
for await (const { name } of client.listPropertiesOfSecrets()) names.push(name);
process.stdout.write(JSON.stringify({ value, version: properties.version, names }));
