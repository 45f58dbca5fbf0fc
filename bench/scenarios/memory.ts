import { residentBytes } from '../process-figures.ts';
import { type FilledServer, type Session, targetOf } from '../session.ts';
import { readable } from '../statistics.ts';

const CONNECTIONS = 32;
const BYTES_PER_MEGABYTE = 1e6;

/** Memory that the servers keep after the load they had in this run, at least some reads. */
export async function measureMemory(session: Session): Promise<void> {
  const { fewSecrets, manySecrets, sliceMilliseconds } = session.settings;
  for (const count of [fewSecrets, manySecrets]) {
    const server = await session.filledServer(count);
    const lane = await session.openLane(targetOf(server), CONNECTIONS, {
      kind: 'get-random',
      label: server.label,
      count,
    });
    for (let slice = 0; slice < session.settings.slices / 4; slice += 1) await lane.run(sliceMilliseconds);
    await lane.close();
    addMemory(session, server);
  }
}

function addMemory(session: Session, server: FilledServer): void {
  const { now, peak } = residentBytes(server.product.pid);
  session.add({
    name: `resident memory after load, ${readable(server.count)} secrets`,
    figure: `${readable(now / BYTES_PER_MEGABYTE)} MB, highest ${readable(peak / BYTES_PER_MEGABYTE)} MB`,
    value: now / BYTES_PER_MEGABYTE,
    unit: 'MB',
    target: { atMost: 150 },
  });
}
