import { cpus } from 'node:os';
import { measureOpenssl } from '../ceilings.ts';
import { interleave, meanRate, ratioOf, sideOf, warmUp } from '../comparison.ts';
import { postToVault } from '../product.ts';
import type { Target } from '../report.ts';
import { type FilledServer, type Session, targetOf } from '../session.ts';
import { readable } from '../statistics.ts';
import { keyPath, type Workload } from '../workload.ts';

const CONNECTIONS = 32;
const DIGEST = Buffer.alloc(32, 1).toString('base64url');
const READERS = 8;
/** At most so many pairs of a second each: what `openssl speed` takes at least. */
const PAIRS = 6;

/** Uses of keys over HTTPS, each recorded, against what openssl does with the same processors, bare. */
export async function measureKeys(session: Session): Promise<void> {
  const server = await session.filledServer(session.settings.fewSecrets);
  const { product, token } = server;
  const make = (name: string, body: unknown) => postToVault(product, token, keyPath(name, 'create'), body);
  await make('bench-rsa', { kty: 'RSA', key_size: 2048 });
  await make('bench-ec', { kty: 'EC' });
  await make('bench-aes', { kty: 'oct', key_size: 256 });
  const sealed = await postToVault(product, token, keyPath('bench-rsa', 'wrapkey'), plain('RSA-OAEP-256'));
  const { value } = sealed as { value: string };
  const against = (name: string, algorithm: string, target: Target | null, path: string, body: unknown) =>
    compareWithOpenssl(session, server, { name, algorithm, target, path, body });
  // The quick one first: 1,500 slow signatures leave the code of their way uncompiled, which made RS256 60 µs dearer than it stays.
  await against('ES256 sign', 'ecdsap256', { atLeast: 0.2 }, keyPath('bench-ec', 'sign'), plain('ES256'));
  await against('RS256 sign, 2,048 bits', 'rsa2048', { atLeast: 0.65 }, keyPath('bench-rsa', 'sign'), plain('RS256'));
  const unwrap = { alg: 'RSA-OAEP-256', value };
  await against('RSA-OAEP-256 unwrap', 'rsa2048', null, keyPath('bench-rsa', 'unwrapkey'), unwrap);
  await against('AES-256-GCM encrypt', 'ecdsap256', null, keyPath('bench-aes', 'encrypt'), plain('A256GCM'));
  await measureDisturbance(session, server);
}

const plain = (alg: string) => ({ alg, value: DIGEST });

interface KeyUse {
  readonly name: string;
  /** What openssl is asked to do meanwhile. */
  readonly algorithm: string;
  readonly target: Target | null;
  readonly path: string;
  readonly body: unknown;
}

async function compareWithOpenssl(session: Session, server: FilledServer, use: KeyUse): Promise<void> {
  const { name, algorithm, target, path, body } = use;
  const workload: Workload = { kind: 'post', path, body: JSON.stringify(body), expected: '"value"' };
  const lane = await session.openLane(targetOf(server), CONNECTIONS, workload);
  const { slices, sliceMilliseconds, warmupRequests } = session.settings;
  await warmUp([lane], { slices, sliceMilliseconds, warmupRequests: warmupRequests / 10 });
  const pairs = await interleave(
    Math.min(PAIRS, Math.ceil(slices / 6)),
    () => lane.run(sliceMilliseconds * 4),
    () => measureOpenssl(algorithm, cpus().length),
  );
  const ours = sideOf(
    await lane.total(),
    pairs.map((pair) => pair.a),
  );
  await lane.close();
  const bare = meanRate(pairs.map((pair) => pair.b));
  const figure = [
    `${readable(ours.requestsPerSecond)}/s against ${readable(bare)}/s of openssl speed ${algorithm} on ${cpus().length} processors`,
    `${readable(ours.serverMicrosecondsPerRequest)} µs of processor a request`,
    `p50 ${readable(ours.p50Milliseconds)} ms, p99 ${readable(ours.p99Milliseconds)} ms`,
  ].join('; ');
  session.add({ name, figure, value: ratioOf(pairs).value, unit: '', target });
}

/** How much slower reads are while RSA keys of 4,096 bits are made, one after the other. */
async function measureDisturbance(session: Session, server: FilledServer): Promise<void> {
  const { product, token, label, count } = server;
  const lane = await session.openLane(targetOf(server), READERS, { kind: 'get-random', label, count });
  await warmUp([lane], session.settings);
  const alone: number[] = [];
  const disturbed: number[] = [];
  let made = 0;
  const slice = session.settings.sliceMilliseconds * 8;
  for (let pair = 0; pair < Math.min(PAIRS, Math.ceil(session.settings.slices / 6)); pair++) {
    await lane.run(slice);
    alone.push((await lane.total()).p99Milliseconds);
    let isOver = false;
    const making = (async () => {
      while (!isOver) {
        await postToVault(product, token, keyPath('bench-large', 'create'), { kty: 'RSA', key_size: 4096 });
        made++;
      }
    })();
    await lane.run(slice);
    isOver = true;
    disturbed.push((await lane.total()).p99Milliseconds);
    await making;
  }
  await lane.close();
  const middle = (values: readonly number[]) => values.toSorted((a, b) => a - b)[values.length >> 1]!;
  const [before, during] = [middle(alone), middle(disturbed)];
  session.add({
    name: 'p99 of reads while RSA-4096 keys are made',
    figure: `${readable(during)} ms against ${readable(before)} ms, ${READERS} readers; ${made} keys made`,
    value: during / before,
    unit: '',
    target: { atMost: 2 },
  });
}
