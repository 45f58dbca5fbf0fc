import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { lookup } from 'node:dns/promises';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The project's directory. */
export const projectRoot = fileURLToPath(new URL('../../../', import.meta.url));
const cache = process.env['STRONGROOM_CACHE'] ?? join(projectRoot, '.cache');

/** The Azure CLI's own environment, as `tests/compat/install-python.sh` makes it. */
const azDirectory = join(cache, 'compat-venv', 'az', 'bin');

/** How a finished command ended. */
export interface Finished {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** The Azure CLI with a configuration directory of its own, so that nobody's signed-in accounts are seen or changed. */
export interface AzSession {
  readonly configDirectory: string;
  /** What the commands of this session find in their environment, beside the process's own PATH and HOME. */
  readonly environment: Readonly<Record<string, string>>;
  /** Runs `az` and reports how it ended, whatever the exit code. */
  run(args: readonly string[], extra?: { env?: Record<string, string>; input?: string }): Promise<Finished>;
  /** Runs `az`, expects exit code 0, and returns what it printed as JSON (undefined where it printed nothing). */
  // biome-ignore lint/suspicious/noExplicitAny: the shapes are what the assertions are about
  json(args: readonly string[], extra?: { env?: Record<string, string>; input?: string }): Promise<any>;
  /** Runs `az`, expects it to fail, and returns what it said on standard error. */
  refused(args: readonly string[], extra?: { env?: Record<string, string>; code?: number }): Promise<string>;
  /** Starts `az`, and gives what it prints while it runs. */
  start(args: readonly string[], env?: Record<string, string>): RunningAz;
  close(): Promise<void>;
}

/** A command that runs. */
export interface RunningAz {
  /** Waits until its standard error has what is looked for, and gives the match; fails where it ends without. */
  printed(wanted: RegExp): Promise<RegExpExecArray>;
  readonly ended: Promise<Finished>;
}

/**
 * Fails, with what to run, where the machine lacks what the suite needs: the pinned Azure CLI, and a resolver that
 * answers for every name under `.localhost`.
 */
export async function requireAz(): Promise<void> {
  assert.ok(existsSync(join(azDirectory, 'az')), `no Azure CLI in ${azDirectory}: run tests/compat/install-python.sh`);
  await lookup('strongroom-check.vault.localhost').catch(() => {
    assert.fail('names under .localhost do not resolve here: run tests/compat/install-system.sh as root');
  });
}

/**
 * The words of a command line: split at white space, save that what is filled in stays whole.
 * `words\`group show -n ${name}\`` are four words whatever the name holds.
 */
export function words(texts: TemplateStringsArray, ...values: readonly string[]): string[] {
  const found: string[] = [];
  let word: string | undefined;
  for (const [place, text] of texts.entries()) {
    for (const [index, part] of text.split(/\s+/).entries()) {
      if (index > 0 && word !== undefined) found.push(word);
      if (index > 0) word = undefined;
      if (part !== '') word = (word ?? '') + part;
    }
    if (place < values.length) word = (word ?? '') + values[place];
  }
  if (word !== undefined) found.push(word);
  return found;
}

/** Opens a session whose TLS trust is the given CA file alone. */
export async function openAz(caFile: string): Promise<AzSession> {
  const configDirectory = await mkdtemp(join(tmpdir(), 'strongroom-az-'));
  const environment = {
    PATH: process.env['PATH'] ?? '',
    HOME: configDirectory,
    AZURE_CONFIG_DIR: configDirectory,
    AZURE_CORE_COLLECT_TELEMETRY: 'false',
    AZURE_CORE_NO_COLOR: 'true',
    AZURE_CORE_ONLY_SHOW_ERRORS: 'false',
    AZURE_CORE_OUTPUT: 'json',
    REQUESTS_CA_BUNDLE: caFile,
  };
  const session: AzSession = {
    configDirectory,
    environment,
    run: (args, extra = {}) =>
      finish(join(azDirectory, 'az'), args, { env: { ...environment, ...extra.env }, input: extra.input ?? '' }),
    json: async (args, extra) => {
      const { code, stdout, stderr } = await session.run(args, extra);
      assert.equal(code, 0, `az ${args.join(' ')}\n${stderr}`);
      return stdout.trim() === '' ? undefined : JSON.parse(stdout);
    },
    refused: async (args, extra = {}) => {
      const { code, stdout, stderr } = await session.run(args, extra);
      assert.equal(code, extra.code ?? 1, `az ${args.join(' ')}\n${stdout}${stderr}`);
      assert.doesNotMatch(stderr, /Traceback/, `az ${args.join(' ')}`);
      return stderr;
    },
    start: (args, env = {}) => watch(join(azDirectory, 'az'), args, { ...environment, ...env }),
    close: () => rm(configDirectory, { recursive: true, force: true }),
  };
  return session;
}

function watch(file: string, args: readonly string[], env: Record<string, string>): RunningAz {
  let seen = '';
  const waiting = new Set<() => void>();
  const ended = finish(file, args, { env }, (text) => {
    seen += text;
    for (const look of waiting) look();
  });
  const printed = (wanted: RegExp) =>
    new Promise<RegExpExecArray>((resolve, reject) => {
      const look = () => {
        const match = wanted.exec(seen);
        if (match) resolve(match);
      };
      waiting.add(look);
      look();
      void ended.then(({ stderr }) => reject(new Error(`az ended without saying it:\n${stderr}`)), reject);
    });
  return { printed, ended };
}

/**
 * Runs a command of Strongroom's own against a data directory. It finds `az` on the PATH and the session's configuration
 * directory, and has to bring the TLS trust itself.
 */
export function runStrongroom(session: AzSession, dataDir: string, args: readonly string[]): Promise<Finished> {
  const arguments_ = ['bin/strongroom.mjs', ...args, '--data-dir', dataDir];
  return finish(process.execPath, arguments_, { env: untrusting(session), cwd: projectRoot });
}

/** The session's environment with `az` and this Node on the PATH, and without its TLS trust. */
export function untrusting(session: AzSession): Record<string, string> {
  const { REQUESTS_CA_BUNDLE: _, ...environment } = session.environment;
  return { ...environment, PATH: [azDirectory, dirname(process.execPath), environment['PATH']].join(delimiter) };
}

/**
 * Runs a program without a shell to its end, feeding it `input`; killed after two minutes.
 * @param heard gets what it writes to standard error, as it comes
 */
export function finish(
  file: string,
  args: readonly string[],
  options: { env: Record<string, string>; input?: string; cwd?: string },
  heard: (text: string) => void = () => {},
): Promise<Finished> {
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, { ...options, timeout: 120_000, killSignal: 'SIGKILL' });
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text;
      heard(text);
    });
    child.on('error', reject);
    child.on('close', (code, signal) =>
      resolve({ code: code ?? -1, stdout, stderr: signal ? `${stderr}\n${signal}` : stderr }),
    );
    child.stdin.on('error', () => {});
    child.stdin.end(options.input ?? '');
  });
}
