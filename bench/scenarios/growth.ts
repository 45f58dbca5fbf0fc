import type { Comparison, Side } from '../comparison.ts';
import { askVault } from '../product.ts';
import { type FilledServer, type Session, targetOf } from '../session.ts';
import { readable } from '../statistics.ts';
import { API_VERSION, type Workload } from '../workload.ts';

const CONNECTIONS = 32;
const PAGE_SIZE = 25;
const DEEP_SHARE = 0.9;
const FIRST_PAGE = `/secrets?api-version=${API_VERSION}&maxresults=${PAGE_SIZE}`;

/** What GET and list cost in a vault of many secrets against one of few. */
export async function measureGrowth(session: Session): Promise<void> {
  const few = await session.filledServer(session.settings.fewSecrets);
  const many = await session.filledServer(session.settings.manySecrets);
  if (many.fill !== null) addFill(session, many, many.fill);
  const compare = async (name: string, workload: (server: FilledServer) => Workload, atMost: number | null) => {
    const side = (server: FilledServer) => ({ target: targetOf(server), workload: workload(server) });
    const comparison = await session.compare(CONNECTIONS, side(many), side(few));
    addGrowth(session, `${name}, ${readable(many.count)} against ${readable(few.count)} secrets`, comparison, atMost);
  };
  await compare('GET secret', ({ label, count }) => ({ kind: 'get-random', label, count }), 1.15);
  await compare('list, first page', () => pageWorkload(FIRST_PAGE), null);
  const deepPages = new Map([
    [many, await deepPage(many)],
    [few, await deepPage(few)],
  ]);
  await compare('list, page at 90 %', (server) => pageWorkload(deepPages.get(server) ?? FIRST_PAGE), null);
}

function pageWorkload(path: string): Workload {
  return { kind: 'fixed', path, expected: 'nextLink' };
}

function addFill(session: Session, server: FilledServer, fill: Side): void {
  const latency = `p50 ${readable(fill.p50Milliseconds)} ms, p99 ${readable(fill.p99Milliseconds)} ms`;
  session.add({
    name: `fill with ${readable(server.count)} secrets through the API`,
    figure: `${readable(fill.requests / fill.requestsPerSecond)} s; ${latency}`,
    value: fill.requestsPerSecond,
    unit: '/s',
    target: null,
  });
}

function addGrowth(session: Session, name: string, comparison: Comparison, atMost: number | null): void {
  const { a, b, costRatio, rateRatio } = comparison;
  session.add({
    name,
    figure: `${readable(a.serverMicrosecondsPerRequest)} µs a request against ${readable(b.serverMicrosecondsPerRequest)} µs`,
    value: costRatio,
    unit: '',
    target: atMost === null ? null : { atMost },
  });
  const rates = `${readable(a.requestsPerSecond)}/s against ${readable(b.requestsPerSecond)}/s`;
  session.add({
    name: `${name}, by time`,
    figure: `${rates}; p99 ${readable(a.p99Milliseconds)} ms against ${readable(b.p99Milliseconds)} ms`,
    value: 1 / rateRatio.value,
    unit: '',
    target: null,
  });
}

/** Follows nextLink to the page that starts after nine tenths of the vault, as a client would, and returns its path. */
async function deepPage(server: FilledServer): Promise<string> {
  const pages = Math.floor((server.count * DEEP_SHARE) / PAGE_SIZE);
  let path = FIRST_PAGE;
  for (let page = 0; page < pages; page += 1) {
    const answer = await askVault(server.product, server.token, path);
    const { nextLink } = JSON.parse(answer.body) as { nextLink: string | null };
    if (nextLink === null) throw new Error(`the list of ${server.count} secrets ends after ${page + 1} pages`);
    const url = new URL(nextLink);
    path = url.pathname + url.search;
  }
  return path;
}
