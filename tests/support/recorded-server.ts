import { randomUUID } from 'node:crypto';
import { copyFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { type RecordedExchange, type RecordingProxy, startRecordingProxy } from './recording-proxy.ts';
import { type ServerOptions, startServer, type TestServer } from './server.ts';

/**
 * Starts a server for a compatibility suite. Where STRONGROOM_EXCHANGES names a folder, a recording proxy stands before it
 * and leaves every exchange there when the server is stopped, for `tests/contract/compat-responses.test.ts` to judge;
 * clients need not know: port, variables and data directory (its ca.pem, runtime.json and administrator.json) are then the
 * proxy's. Without the variable it is the server itself.
 */
export async function startRecordedServer(options: ServerOptions = {}): Promise<TestServer> {
  return process.env['STRONGROOM_EXCHANGES'] ? startWatchedServer(options) : startServer(options);
}

/** A server whose exchanges with its clients can be seen while it runs. */
export interface WatchedServer extends TestServer {
  /** What has gone over the wire so far. */
  readonly exchanges: readonly RecordedExchange[];
}

/** The same with the proxy always before it, and its exchanges at hand; left in the folder where one is named. */
export async function startWatchedServer(options: ServerOptions = {}): Promise<WatchedServer> {
  const folder = process.env['STRONGROOM_EXCHANGES'];
  const server = await startServer(options);
  if (folder) mkdirSync(folder, { recursive: true, mode: 0o700 });
  const { port, domain, dataDir } = server;
  const proxy = await startRecordingProxy(
    { port, domain, caFile: join(dataDir, 'ca.pem') },
    folder ? { file: join(folder, `${randomUUID()}.jsonl`) } : {},
  );
  return { ...showProxy(server, proxy), exchanges: proxy.exchanges };
}

function showProxy(server: TestServer, proxy: RecordingProxy): TestServer {
  const dataDir = dirname(proxy.caFile);
  const runtime = JSON.parse(readFileSync(join(server.dataDir, 'runtime.json'), 'utf8')) as object;
  writeFileSync(join(dataDir, 'runtime.json'), JSON.stringify({ ...runtime, port: proxy.port }), { mode: 0o600 });
  const administrator = join(server.dataDir, 'administrator.json');
  if (existsSync(administrator)) copyFileSync(administrator, join(dataDir, 'administrator.json'));
  const env = Object.entries(server.env).map(([name, value]) => [
    name,
    value.replaceAll(`:${server.port}`, `:${proxy.port}`).replaceAll(server.dataDir, dataDir),
  ]);
  return {
    ...server,
    port: proxy.port,
    dataDir,
    env: Object.fromEntries(env) as Record<string, string>,
    stop: async (how) => {
      await proxy.stop();
      return server.stop(how);
    },
  };
}
