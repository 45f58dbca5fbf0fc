import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { replaceFile } from '../base/files.ts';
import {
  type Command,
  type CommandArguments,
  CommandError,
  type CommandIo,
  EXIT_USAGE,
  errorCode,
  flagOption,
  textOption,
} from './command.ts';
import {
  authorityPath,
  DATA_DIR_USAGE,
  dataDirOf,
  dataDirOption,
  hostUrl,
  type Runtime,
  readAdministrator,
  readAuthority,
  requireRuntime,
  suggestCommand,
} from './data-dir.ts';
import { shellWord } from './shell-text.ts';

/** One call of the Azure CLI. */
interface AzStep {
  readonly args: readonly string[];
  /** What is written to its standard input; a secret goes this way, since a command line is seen by every user. */
  readonly input?: string;
  /** What to try where the call fails. */
  readonly otherwise?: readonly string[];
}

/** What the calls need beside the Azure CLI: variables for it now, and in every shell that uses it later. */
interface AzPlan {
  readonly variables: Readonly<Record<string, string>>;
  readonly steps: readonly AzStep[];
}

/**
 * The cloud as `az cloud register --cloud-config` reads it. The authority's path starts with `adfs` because the Azure CLI
 * then asks no public authority whether this one may be trusted; all other ways to stop that change the settings that
 * the user's other clouds share.
 */
export function azCloud(runtime: Pick<Runtime, 'domain' | 'port'>): Readonly<Record<string, unknown>> {
  const management = hostUrl('management', runtime);
  const graph = `${hostUrl('graph', runtime)}/`;
  const suffix = (label: string): string => hostUrl(label, runtime).replace('https://', '.');
  return {
    endpoints: {
      activeDirectory: `${hostUrl('login', runtime)}/adfs/aad`,
      activeDirectoryResourceId: management,
      activeDirectoryGraphResourceId: graph,
      microsoftGraphResourceId: graph,
      resourceManager: management,
      management,
      gallery: `${management}/`,
      logAnalyticsResourceId: hostUrl('api.loganalytics', runtime),
      portal: hostUrl('portal', runtime),
    },
    suffixes: { keyvaultDns: suffix('vault'), mhsmDns: suffix('managedhsm') },
  };
}

/** `strongroom az`: makes the Azure CLI know the running server, and signs it in. */
export const command: Command = {
  name: 'az',
  summary: 'make the Azure CLI know this server and sign it in',
  usage: `strongroom az [--run] [--identity] [--client-id ID] [--name NAME] [--data-dir DIR]

Writes az-cloud.json into the data directory and prints the lines that register the cloud with the Azure CLI, choose it
and sign in as the administrator.

  --run               do it instead of printing it
  --identity          sign in as a managed identity, from the server's own endpoint
  --client-id ID      which managed identity (its client id)
  --name NAME         what the cloud is called in the Azure CLI (default: Strongroom)
${DATA_DIR_USAGE}`,
  options: {
    run: { type: 'boolean' },
    identity: { type: 'boolean' },
    'client-id': { type: 'string' },
    name: { type: 'string' },
    ...dataDirOption,
  },
  async run(args, io) {
    const dataDir = dataDirOf(args, io);
    const runtime = requireRuntime(dataDir, args);
    const cloudFile = join(dataDir, 'az-cloud.json');
    const plan = planFor(args, dataDir, runtime, cloudFile);
    replaceFile(cloudFile, `${JSON.stringify(azCloud(runtime), null, 2)}\n`, 0o600);
    if (flagOption(args, 'run')) await perform(plan, io);
    else print(plan, args, dataDir, io);
    return 0;
  },
};

function planFor(args: CommandArguments, dataDir: string, runtime: Runtime, cloudFile: string): AzPlan {
  const name = textOption(args, 'name') ?? 'Strongroom';
  if (!/^[A-Za-z][A-Za-z0-9_-]{0,63}$/.test(name)) {
    throw new CommandError(
      '--name takes a letter, then up to 63 letters, digits, hyphens and underscores.',
      EXIT_USAGE,
    );
  }
  const cloud = ['--name', name, '--cloud-config', `@${cloudFile}`];
  const identity = flagOption(args, 'identity');
  return {
    variables: {
      ...(readAuthority(dataDir) === null ? {} : { REQUESTS_CA_BUNDLE: authorityPath(dataDir) }),
      ...(identity ? { AZURE_POD_IDENTITY_AUTHORITY_HOST: identityEndpoint(runtime) } : {}),
    },
    steps: [
      { args: ['cloud', 'register', ...cloud], otherwise: ['cloud', 'update', ...cloud] },
      { args: ['cloud', 'set', '--name', name] },
      identity ? identityLogin(args) : administratorLogin(args, dataDir),
      { args: ['account', 'set', '--subscription', runtime.subscriptionId] },
    ],
  };
}

function identityEndpoint(runtime: Runtime): string {
  if (runtime.imdsPort !== null) return `http://127.0.0.1:${runtime.imdsPort}`;
  throw new CommandError('The server runs without its managed-identity endpoint: start it with --imds-port PORT.');
}

function identityLogin(args: CommandArguments): AzStep {
  const clientId = textOption(args, 'client-id');
  return { args: ['login', '--identity', ...(clientId === undefined ? [] : ['--client-id', clientId])] };
}

/** `@-` makes the Azure CLI read the argument from its standard input (measured with 2.91). */
function administratorLogin(args: CommandArguments, dataDir: string): AzStep {
  if (textOption(args, 'client-id') !== undefined) {
    throw new CommandError('--client-id names a managed identity: it needs --identity.', EXIT_USAGE);
  }
  const administrator = readAdministrator(dataDir);
  if (!administrator) {
    throw new CommandError(
      `${join(dataDir, 'administrator.json')} is gone. Sign in with a credential of yours: az login --service-principal`,
    );
  }
  const { clientId, clientSecret, tenantId } = administrator;
  return {
    args: ['login', '--service-principal', '--username', clientId, '--password', '@-', '--tenant', tenantId],
    input: clientSecret,
  };
}

function print(plan: AzPlan, args: CommandArguments, dataDir: string, io: CommandIo): void {
  io.stdout(`# Run these lines in a shell, or let it be done: ${suggestCommand(args, 'az --run')}`);
  for (const line of exports(plan)) io.stdout(line);
  const secret = `eval "$(npx strongroom env --with-secret --data-dir ${shellWord(dataDir)})" && printf %s "$AZURE_CLIENT_SECRET"`;
  for (const step of plan.steps) {
    const line = commandLine(step.args);
    if (step.otherwise) io.stdout(`${line} 2>/dev/null || ${commandLine(step.otherwise)}`);
    else io.stdout(step.input === undefined ? line : `( ${secret} | ${line} )`);
  }
}

function exports(plan: AzPlan): string[] {
  return Object.entries(plan.variables).map(([name, value]) => `export ${name}=${shellWord(value)}`);
}

function commandLine(args: readonly string[]): string {
  return ['az', ...args].map(shellWord).join(' ');
}

async function perform(plan: AzPlan, io: CommandIo): Promise<void> {
  const env = { ...io.env, ...plan.variables };
  for (const step of plan.steps) {
    let words = step.args;
    let ended = await runAz(words, env, step.input);
    if (ended.code !== 0 && step.otherwise) {
      words = step.otherwise;
      ended = await runAz(words, env);
    }
    if (ended.code !== 0) {
      throw new CommandError(`${commandLine(words)} failed with exit code ${ended.code}:\n${ended.errors.trimEnd()}`);
    }
    io.stdout(`done: ${commandLine(words)}`);
  }
  const needed = exports(plan);
  if (needed.length > 0) io.stdout('In every shell that uses az with this cloud:');
  for (const line of needed) io.stdout(`  ${line}`);
}

/** Runs the Azure CLI without a shell. What it prints on success holds nothing to act on and is dropped. */
function runAz(
  args: readonly string[],
  env: NodeJS.ProcessEnv,
  input?: string,
): Promise<{ code: number; errors: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn('az', args, { env, stdio: ['pipe', 'ignore', 'pipe'] });
    let errors = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      errors += text;
    });
    child.once('error', (error) => {
      if (errorCode(error) !== 'ENOENT') return reject(error);
      reject(new CommandError('There is no az on the PATH. Install the Azure CLI first: pip install azure-cli'));
    });
    child.once('close', (code, signal) =>
      resolve({ code: code ?? 1, errors: signal ? `${errors}\n${signal}` : errors }),
    );
    // The Azure CLI may end before it reads: then there is nobody to write to.
    child.stdin.on('error', () => {});
    child.stdin.end(input ?? '');
  });
}
