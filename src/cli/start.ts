import { chmodSync, existsSync, mkdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { replaceFile } from '../base/files.ts';
import { jsonLog } from '../base/log.ts';
import { systemClock, systemRandom } from '../base/system.ts';
import { DAY, toIso } from '../base/text.ts';
import { type Config, readConfig } from '../config.ts';
import type { SealedServer } from '../sealed-start.ts';
import { type RunningServer, startServer } from '../server.ts';
import { lockDirectory } from '../store/sqlite/lock.ts';
import { version } from '../version.ts';
import {
  type Command,
  type CommandArguments,
  CommandError,
  type CommandIo,
  flagOption,
  textOption,
} from './command.ts';
import { DATA_DIR_USAGE, dataDirOf, dataDirOption } from './data-dir.ts';

const GRACE_MS = 10_000;

/** `strongroom start`: runs the server until it is told to stop. */
export const command: Command = {
  name: 'start',
  summary: 'start the server; an empty data directory gets everything it needs',
  usage: [
    'strongroom start [--data-dir DIR] [--port PORT] [--imds-port PORT] [--domain NAME] [--config FILE] [--dev]',
    '',
    DATA_DIR_USAGE,
    '  --port PORT         HTTPS port (default: 8443; 0 takes a free one)',
    '  --imds-port PORT    port of the managed identity endpoint on loopback (default: the HTTPS port + 1)',
    '  --domain NAME       domain under which the hosts are (default: localhost)',
    '  --config FILE       JSON file with further settings, see docs/operations.md',
    '  --dev               development alone: the clock may be moved, see strongroom clock',
  ].join('\n'),
  options: {
    ...dataDirOption,
    port: { type: 'string' },
    'imds-port': { type: 'string' },
    domain: { type: 'string' },
    config: { type: 'string' },
    dev: { type: 'boolean' },
  },
  run,
};

/** The configuration that a command line names. */
export function configOf(args: CommandArguments, io: CommandIo): Config {
  return readConfig({
    dataDir: dataDirOf(args, io),
    configFile: textOption(args, 'config'),
    port: textOption(args, 'port'),
    imdsPort: textOption(args, 'imds-port'),
    domain: textOption(args, 'domain'),
    movableClock: flagOption(args, 'dev'),
    environment: io.env,
  });
}

async function run(args: CommandArguments, io: CommandIo): Promise<number> {
  const config = configOf(args, io);
  const { dataDir } = config;
  prepareDirectory(dataDir);
  const lock = lockDirectory(dataDir);
  const runtimeFile = join(dataDir, 'runtime.json');
  try {
    const log = jsonLog(io.stderr, systemClock.now);
    const stop = stopSignal();
    const server = await startServer({
      config,
      version,
      clock: systemClock,
      random: systemRandom(),
      log,
      sealPassphrase: io.env['STRONGROOM_SEAL_PASSPHRASE'],
      onSealed: (sealed) => {
        // Of an earlier run: nothing that it says holds now.
        rmSync(runtimeFile, { force: true });
        for (const line of sealedBanner(config, sealed)) io.stdout(line);
      },
      stopped: stop,
    });
    if (!server) return 0;
    replaceFile(runtimeFile, `${JSON.stringify(runtimeOf(config, server), null, 2)}\n`, 0o600);
    for (const line of banner(config, server)) io.stdout(line);
    await stop;
    io.stdout('Stopping: what is under way is finished first.');
    await server.close(GRACE_MS);
    rmSync(runtimeFile, { force: true });
    return 0;
  } finally {
    lock.release();
  }
}

function prepareDirectory(dataDir: string): void {
  if (!existsSync(dataDir)) mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  const found = statSync(dataDir);
  if (!found.isDirectory()) throw new CommandError(`${dataDir} is not a directory.`);
  if ((found.mode & 0o077) === 0) return;
  // Made by somebody's mkdir and still empty of ours: it becomes private. One in use is not touched behind the operator's back.
  if (!existsSync(join(dataDir, 'seal.key')) && !existsSync(join(dataDir, 'strongroom.db'))) chmodSync(dataDir, 0o700);
  else throw new CommandError(`${dataDir} can be read by other users. Make it private: chmod 700 ${dataDir}`);
}

function runtimeOf(config: Config, server: RunningServer): Record<string, unknown> {
  const { tenantId, subscriptionId, clientId, machinePrincipalId } = server.installation;
  return {
    pid: process.pid,
    version,
    port: server.port,
    imdsPort: server.imdsPort,
    domain: config.domain,
    startedAt: new Date(systemClock.now()).toISOString(),
    tenantId,
    subscriptionId,
    clientId,
    machinePrincipalId,
    machineResourceId: server.machineResourceId,
    vaults: server.vaults,
  };
}

function banner(config: Config, server: RunningServer): readonly string[] {
  const { installation, firstCredentials: first, port } = server;
  const at = (host: string) => `https://${host}.${config.domain}:${port}`;
  return [
    `Strongroom ${version} is ready.`,
    '',
    `  Vault          ${at(`${server.vaults[0] ?? installation.vaultName}.vault`)}`,
    `  Management     ${at('management')}   sign-in ${at('login')}`,
    `  Data           ${config.dataDir}   store ${server.storePlace}`,
    `  Tenant         ${installation.tenantId}`,
    `  Subscription   ${installation.subscriptionName} (${installation.subscriptionId})`,
    `  Administrator  ${installation.clientId}`,
    ...clockLines(server),
    ...(first
      ? [
          `  Secret         ${first.clientSecret}`,
          '                 shown this once; also in administrator.json, which you may delete',
        ]
      : []),
    '',
    'Next, in another terminal:',
    '  eval "$(npx strongroom env --with-secret)"    variables for the SDKs',
    '  npx strongroom az --run                       sign the az CLI in',
    '  npx strongroom trust                          make clients trust the certificate',
    '',
  ];
}

function sealedBanner(
  { dataDir }: Config,
  { state, kind, port, certificateSha256, reason }: SealedServer,
): readonly string[] {
  const words = state === 'sealed' ? 'unseal' : 'seal init';
  return [
    `Strongroom ${version} is ${state === 'sealed' ? 'sealed' : 'waiting for its first seal'} (${kind}).`,
    '',
    ...(reason === undefined
      ? [
          `  Answers 503 on port ${port}, under a certificate of this process alone, until an operator opens it:`,
          `  strongroom ${words} --data-dir ${dataDir}`,
        ]
      : [
          `  Answers 503 on port ${port}, under a certificate of this process alone, until its token is there, and goes on by itself then.`,
          `  ${reason}`,
        ]),
    `  Certificate    SHA-256 ${certificateSha256}`,
    '',
  ];
}

/** Loud on purpose: nothing on such a server lasts as long as it says. */
function clockLines({ clock }: RunningServer): readonly string[] {
  if (!clock.isMovable) return [];
  const days = (clock.ahead() / DAY).toFixed(1);
  const state = clock.ahead() > 0 ? `MOVED ${days} days ahead: it is ${toIso(clock.now())}` : 'movable';
  return [`  CLOCK          ${state}; for development, never for production`];
}

/** Resolves at the first SIGTERM or SIGINT; a second one ends the process at once. */
function stopSignal(): Promise<void> {
  return new Promise((resolve) => {
    let isAsked = false;
    const ask = () => {
      if (isAsked) process.exit(1);
      isAsked = true;
      resolve();
    };
    process.on('SIGTERM', ask);
    process.on('SIGINT', ask);
  });
}
