import { startRecordedServer } from '../../support/recorded-server.ts';
import type { ServerOptions, TestServer } from '../../support/server.ts';
import { type AzSession, openAz, requireAz, words } from './az-session.ts';

/** A started server with an Azure CLI beside it. */
export interface AzInstallation {
  readonly server: TestServer;
  /** The administrator's session. Signed in only where `openSignedIn` made it. */
  readonly az: AzSession;
  readonly caFile: string;
  /** `https://management.{domain}:{port}` */
  readonly management: string;
  /** `/subscriptions/{id}` */
  readonly subscription: string;
  vaultUrl(name: string): string;
  vaultScope(group: string, name: string): string;
  /** One more session, which knows the cloud but nobody's account; the caller closes it. */
  openStranger(): Promise<AzSession>;
  close(): Promise<void>;
}

/** A setting for calls before anything has been configured: az asks no public authority about ours. */
export const noDiscovery = { env: { AZURE_CORE_INSTANCE_DISCOVERY: 'false' } };

/** Starts a server and opens a session that knows nothing of it yet. */
export async function openInstallation(
  options: ServerOptions = {},
  start: (options: ServerOptions) => Promise<TestServer> = startRecordedServer,
): Promise<AzInstallation> {
  await requireAz();
  const server = await start(options);
  const caFile = server.env['REQUESTS_CA_BUNDLE']!;
  const az = await openAz(caFile);
  const management = `https://management.${server.domain}:${server.port}`;
  const subscription = `/subscriptions/${server.subscriptionId}`;
  return {
    server,
    az,
    caFile,
    management,
    subscription,
    vaultUrl: (name) => `https://${name}.vault.${server.domain}:${server.port}`,
    vaultScope: (group, name) => `${subscription}/resourceGroups/${group}/providers/Microsoft.KeyVault/vaults/${name}`,
    openStranger: async () => {
      const session = await openAz(caFile);
      await registerCloud(session, management);
      return session;
    },
    close: async () => {
      await az.close();
      await server.stop();
    },
  };
}

/** Starts a server and signs the Azure CLI in as its administrator. */
export async function openSignedIn(
  options: ServerOptions = {},
  start: (options: ServerOptions) => Promise<TestServer> = startRecordedServer,
): Promise<AzInstallation> {
  const installation = await openInstallation(options, start);
  const { az, server, management } = installation;
  await registerCloud(az, management);
  await az.json(words`config set core.instance_discovery=false`);
  await signInAdministrator(az, server);
  return installation;
}

/** Signs a session in with the administrator's secret, which never stands on a command line. */
export function signInAdministrator(az: AzSession, server: TestServer): Promise<unknown> {
  const { clientId, clientSecret, tenantId } = server.administrator;
  const login = words`login --service-principal -u ${clientId} -p @- --tenant ${tenantId}`;
  return az.json(login, { input: clientSecret, ...noDiscovery });
}

async function registerCloud(az: AzSession, management: string): Promise<void> {
  await az.json(words`cloud register -n Strongroom --endpoint-resource-manager ${management}`);
  await az.json(words`cloud set -n Strongroom`);
}
