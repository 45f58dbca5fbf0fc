import { residentBytes } from '../process-figures.ts';
import { askVault, type Product, signIn, startProduct } from '../product.ts';
import type { FilledServer, Session } from '../session.ts';
import { median, readable } from '../statistics.ts';
import { API_VERSION, secretName, secretPath } from '../workload.ts';

const LIST_PATH = `/secrets?api-version=${API_VERSION}`;

interface MeasuredStart {
  readonly answered: number;
  readonly listening: number;
  readonly resident: number;
}

/** From the start of the process to the first answer to an authenticated request. */
export async function measureStarts(session: Session): Promise<void> {
  const { starts, fewSecrets, manySecrets } = session.settings;
  const uncompiled: MeasuredStart[] = [];
  const empty: MeasuredStart[] = [];
  for (let i = 0; i < starts; i += 1) {
    const cache = session.dataDirectory(`compile-cache-${i}`);
    uncompiled.push(await startEmpty(session.dataDirectory(`first-${i}`), { compileCacheDirectory: cache }));
    empty.push(await startEmpty(session.dataDirectory(`empty-${i}`), {}));
  }
  addStarts(session, 'start to first answer, nothing compiled before, new data directory, with sign-in', uncompiled);
  addStarts(session, 'start to first answer, new data directory, with sign-in', empty);
  const counts = session.hasFilledServer(manySecrets) ? [fewSecrets, manySecrets] : [fewSecrets];
  for (const count of counts) {
    const server = await session.filledServer(count);
    await session.retire(server);
    const existing: MeasuredStart[] = [];
    for (let i = 0; i < starts; i += 1) existing.push(await startAgain(server));
    addStarts(session, `start to first answer, ${readable(count)} secrets`, existing);
  }
}

async function startEmpty(
  dataDirectory: string,
  options: { readonly compileCacheDirectory?: string },
): Promise<MeasuredStart> {
  const product = await startProduct({ ...options, dataDirectory });
  await askVault(product, await signIn(product, dataDirectory), LIST_PATH);
  return finish(product);
}

async function startAgain(server: FilledServer): Promise<MeasuredStart> {
  const product = await startProduct({ dataDirectory: server.dataDirectory, port: server.product.port });
  await askVault(product, server.token, secretPath(secretName(server.label, 0)));
  return finish(product);
}

async function finish(product: Product): Promise<MeasuredStart> {
  const answered = performance.now() - product.spawnedAt;
  const resident = residentBytes(product.pid).now / 1e6;
  await product.stop();
  return { answered, listening: product.listeningMilliseconds, resident };
}

function addStarts(session: Session, name: string, starts: readonly MeasuredStart[]): void {
  const answered = starts.map((start) => start.answered);
  const listening = median(starts.map((start) => start.listening));
  const slowest = `slowest of ${starts.length} ${readable(Math.max(...answered))} ms`;
  const resident = readable(median(starts.map((start) => start.resident)));
  session.add({
    name,
    figure: `listening after ${readable(listening)} ms; ${slowest}; ${resident} MB resident`,
    value: median(answered),
    unit: 'ms',
    target: { atMost: 1_000 },
  });
}
