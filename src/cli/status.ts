import { setTimeout as delay } from 'node:timers/promises';
import { type Command, CommandError, type CommandIo, EXIT_USAGE, errorCode, textOption } from './command.ts';
import { readSealState, type SealState } from './control.ts';
import {
  DATA_DIR_USAGE,
  dataDirOf,
  dataDirOption,
  hostUrl,
  type Runtime,
  readAuthority,
  readRuntime,
} from './data-dir.ts';
import { requestLocally } from './local-https.ts';

/** Exit code: no server runs on the data directory. */
export const EXIT_NOT_RUNNING = 3;
/** Exit code: something runs, but it is not healthy. */
export const EXIT_NOT_HEALTHY = 4;

/** Exit code: it runs, but waits for what opens its seal. */
export const EXIT_SEALED = 5;

const ATTEMPT_MS = 5000;
const POLL_MS = 200;
const LONGEST_WAIT_SECONDS = 86_400;

const USAGE = `strongroom status [--wait SECONDS]

Says whether the server of a data directory is up. Exit code 0: up; 3: not running; 4: running but not healthy; 5: sealed.

  --wait SECONDS      until it is up, at most so long
${DATA_DIR_USAGE}`;

/** What was found: the exit code and the lines that explain it. */
interface Finding {
  readonly exitCode: number;
  readonly lines: readonly string[];
}

/** `strongroom status`. */
export const command: Command = {
  name: 'status',
  summary: 'say whether the server is up, and what it serves',
  usage: USAGE,
  options: { ...dataDirOption, wait: { type: 'string' } },
  async run(args, io) {
    const waitMs = readWait(textOption(args, 'wait')) * 1000;
    const finding = await pollUntilUp(dataDirOf(args, io), performance.now() + waitMs);
    return report(finding, io);
  },
};

function readWait(text: string | undefined): number {
  if (text === undefined) return 0;
  const seconds = /^\d+(\.\d+)?$/.test(text) ? Number(text) : Number.NaN;
  if (seconds <= LONGEST_WAIT_SECONDS) return seconds;
  throw new CommandError(`--wait takes seconds, 0 to ${LONGEST_WAIT_SECONDS}.`, EXIT_USAGE);
}

/** Looks at least once; `deadline` is on the monotonic clock, so that a clock set meanwhile changes nothing. */
async function pollUntilUp(dataDir: string, deadline: number): Promise<Finding> {
  for (;;) {
    const finding = await examine(dataDir);
    const left = deadline - performance.now();
    if (finding.exitCode === 0 || left <= 0) return finding;
    await delay(Math.min(POLL_MS, left));
  }
}

async function examine(dataDir: string): Promise<Finding> {
  const seal = await readSealState(dataDir);
  if (seal && seal.state !== 'open') return sealed(dataDir, seal);
  const runtime = readRuntime(dataDir);
  if (!runtime) return notRunning(dataDir, []);
  const address = hostUrl('management', runtime);
  try {
    const answer = await requestLocally({
      host: `management.${runtime.domain}`,
      port: runtime.port,
      path: '/metadata/health',
      authorityPem: readAuthority(dataDir),
      timeoutMs: ATTEMPT_MS,
    });
    return judge(dataDir, runtime, answer.status, answer.body);
  } catch (error) {
    if (errorCode(error) === 'ECONNREFUSED') {
      return notRunning(dataDir, [`  ${address} is not listened on; ${describeProcess(runtime.pid)}.`]);
    }
    const reason = error instanceof Error ? error.message : String(error);
    return notHealthy(dataDir, runtime, `${address} does not answer as this server would: ${reason}`);
  }
}

/** A container's process ids are not ours: this explains, it does not decide. */
function describeProcess(pid: number): string {
  try {
    process.kill(pid, 0);
    return `process ${pid} is there`;
  } catch (error) {
    if (errorCode(error) === 'ESRCH') return `process ${pid} ended without taking its runtime.json away`;
    return `process ${pid} is there, under another user`;
  }
}

function judge(dataDir: string, runtime: Runtime, status: number, body: string): Finding {
  const health = parseObject(body);
  const state = textOf(health?.['status']);
  if (status !== 200 || !health || state === null) {
    return notHealthy(dataDir, runtime, `it answered ${status} to /metadata/health`);
  }
  const seal = parseObject(health['seal']);
  const rootKey = parseObject(health['rootKey']);
  const store = parseObject(health['store']);
  const clock = parseObject(health['clock']);
  const token = parseObject(health['keyToken']);
  const isUp = state === 'ok';
  const lines = [
    `Strongroom ${textOf(health['version']) ?? runtime.version} is ${isUp ? 'up' : `running, but ${state}`}.`,
    ...facts(dataDir, runtime),
    ...(seal ? [`  seal            ${[textOf(seal['kind']), textOf(seal['state'])].filter(Boolean).join(', ')}`] : []),
    ...(seal?.['changedElsewhere'] === true
      ? ['                  it was changed on another node: restart this one with the seal that the data has now']
      : []),
    ...(rootKey ? [`  root key        seals since ${textOf(rootKey['since']) ?? 'unknown'}`] : []),
    ...(store ? [`  store           ${textOf(store['kind']) ?? 'unknown'}`] : []),
    ...(token ? [`  key token       ${describeToken(token)}`] : []),
    ...(clock
      ? [`  CLOCK           ${describeClock(clock['aheadSeconds'])}; for development, never for production`]
      : []),
  ];
  return { exitCode: isUp ? 0 : EXIT_NOT_HEALTHY, lines };
}

function describeClock(aheadSeconds: unknown): string {
  if (typeof aheadSeconds !== 'number' || aheadSeconds <= 0) return 'movable';
  return `MOVED ${(aheadSeconds / 86_400).toFixed(1)} days ahead`;
}

/** Keys of hardware types alone wait for an absent token: the server is up without it. */
function describeToken(token: Record<string, unknown>): string {
  const parts = [token['state'], token['label'], token['model'], token['reason']];
  return parts.map(textOf).filter(Boolean).join(', ');
}

function sealed(dataDir: string, seal: SealState): Finding {
  const { state, kind, given, needed, port, certificateSha256, reason } = seal;
  const isFirst = state === 'uninitialised';
  const waits =
    reason === undefined ? 'Strongroom is sealed: strongroom unseal' : 'Strongroom is sealed until its token is there.';
  const lines = [
    isFirst ? 'Strongroom waits for its first seal: strongroom seal init' : waits,
    ...(reason === undefined ? [] : [`  reason          ${textOf(reason)}`]),
    `  seal            ${kind}${kind === 'shamir' && !isFirst ? `, ${given} of ${needed} shares` : ''}`,
    `  port            ${port}, answering 503`,
    `  certificate     SHA-256 ${certificateSha256}`,
    `  data directory  ${dataDir}`,
  ];
  return { exitCode: EXIT_SEALED, lines };
}

function notRunning(dataDir: string, more: readonly string[]): Finding {
  return { exitCode: EXIT_NOT_RUNNING, lines: ['Strongroom is not running.', `  data directory  ${dataDir}`, ...more] };
}

function notHealthy(dataDir: string, runtime: Runtime, reason: string): Finding {
  const lines = [`Strongroom ${runtime.version} is not healthy: ${reason}.`, ...facts(dataDir, runtime)];
  return { exitCode: EXIT_NOT_HEALTHY, lines };
}

function facts(dataDir: string, runtime: Runtime): string[] {
  return [
    `  address         ${hostUrl('management', runtime)}`,
    `  process         ${runtime.pid}, since ${runtime.startedAt}`,
    `  data directory  ${dataDir}`,
    `  vaults          ${runtime.vaults.join(', ') || 'none'}`,
  ];
}

function report(finding: Finding, io: CommandIo): number {
  for (const line of finding.lines) io.stdout(line);
  return finding.exitCode;
}

/** The object in a JSON text or value, or null for anything else. */
function parseObject(source: unknown): Record<string, unknown> | null {
  let value = source;
  if (typeof source === 'string') {
    try {
      value = JSON.parse(source);
    } catch {
      return null;
    }
  }
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : null;
}

/** Text for the terminal: control characters, which could move its cursor, are left out. */
function textOf(value: unknown): string | null {
  return typeof value === 'string' ? value.replace(/\p{Cc}/gu, '').slice(0, 300) : null;
}
