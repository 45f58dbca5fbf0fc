import { type BareServer, startBareServer } from '../ceilings.ts';
import type { Comparison } from '../comparison.ts';
import type { SingleAnswer } from '../https-request.ts';
import { askVault } from '../product.ts';
import type { Target } from '../report.ts';
import { type LoadTarget, type Session, targetOf } from '../session.ts';
import { readable } from '../statistics.ts';
import { secretName, secretPath, type Workload } from '../workload.ts';

const CONNECTIONS = 32;

/** GET of a secret against node:https answering the same bytes. */
export async function measureReads(session: Session): Promise<void> {
  const server = await session.filledServer(session.settings.fewSecrets);
  const path = secretPath(secretName(server.label, 0));
  const bare = await startBareServer(await askVault(server.product, server.token, path));
  const comparison = await session.compare(
    CONNECTIONS,
    { target: targetOf(server), workload: { kind: 'get-random', label: server.label, count: server.count } },
    { target: bareTarget(bare, server.token), workload: { kind: 'fixed', path, expected: '/secrets/' } },
  );
  await bare.stop();
  addComparison(session, comparison, `GET secret, ${CONNECTIONS} connections`, { atLeast: 0.35, aim: 0.45 });
}

/** Two bare servers against each other: what differs here is the noise of this machine, now. */
export async function measureNoise(session: Session): Promise<void> {
  const bareServers = [await startBareServer(TYPICAL_ANSWER), await startBareServer(TYPICAL_ANSWER)] as const;
  const workload: Workload = { kind: 'fixed', path: secretPath('typical'), expected: 'typical' };
  const side = (bare: BareServer) => ({ target: bareTarget(bare, 'x'.repeat(TYPICAL_TOKEN_LENGTH)), workload });
  const comparison = await session.compare(CONNECTIONS, side(bareServers[0]), side(bareServers[1]));
  for (const bare of bareServers) await bare.stop();
  addComparison(session, comparison, 'bare server against itself (noise)', null);
}

const TYPICAL_TOKEN_LENGTH = 1_100;
const TYPICAL_ANSWER: SingleAnswer = {
  status: 200,
  rawHeaders: ['Content-Type', 'application/json; charset=utf-8', 'Cache-Control', 'no-cache', 'Content-Length', '25'],
  body: '{"value":"typical value"}',
};

function addComparison(session: Session, comparison: Comparison, name: string, target: Target | null): void {
  const { a, b, rateRatio, costRatio } = comparison;
  const rates = `${readable(a.requestsPerSecond)}/s against ${readable(b.requestsPerSecond)}/s`;
  const latency = `p50 ${readable(a.p50Milliseconds)} ms, p99 ${readable(a.p99Milliseconds)} ms`;
  const spread = `half of the pairs ${rateRatio.lowerQuartile.toFixed(2)} to ${rateRatio.upperQuartile.toFixed(2)}`;
  session.add({ name, figure: `${rates}; ${latency}; ${spread}`, value: rateRatio.value, unit: '', target });
  const costs = [a, b].map((side) => `${readable(side.serverMicrosecondsPerRequest)} µs`);
  const loads = `processors in use ${readable(a.serverLoad)} and ${readable(b.serverLoad)}`;
  session.add({
    name: `${name}, by processor time`,
    figure: `${costs[0]} a request against ${costs[1]}; ${loads}`,
    value: 1 / costRatio,
    unit: '',
    target: null,
  });
  if (b.generatorLoad > b.serverLoad) {
    session.note('    the generator was busier than the bare server: the ratio of rates flatters');
  }
}

function bareTarget(bare: BareServer, token: string): LoadTarget {
  const { port, pid, hostname, authority } = bare;
  return { port, pid, hostname, authority, frame: { host: `${hostname}:${port}`, token } };
}
