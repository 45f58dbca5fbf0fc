import { execFile } from 'node:child_process';
import { cpus } from 'node:os';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { warmUp } from '../comparison.ts';
import { sendRequest } from '../https-request.ts';
import type { Lane } from '../load-process.ts';
import { frameFor, type Product, signIn, startProduct } from '../product.ts';
import type { LoadTarget, Session } from '../session.ts';
import { readable } from '../statistics.ts';
import { API_VERSION } from '../workload.ts';

const run = promisify(execFile);
const ROOT = fileURLToPath(new URL('../..', import.meta.url));
/** Requests for certificates at once, each on a connection of its own. */
const WORKERS = 8;
const READERS = 8;
const READ_SECRETS = 200;
/** Certificates that last a month renew at four fifths of it. */
const AHEAD = '27d';
const MOST_WAIT_MS = 60_000;

interface Kind {
  readonly name: string;
  readonly keyProperties: object;
  readonly openssl: readonly string[];
}

const kinds = {
  rsa: { name: 'RSA 2,048 bits', keyProperties: { kty: 'RSA', key_size: 2048 }, openssl: ['-newkey', 'rsa:2048'] },
  ec: {
    name: 'P-256',
    keyProperties: { kty: 'EC', crv: 'P-256' },
    openssl: ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256'],
  },
} satisfies Readonly<Record<string, Kind>>;

interface Server {
  readonly product: Product;
  readonly dataDirectory: string;
  readonly token: string;
}

/** Certificates that sign themselves, against openssl doing the same; and reads while many renewals are due at once. */
export async function measureCertificates(session: Session): Promise<void> {
  const dataDirectory = session.dataDirectory('certificates');
  const product = await startProduct({ dataDirectory, args: ['--dev'] });
  try {
    const server = { product, dataDirectory, token: await signIn(product, dataDirectory) };
    for (const kind of Object.values(kinds)) await measureCreation(session, server, kind);
    await measureRenewals(session, server);
  } finally {
    await product.stop();
  }
}

async function measureCreation(session: Session, server: Server, kind: Kind): Promise<void> {
  const milliseconds = session.settings.sliceMilliseconds * 20;
  let numbers = 0;
  const label = kind.name.replace(/\W/g, '').toLowerCase();
  const ours = await rateOf(WORKERS, milliseconds, () => create(server, `${label}-${numbers++}`, kind));
  const order = ['req', '-x509', ...kind.openssl, '-nodes', '-subj', '/CN=www.example.com', '-days', '30'];
  const args = [...order, '-keyout', '/dev/null', '-out', '/dev/null'];
  const bare = await rateOf(cpus().length, milliseconds, () => run('openssl', args));
  session.add({
    name: `self-signed certificate, ${kind.name}`,
    figure: `${readable(ours)}/s with key and secret, durable and recorded, against ${readable(bare)}/s of openssl req on ${cpus().length} processors`,
    value: ours / bare,
    unit: '',
    target: null,
  });
}

async function measureRenewals(session: Session, server: Server): Promise<void> {
  const { dueCertificates, sliceMilliseconds } = session.settings;
  session.note(`making ${readable(dueCertificates)} certificates`);
  let next = 0;
  const worker = async () => {
    while (next < dueCertificates) await create(server, `due-${next++}`, kinds.ec);
  };
  await Promise.all(Array.from({ length: WORKERS }, worker));
  await fill(session, server);
  const alone = await readLane(session, server);
  await warmUp([alone], session.settings);
  const before: number[] = [];
  for (let slice = 0; slice < 6; slice++) before.push(await p99Of(alone, sliceMilliseconds * 4));
  await alone.close();
  const began = performance.now();
  // The command answers when the jobs have come to their end.
  const args = ['bin/strongroom.mjs', 'clock', '--advance', AHEAD, '--data-dir', server.dataDirectory];
  let isOver = false;
  const moving = run(process.execPath, args, { cwd: ROOT }).finally(() => {
    isOver = true;
  });
  const later = { ...server, token: await tokenOfLater(server) };
  const lane = await readLane(session, later);
  const during: number[] = [];
  while (!isOver) during.push(await p99Of(lane, sliceMilliseconds * 4));
  await moving;
  const seconds = (performance.now() - began) / 1000;
  await lane.close();
  addRenewals(session, seconds, before, during);
}

function addRenewals(session: Session, seconds: number, before: readonly number[], during: readonly number[]): void {
  const { dueCertificates } = session.settings;
  const middle = (values: readonly number[]) => values.toSorted((a, b) => a - b)[values.length >> 1] ?? 0;
  const [quiet, busy] = [middle(before), middle(during)];
  session.add({
    name: 'p99 of reads while due certificates are renewed',
    figure: `${readable(busy)} ms against ${readable(quiet)} ms, ${READERS} readers; ${readable(dueCertificates)} renewed, ${readable(dueCertificates / seconds)}/s`,
    value: during.length === 0 ? 1 : busy / quiet,
    unit: '',
    target: { atMost: 2 },
  });
}

/** How often a second something is done by so many at once. */
async function rateOf(workers: number, milliseconds: number, work: () => Promise<unknown>): Promise<number> {
  const began = performance.now();
  let done = 0;
  const worker = async () => {
    while (performance.now() - began < milliseconds) {
      await work();
      done++;
    }
  };
  await Promise.all(Array.from({ length: workers }, worker));
  return done / ((performance.now() - began) / 1000);
}

async function create(server: Server, name: string, { keyProperties }: Kind): Promise<void> {
  const policy = {
    issuer: { name: 'Self' },
    key_props: { ...keyProperties, exportable: true, reuse_key: false },
    secret_props: { contentType: 'application/x-pem-file' },
    x509_props: { subject: 'CN=www.example.com', validity_months: 1 },
    lifetime_actions: [{ trigger: { lifetime_percentage: 80 }, action: { action_type: 'AutoRenew' } }],
  };
  const { status, body } = await ask(server, 'POST', `/certificates/${name}/create`, JSON.stringify({ policy }));
  if (status !== 202) throw new Error(`a certificate was answered with status ${status}: ${body.slice(0, 200)}`);
}

/** A token of the time to which the clock is being moved: those of before have ended by then. */
async function tokenOfLater({ product, dataDirectory }: Server): Promise<string> {
  const began = performance.now();
  for (;;) {
    const token = await signIn(product, dataDirectory);
    const { iat } = JSON.parse(Buffer.from(token.split('.')[1]!, 'base64url').toString()) as { iat: number };
    if (iat * 1000 > Date.now() + 86_400_000) return token;
    if (performance.now() - began > MOST_WAIT_MS) throw new Error('the clock does not move');
  }
}

function ask({ product, token }: Server, method: string, path: string, body?: string) {
  const { port, vaultHostname: hostname, authority } = product;
  const headers = { Authorization: `Bearer ${token}`, ...(body && { 'Content-Type': 'application/json' }) };
  const query = `${path}?api-version=${API_VERSION}`;
  return sendRequest({ port, hostname, authority, method, path: query, headers, ...(body && { body }) });
}

function targetOf({ product, token }: Server): LoadTarget {
  const { port, pid, vaultHostname, authority } = product;
  return { port, pid, hostname: vaultHostname, authority, frame: frameFor(product, token) };
}

async function fill(session: Session, server: Server): Promise<void> {
  const workload = { kind: 'put-new', label: 'fill', first: 0, count: READ_SECRETS } as const;
  const lane = await session.openLane(targetOf(server), READERS, workload);
  await lane.run(null);
  await lane.close();
}

function readLane(session: Session, server: Server): Promise<Lane> {
  return session.openLane(targetOf(server), READERS, { kind: 'get-random', label: 'fill', count: READ_SECRETS });
}

async function p99Of(lane: Lane, milliseconds: number): Promise<number> {
  await lane.run(milliseconds);
  return (await lane.total()).p99Milliseconds;
}
