import { measureSyncs } from '../ceilings.ts';
import { interleave, meanRate, ratioOf, sideOf, warmUp } from '../comparison.ts';
import { type Session, targetOf } from '../session.ts';
import { readable } from '../statistics.ts';

const CONNECTIONS = 64;
const NAMES = 10_000_000;

/** SET of new secrets, each durable when answered, against what the disk can make durable one by one. */
export async function measureWrites(session: Session): Promise<void> {
  const { slices, sliceMilliseconds } = session.settings;
  const server = await session.writtenServer();
  const workload = { kind: 'put-new', label: 'write', first: 0, count: NAMES } as const;
  const lane = await session.openLane(targetOf(server), CONNECTIONS, workload);
  await warmUp([lane], session.settings);
  const pairs = await interleave(
    slices,
    () => lane.run(sliceMilliseconds),
    async () => measureSyncs(session.directory, sliceMilliseconds),
  );
  const total = await lane.total();
  const ratio = ratioOf(pairs);
  const written = sideOf(
    total,
    pairs.map((pair) => pair.a),
  );
  const syncsPerSecond = meanRate(pairs.map((pair) => pair.b));
  await lane.close();
  const figure = [
    `${readable(written.requestsPerSecond)}/s against ${readable(syncsPerSecond)} fdatasync/s`,
    `p50 ${readable(written.p50Milliseconds)} ms, p99 ${readable(written.p99Milliseconds)} ms`,
    `half of the pairs ${ratio.lowerQuartile.toFixed(2)} to ${ratio.upperQuartile.toFixed(2)}`,
    `${readable(written.serverMicrosecondsPerRequest)} µs of processor a request`,
  ].join('; ');
  const name = `SET secret, ${CONNECTIONS} writers`;
  session.add({ name, figure, value: ratio.value, unit: '', target: { atLeast: 2.5 } });
}
