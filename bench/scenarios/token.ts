import { systemRandom } from '../../src/base/system.ts';
import { signatureAlgorithms } from '../../src/crypto/algorithms.ts';
import type { KeySpec, StoredKey } from '../../src/crypto/key-provider.ts';
import { TokenProvider } from '../../src/crypto/pkcs11/provider.ts';
import { readTokenSettings } from '../../src/crypto/pkcs11/settings.ts';
import { Token } from '../../src/crypto/pkcs11/token.ts';
import { isInstalled, makeSoftToken, type SoftToken } from '../../tests/hsm/soft-token.ts';
import { interleave, meanRate, ratioOf, sideOf, warmUp } from '../comparison.ts';
import type { Slice } from '../load-plan.ts';
import { makePremiumVault, postToVault, signIn, startProduct } from '../product.ts';
import type { Target } from '../report.ts';
import { type FilledServer, type Session, targetOf } from '../session.ts';
import { readable } from '../statistics.ts';
import { type BareToken, startBareToken } from '../token-ceiling.ts';
import { keyPath, type Workload } from '../workload.ts';

const SESSIONS = 4;
const CONNECTIONS = 32;
const PAIRS = 6;
const DIGEST = Buffer.alloc(32, 1);

interface Signing {
  readonly algorithm: 'RS256' | 'ES256';
  readonly kind: 'rsa' | 'ec';
  readonly body: object;
  readonly spec: KeySpec;
}

const signings: readonly Signing[] = [
  {
    algorithm: 'RS256',
    kind: 'rsa',
    body: { kty: 'RSA-HSM', key_size: 2048 },
    spec: { family: 'RSA', bits: 2048, publicExponent: 65_537 },
  },
  { algorithm: 'ES256', kind: 'ec', body: { kty: 'EC-HSM' }, spec: { family: 'EC', curve: 'P-256' } },
];

/** Signatures by keys in a token, over HTTPS and by the token's part alone, against a bare loop of the binding with as many sessions. */
export async function measureToken(session: Session): Promise<void> {
  if (!isInstalled) {
    session.note('  skipped: there is no token here; run sh tests/compat/install-pkcs11.sh');
    return;
  }
  const soft = makeSoftToken('bench');
  Object.assign(process.env, soft.env);
  const { module, bindingDirectory } = soft.settings as { module: string; bindingDirectory: string };
  const selector = { label: soft.label };
  const bare = await startBareToken({ module, bindingDirectory, selector, pin: soft.pin, sessions: SESSIONS });
  try {
    await measurePart(session, soft, bare);
    await measureServer(session, soft, bare);
  } finally {
    await bare.stop();
    soft.remove();
  }
}

/** The provider and its process, without HTTPS, store and audit. */
async function measurePart(session: Session, soft: SoftToken, bare: BareToken): Promise<void> {
  const read = readTokenSettings({ ...soft.settings, sessions: SESSIONS }, process.env);
  if ('fault' in read) throw new Error(read.fault);
  const log = { info: () => {}, warn: () => {}, error: (message: string) => session.note(message) };
  const token = new Token(read.settings, log);
  const random = systemRandom();
  const provider = new TokenProvider(token, random, log);
  for (const { algorithm, spec, kind } of signings) {
    const { publicMembers, material } = await provider.generate(spec);
    const key: StoredKey = { id: algorithm, spec, publicMembers, open: async () => Buffer.from(material) };
    const sign = () => provider.sign(key, signatureAlgorithms[algorithm]!, DIGEST);
    const target = kind === 'rsa' ? { atLeast: 0.8 } : null;
    const ours = (milliseconds: number) => signFor(sign, milliseconds);
    await compare(session, { name: `${algorithm} by the token's part alone`, kind, target }, bare, ours);
  }
  token.close();
}

/** Keeps four signatures a session under way, as a server under load does. */
async function signFor(sign: () => Promise<Buffer>, milliseconds: number): Promise<Slice> {
  const openedAt = performance.now();
  let requests = 0;
  const loop = async () => {
    while (performance.now() - openedAt < milliseconds) {
      await sign();
      requests += 1;
    }
  };
  await Promise.all(Array.from({ length: SESSIONS * 4 }, loop));
  return { requests, seconds: (performance.now() - openedAt) / 1e3 };
}

async function measureServer(session: Session, soft: SoftToken, bare: BareToken): Promise<void> {
  const dataDirectory = session.dataDirectory('token');
  const started = await startProduct({ dataDirectory, args: ['--config', soft.config()] });
  const vaultHostname = await makePremiumVault(started, dataDirectory);
  const product = { ...started, vaultHostname };
  const token = await signIn(product, dataDirectory);
  const server: FilledServer = { product, dataDirectory, token, label: '', count: 0, fill: null };
  for (const { algorithm, kind, body } of signings) {
    const name = `bench-${kind}`;
    await postToVault(product, token, keyPath(name, 'create'), body);
    const asked = JSON.stringify({ alg: algorithm, value: DIGEST.toString('base64url') });
    const workload: Workload = { kind: 'post', path: keyPath(name, 'sign'), body: asked, expected: '"value"' };
    const lane = await session.openLane(targetOf(server), CONNECTIONS, workload);
    const { slices, sliceMilliseconds, warmupRequests } = session.settings;
    await warmUp([lane], { slices, sliceMilliseconds, warmupRequests: warmupRequests / 10 });
    const target = kind === 'rsa' ? { atLeast: 0.8 } : null;
    const row = { name: `${algorithm} in a token over HTTPS`, kind, target };
    await compare(
      session,
      row,
      bare,
      (milliseconds) => lane.run(milliseconds),
      async (slices) => {
        const { p50Milliseconds, p99Milliseconds } = sideOf(await lane.total(), slices);
        return `; p50 ${readable(p50Milliseconds)} ms, p99 ${readable(p99Milliseconds)} ms`;
      },
    );
    await lane.close();
  }
  await started.stop();
}

async function compare(
  session: Session,
  { name, kind, target }: { readonly name: string; readonly kind: 'rsa' | 'ec'; readonly target: Target | null },
  bare: BareToken,
  ours: (milliseconds: number) => Promise<Slice>,
  more: (slices: readonly Slice[]) => Promise<string> = async () => '',
): Promise<void> {
  const { slices, sliceMilliseconds } = session.settings;
  const milliseconds = sliceMilliseconds * 4;
  const pairs = await interleave(
    Math.min(PAIRS, Math.ceil(slices / 6)),
    () => ours(milliseconds),
    () => bare.run({ kind, milliseconds }),
  );
  const mine = pairs.map(({ a }) => a);
  const theirs = pairs.map(({ b }) => b);
  const rates = `${readable(meanRate(mine))}/s against ${readable(meanRate(theirs))}/s of a bare loop, ${SESSIONS} sessions`;
  session.add({ name, figure: `${rates}${await more(mine)}`, value: ratioOf(pairs).value, unit: '', target });
}
