import { writeCaBundle } from './ca-bundle.ts';
import { type Command, CommandError, type CommandIo, EXIT_USAGE, flagOption, textOption } from './command.ts';
import {
  authorityPath,
  DATA_DIR_USAGE,
  dataDirOf,
  dataDirOption,
  hostUrl,
  type Runtime,
  readAdministrator,
  requireRuntime,
} from './data-dir.ts';
import { ENV_FORMATS, type EnvEntry, type EnvFormat, formatEnv } from './env-format.ts';
import { javaToolOptions, writeJavaTrustStore } from './java-trust-store.ts';
import { askAsOwner } from './owner-request.ts';
import { shellWord } from './shell-text.ts';

/** Path of the App Service form of the managed identity endpoint. */
const MANAGED_IDENTITY_PATH = '/msi/token';
const HOSTS_VERSION = '2024-07-01';
const ASK_MS = 15_000;

const USAGE = `strongroom env [--format shell|dotenv|json] [--with-secret] [--vault NAME] [--identity RESOURCE_ID]

Prints the variables by which SDKs and tools find and trust the running server:
  eval "$(strongroom env --with-secret)"

  --format FORMAT     shell (default), dotenv or json
  --with-secret       with AZURE_CLIENT_SECRET: the administrator's secret goes to standard output
  --identity RESOURCE_ID
                      what processes of this virtual machine or application need to sign in by its managed identities,
                      in place of the administrator's own; with --with-secret also IDENTITY_HEADER, the resource's secret
  --vault NAME        the vault of AZURE_KEYVAULT_URL (default: the first one)
${DATA_DIR_USAGE}`;

/** `strongroom env`. */
export const command: Command = {
  name: 'env',
  summary: 'print the variables that clients need',
  usage: USAGE,
  options: {
    ...dataDirOption,
    format: { type: 'string' },
    'with-secret': { type: 'boolean' },
    vault: { type: 'string' },
    identity: { type: 'string' },
  },
  async run(args, io) {
    const format = readFormat(textOption(args, 'format') ?? 'shell');
    const dataDir = dataDirOf(args, io);
    const runtime = requireRuntime(dataDir, args);
    const host = textOption(args, 'identity');
    const withSecret = flagOption(args, 'with-secret');
    const vault = textOption(args, 'vault');
    const entries =
      host === undefined
        ? [
            ...identityEntries(dataDir, runtime, withSecret),
            ...addressEntries(runtime, vault, io),
            ...trustEntries(dataDir, format, io),
            ...managedIdentityRemarks(runtime),
          ]
        : [
            ...(await hostEntries(dataDir, runtime, host, withSecret)),
            ...vaultEntries(runtime, vault, io),
            ...trustEntries(dataDir, format, io),
          ];
    for (const line of formatEnv(entries, format).split('\n')) io.stdout(line);
    return 0;
  },
};

function readFormat(text: string): EnvFormat {
  const format = ENV_FORMATS.find((name) => name === text);
  if (format) return format;
  throw new CommandError(`--format is one of ${ENV_FORMATS.join(', ')}.`, EXIT_USAGE);
}

function identityEntries(dataDir: string, runtime: Runtime, withSecret: boolean): EnvEntry[] {
  const administrator = readAdministrator(dataDir);
  if (withSecret && administrator === null) {
    throw new CommandError(
      `The administrator's secret is not there: ${dataDir}/administrator.json has been deleted. ` +
        'The server keeps only a hash of it; use the copy you kept, or another credential.',
    );
  }
  const clientId = administrator?.clientId ?? runtime.clientId;
  return [
    { name: 'AZURE_TENANT_ID', value: administrator?.tenantId ?? runtime.tenantId },
    ...(clientId === null ? [] : [{ name: 'AZURE_CLIENT_ID', value: clientId }]),
    ...(withSecret && administrator ? [{ name: 'AZURE_CLIENT_SECRET', value: administrator.clientSecret }] : []),
  ];
}

/** What a process of a registered host reads: no variable that would name another identity. */
async function hostEntries(
  dataDir: string,
  runtime: Runtime,
  resourceId: string,
  withSecret: boolean,
): Promise<EnvEntry[]> {
  if (!/^\/subscriptions\/[^/\s?#]+\/resourceGroups\/[^/\s?#]+\/providers(\/[^/\s?#]+){3}$/i.test(resourceId)) {
    throw new CommandError(
      '--identity takes the resource id of a virtual machine or a site: /subscriptions/….',
      EXIT_USAGE,
    );
  }
  if (runtime.imdsPort === null) throw new CommandError('The managed identity endpoint is off (imdsPort).');
  const endpoint = `http://127.0.0.1:${runtime.imdsPort}${MANAGED_IDENTITY_PATH}`;
  const entry = { name: 'IDENTITY_ENDPOINT', value: endpoint };
  if (!withSecret) return [entry, { remark: 'IDENTITY_HEADER is a secret: strongroom env --identity … --with-secret' }];
  const path = `${resourceId}/listIdentitySecret?api-version=${HOSTS_VERSION}`;
  const { identityHeader } = await askAsOwner(dataDir, runtime, {
    method: 'POST',
    path,
    timeoutMs: ASK_MS,
    otherwise: `  az rest --method post --url ${hostUrl('management', runtime)}${path}`,
  });
  if (typeof identityHeader !== 'string') throw new CommandError('The server answered without a secret.');
  return [entry, { name: 'IDENTITY_HEADER', value: identityHeader }];
}

function addressEntries(runtime: Runtime, wanted: string | undefined, io: CommandIo): EnvEntry[] {
  return [
    { name: 'AZURE_AUTHORITY_HOST', value: hostUrl('login', runtime) },
    ...vaultEntries(runtime, wanted, io),
    { name: 'AZURE_SUBSCRIPTION_ID', value: runtime.subscriptionId },
  ];
}

function vaultEntries(runtime: Runtime, wanted: string | undefined, io: CommandIo): EnvEntry[] {
  const vault = wanted ?? runtime.vaults[0];
  if (wanted !== undefined && !/^[a-z][a-z0-9-]{1,22}[a-z0-9]$/i.test(wanted)) {
    throw new CommandError(`Not a vault name: ${JSON.stringify(wanted)}.`, EXIT_USAGE);
  }
  if (vault === undefined) io.stderr('AZURE_KEYVAULT_URL is left out: no vault is known. --vault NAME names one.');
  return vault === undefined ? [] : [{ name: 'AZURE_KEYVAULT_URL', value: hostUrl(`${vault}.vault`, runtime) }];
}

function trustEntries(dataDir: string, format: EnvFormat, io: CommandIo): EnvEntry[] {
  const bundle = writeCaBundle(dataDir, io.env);
  if (bundle === null) {
    io.stderr('Variables for trust are left out: the server has no certificate authority of its own.');
    return [];
  }
  const entries: EnvEntry[] = [
    // Node adds this file to its own list; the others replace theirs, hence the bundle.
    { name: 'NODE_EXTRA_CA_CERTS', value: authorityPath(dataDir) },
    { name: 'REQUESTS_CA_BUNDLE', value: bundle },
    { name: 'SSL_CERT_FILE', value: bundle },
    { name: 'CURL_CA_BUNDLE', value: bundle },
  ];
  const store = writeJavaTrustStore(dataDir, io.env);
  // Only a shell is known to run where its variables already hold.
  const present = format === 'shell' ? io.env['JAVA_TOOL_OPTIONS'] : undefined;
  const options = 'path' in store ? javaToolOptions(store.path, present) : null;
  if (options !== null) return [...entries, { name: 'JAVA_TOOL_OPTIONS', value: options }];
  const reason = 'missing' in store ? store.missing : 'its path holds both kinds of quotes';
  io.stderr(`JAVA_TOOL_OPTIONS is left out (Java clients only): ${reason}.`);
  return entries;
}

/** As remarks: set, they would make DefaultAzureCredential prefer a managed identity where none was given one. */
function managedIdentityRemarks(runtime: Runtime): EnvEntry[] {
  if (runtime.imdsPort === null) return [];
  return [
    'Managed identity instead of a client secret, one of:',
    `export AZURE_POD_IDENTITY_AUTHORITY_HOST=http://127.0.0.1:${runtime.imdsPort}`,
    `eval "$(strongroom env --identity ${shellWord(runtime.machineResourceId ?? 'RESOURCE_ID')} --with-secret)"`,
  ].map((remark) => ({ remark }));
}
