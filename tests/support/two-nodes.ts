import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { databaseUrl, freshDatabase } from './postgres.ts';
import { startServer, type TestServer } from './server.ts';

/** Processes on one PostgreSQL, each with a data directory of its own. */
export interface Nodes {
  readonly nodes: readonly [TestServer, TestServer];
  /** Where the database is, for who looks into it. */
  readonly url: string;
  stop(): Promise<void>;
}

/** Starts two servers on one new database, with one seal key and these settings. */
export async function startTwoNodes(
  settings: Readonly<Record<string, unknown>> = {},
  args: readonly string[] = [],
): Promise<Nodes> {
  const folder = mkdtempSync(join(tmpdir(), 'strongroom-nodes-'));
  const urlFile = join(folder, 'url');
  const url = databaseUrl(await freshDatabase());
  writeFileSync(urlFile, `${url}\n`, { mode: 0o600 });
  const config = join(folder, 'config.json');
  writeFileSync(
    config,
    JSON.stringify({ ...settings, postgresUrlFile: urlFile, sealKeyFile: join(folder, 'seal.key') }),
  );
  const options = { args: ['--config', config, ...args] };
  const first = await startServer(options);
  const second = await startServer(options).catch(async (error: unknown) => {
    await first.stop();
    throw error;
  });
  return {
    // Only the first start knows the administrator's secret, which is good at both.
    nodes: [first, { ...second, administrator: first.administrator }],
    url,
    stop: async () => {
      await Promise.all([first.stop(), second.stop()]);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
