import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { type CertificateOrder, type Issuer, IssuerFault, type OrderProgress } from './issuer.ts';

/** A request for a certificate, and the key that it is for. */
export interface MadeRequest {
  /** PKCS #10, DER. */
  readonly csr: Buffer;
  /** SubjectPublicKeyInfo, DER. */
  readonly publicKey: Buffer;
}

/** An issuer with an authority behind it that tests may spoil. */
export interface IssuerBench {
  /** An issuer with good credentials; each call gives another object, as another node would have it. */
  issuer(): Issuer;
  /** The same authority, asked with credentials that it does not take; null where nobody signs in there. */
  withBadCredentials(): Issuer | null;
  requestFor(dnsNames: readonly string[]): Promise<MadeRequest>;
  /** A name that nobody had before, under which the authority issues. */
  goodName(): string;
  /** A name under which it refuses. */
  refusedName(): string;
  /** Makes the authority unreachable, or reachable again. */
  outage(isDown: boolean): Promise<void>;
  /** Lets the authority get on; `seconds` is what the issuer said about when to ask again. */
  wait(seconds: number): Promise<void>;
  /** How many certificates the authority has made for the name; null where it cannot be asked. */
  issuedFor(name: string): Promise<number | null>;
  /** Whether an order that was given up ends there; false for an authority that knows no orders. */
  readonly canCancel: boolean;
  /** Whether the authority says when certificates are to be renewed. */
  readonly saysRenewal: boolean;
  /** Texts that must not be in references, details and messages. */
  readonly secrets: readonly string[];
}

/** One thing that every issuer does. */
export interface ConformanceCase {
  readonly title: string;
  run(bench: IssuerBench): Promise<void>;
}

const MOST_POLLS = 200;

/** Polls until the order has ended. */
export async function pollToEnd(bench: IssuerBench, issuer: Issuer, first: OrderProgress): Promise<OrderProgress> {
  let progress = first;
  for (let polls = 0; progress.state === 'pending'; polls++) {
    assert.ok(polls < MOST_POLLS, `still pending after ${polls} polls: ${progress.details}`);
    assert.ok(progress.askAgainSeconds >= 0, 'it says when to ask again');
    assert.doesNotThrow(() => JSON.parse((progress as { reference: string }).reference), 'the reference is JSON');
    assertNoSecret(bench, progress);
    await bench.wait(progress.askAgainSeconds);
    progress = await issuer.poll(progress.reference);
  }
  assertNoSecret(bench, progress);
  return progress;
}

/** What is asked for in these cases. */
export function orderOf(request: MadeRequest, dnsNames: readonly string[]): CertificateOrder {
  return { csr: request.csr, dnsNames, validityMonths: 3, certificateType: null, replaces: null };
}

/** What every issuer must do, whatever its authority: run over each, with a bench of its own. */
export const conformanceCases: readonly ConformanceCase[] = [
  { title: 'issues for the key and the names of the request, with the chain in order', run: issues },
  { title: 'goes on from the reference alone, on whichever node', run: anotherNode },
  { title: 'says why the authority refuses, and that it is final', run: refuses },
  { title: 'tells an outage apart from a refusal, and recovers', run: outage },
  { title: 'takes the same order twice without making two certificates', run: twice },
  { title: 'gives an order up, once and again', run: cancels },
  { title: 'finds credentials that are not taken before they are needed', run: credentials },
  { title: 'says when to renew, or that it does not know', run: renewal },
  { title: 'refuses a reference that is not its own', run: foreignReference },
];

async function issues(bench: IssuerBench): Promise<void> {
  const issuer = bench.issuer();
  const name = bench.goodName();
  await issueOne(bench, issuer, issuer, [name]);
}

async function issueOne(
  bench: IssuerBench,
  placing: Issuer,
  polling: Issuer,
  names: readonly string[],
): Promise<readonly Buffer[]> {
  const request = await bench.requestFor(names);
  const placed = await placing.order(orderOf(request, names), names.join());
  const end = await pollToEnd(bench, polling, placed);
  if (end.state !== 'issued') assert.fail(`it was refused: ${JSON.stringify(end)}`);
  const chain = end.chain.map((der) => new X509Certificate(der));
  const [leaf] = chain as [X509Certificate];
  assert.ok(leaf.publicKey.export({ type: 'spki', format: 'der' }).equals(request.publicKey), 'it is for the key');
  for (const name of names) assert.ok(leaf.checkHost(name, { wildcards: false }) ?? sans(leaf).includes(name), name);
  chain.slice(0, -1).forEach((one, index) => {
    assert.ok(one.verify(chain[index + 1]!.publicKey), `certificate ${index} is signed by the next`);
  });
  return end.chain;
}

function sans(certificate: X509Certificate): readonly string[] {
  return (certificate.subjectAltName ?? '').split(', ').map((part) => part.replace(/^DNS:/, ''));
}

async function anotherNode(bench: IssuerBench): Promise<void> {
  await issueOne(bench, bench.issuer(), bench.issuer(), [bench.goodName(), bench.goodName()]);
}

async function refuses(bench: IssuerBench): Promise<void> {
  const issuer = bench.issuer();
  const name = bench.refusedName();
  const placed = await issuer.order(orderOf(await bench.requestFor([name]), [name]), name);
  const end = await pollToEnd(bench, issuer, placed);
  if (end.state !== 'refused') assert.fail(`it was ${end.state}`);
  assert.match(end.code, /^\S+$/);
  assert.ok(end.details.length > 0);
}

async function outage(bench: IssuerBench): Promise<void> {
  const issuer = bench.issuer();
  const name = bench.goodName();
  const request = await bench.requestFor([name]);
  const placed = await issuer.order(orderOf(request, [name]), name);
  await bench.outage(true);
  try {
    await assert.rejects(bench.issuer().order(orderOf(request, [name]), `${name}-down`), isFault);
    if (placed.state === 'pending') await assert.rejects(issuer.poll(placed.reference), isFault);
    const health = await issuer.check();
    assert.equal(health.isGood, false);
    assert.equal(health.isGood === false && health.code, 'issuer-unreachable');
  } finally {
    await bench.outage(false);
  }
  const again = placed.state === 'pending' ? await issuer.poll(placed.reference) : placed;
  assert.equal((await pollToEnd(bench, issuer, again)).state, 'issued');
}

function isFault(error: unknown): boolean {
  assert.ok(error instanceof IssuerFault, String(error));
  assert.equal(error.code, 'issuer-unreachable');
  return true;
}

async function twice(bench: IssuerBench): Promise<void> {
  const issuer = bench.issuer();
  const name = bench.goodName();
  const order = orderOf(await bench.requestFor([name]), [name]);
  // The first answer is lost, as when the connection breaks.
  await issuer.order(order, `key-of-${name}`);
  const end = await pollToEnd(bench, issuer, await issuer.order(order, `key-of-${name}`));
  assert.equal(end.state, 'issued');
  const made = await bench.issuedFor(name);
  if (made !== null) assert.equal(made, 1);
}

async function cancels(bench: IssuerBench): Promise<void> {
  const issuer = bench.issuer();
  const name = bench.goodName();
  const placed = await issuer.order(orderOf(await bench.requestFor([name]), [name]), name);
  // One that issues at once has nothing to give up.
  if (placed.state !== 'pending') return;
  await issuer.cancel(placed.reference);
  await issuer.cancel(placed.reference);
  if (!bench.canCancel) return;
  const after = await pollToEnd(bench, issuer, await issuer.poll(placed.reference));
  assert.equal(after.state, 'refused');
}

async function credentials(bench: IssuerBench): Promise<void> {
  assert.deepEqual(await bench.issuer().check(), { isGood: true });
  const spoiled = bench.withBadCredentials();
  if (!spoiled) return;
  const health = await spoiled.check();
  assert.equal(health.isGood, false);
  assertNoSecret(bench, health);
  const name = bench.goodName();
  const placed = await spoiled.order(orderOf(await bench.requestFor([name]), [name]), name);
  assert.equal(placed.state, 'refused');
  assertNoSecret(bench, placed);
}

async function renewal(bench: IssuerBench): Promise<void> {
  const issuer = bench.issuer();
  const [leaf] = await issueOne(bench, issuer, issuer, [bench.goodName()]);
  const at = await issuer.renewalAt(leaf!);
  assert.equal(at !== null, bench.saysRenewal);
  if (at === null) return;
  const { validFrom, validTo } = new X509Certificate(leaf!);
  assert.ok(at > Date.parse(validFrom) && at < Date.parse(validTo), new Date(at).toISOString());
  assert.equal(await bench.issuer().renewalAt(leaf!), at, 'every node comes to the same moment');
}

async function foreignReference(bench: IssuerBench): Promise<void> {
  const isNoReference = (error: unknown) => error instanceof TypeError || error instanceof SyntaxError;
  await assert.rejects(async () => bench.issuer().poll('{}'), isNoReference);
  await assert.rejects(async () => bench.issuer().poll('…'), isNoReference);
}

function assertNoSecret(bench: IssuerBench, told: unknown): void {
  const text = JSON.stringify(told);
  for (const secret of bench.secrets) assert.ok(!text.includes(secret), 'a secret is told');
}
