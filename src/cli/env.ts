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

/** Path of the App Service form of the managed identity endpoint. */
export const MANAGED_IDENTITY_PATH = '/msi/token';

const USAGE = `strongroom env [--format shell|dotenv|json] [--with-secret] [--vault NAME]

Prints the variables by which SDKs and tools find and trust the running server:
  eval "$(strongroom env --with-secret)"

  --format FORMAT     shell (default), dotenv or json
  --with-secret       with AZURE_CLIENT_SECRET: the administrator's secret goes to standard output
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
  },
  async run(args, io) {
    const format = readFormat(textOption(args, 'format') ?? 'shell');
    const dataDir = dataDirOf(args, io);
    const runtime = requireRuntime(dataDir, args);
    const entries = [
      ...identityEntries(dataDir, runtime, flagOption(args, 'with-secret')),
      ...addressEntries(runtime, textOption(args, 'vault'), io),
      ...trustEntries(dataDir, format, io),
      ...managedIdentityEntries(runtime, flagOption(args, 'with-secret')),
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

function addressEntries(runtime: Runtime, wanted: string | undefined, io: CommandIo): EnvEntry[] {
  const vault = wanted ?? runtime.vaults[0];
  if (wanted !== undefined && !/^[a-z][a-z0-9-]{1,22}[a-z0-9]$/i.test(wanted)) {
    throw new CommandError(`Not a vault name: ${JSON.stringify(wanted)}.`, EXIT_USAGE);
  }
  if (vault === undefined) io.stderr('AZURE_KEYVAULT_URL is left out: no vault is known. --vault NAME names one.');
  return [
    { name: 'AZURE_AUTHORITY_HOST', value: hostUrl('login', runtime) },
    ...(vault === undefined ? [] : [{ name: 'AZURE_KEYVAULT_URL', value: hostUrl(`${vault}.vault`, runtime) }]),
    { name: 'AZURE_SUBSCRIPTION_ID', value: runtime.subscriptionId },
  ];
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
function managedIdentityEntries(runtime: Runtime, withSecret: boolean): EnvEntry[] {
  if (runtime.imdsPort === null) return [];
  const endpoint = `http://127.0.0.1:${runtime.imdsPort}`;
  const header = withSecret ? runtime.identityHeader : null;
  const remarks = [
    'Managed identity instead of a client secret, one of:',
    `export AZURE_POD_IDENTITY_AUTHORITY_HOST=${endpoint}`,
    ...(header === null
      ? ['(the App Service form needs a secret too: strongroom env --with-secret)']
      : [
          `export IDENTITY_ENDPOINT=${endpoint}${MANAGED_IDENTITY_PATH} IDENTITY_HEADER=${header}`,
          `export MSI_ENDPOINT=${endpoint}${MANAGED_IDENTITY_PATH} MSI_SECRET=${header}`,
        ]),
  ];
  return remarks.map((remark) => ({ remark }));
}
