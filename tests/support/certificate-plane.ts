import { randomBytes, webcrypto } from 'node:crypto';
import 'reflect-metadata';
import * as x509 from '@peculiar/x509';
import {
  type CertificateOrder,
  type Issuer,
  IssuerFault,
  type OrderProgress,
} from '../../src/certificates/issuers/issuer.ts';
import { certificateJob } from '../../src/certificates/job.ts';
import type { CertificateParts, Notice, Notify } from '../../src/certificates/parts.ts';
import { SoftwareProvider } from '../../src/crypto/software/provider.ts';
import { takeLease } from '../../src/jobs/lease.ts';
import type { Answer, Call } from '../../src/operations/operation.ts';
import { Pager } from '../../src/operations/paging.ts';
import { createVault } from '../../src/resources/service.ts';
import type { Vault } from '../../src/resources/vault.ts';
import { readVault } from '../../src/resources/vault-directory.ts';
import { type ManagementPlane, managementPlane } from './management-plane.ts';

const DAY = 86_400_000;
const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;

/** How an authority of tests behaves. */
export type Mood = 'good' | 'refuses' | 'unreachable' | 'knows-nobody';

/** An authority that issues by the clock of the test, after it was asked a second time. */
export interface TestIssuer extends Issuer {
  mood: Mood;
  readonly orders: readonly CertificateOrder[];
  readonly cancelled: readonly string[];
}

/** The services of certificates over a real store, called as the pipeline calls them; and the job, run by hand. */
export interface CertificatePlane extends ManagementPlane {
  readonly vault: Vault;
  readonly parts: CertificateParts;
  readonly issuer: TestIssuer;
  readonly notices: readonly Notice[];
  /** Calls a service function about a certificate. */
  ask(
    run: (parts: CertificateParts, call: Call) => Promise<Answer>,
    name: string,
    body?: Readonly<Record<string, unknown>>,
    version?: string,
    // biome-ignore lint/suspicious/noExplicitAny: answers are read member by member, as a client would.
  ): Promise<any>;
  /** Runs the job at the clock's time. */
  turn(): Promise<void>;
}

/** Makes one, with a vault and an authority under the provider `Test`. */
export async function certificatePlane(): Promise<CertificatePlane> {
  const plane = await managementPlane();
  const { store, random, clock, keyring } = plane;
  const vault = await store.write((transaction) =>
    createVault(transaction, plane, {
      tenantId: plane.tenantId,
      subscriptionId: plane.subscriptionId,
      group: 'apps',
      name: 'certificates',
      location: 'local',
    }),
  );
  const issuer = await testIssuer(() => clock.now());
  const notices: Notice[] = [];
  const parts: CertificateParts = {
    ...plane,
    pager: new Pager(keyring),
    providers: { software: new SoftwareProvider(random), token: null },
    issuerFor: async ({ provider }) => (provider === 'Test' ? issuer : { reason: 'it is not set up' }),
  };
  const log = { info: () => {}, warn: () => {}, error: () => {} };
  const notify: Notify = async (_transaction, notice) => {
    notices.push(notice);
    return [];
  };
  const job = certificateJob({ ...parts, clock, log, notify, findVault: readVault });
  return {
    ...plane,
    vault,
    parts,
    issuer,
    notices,
    ask: async (run, name, body, version) => {
      const parameters = { name, ...(version === undefined ? {} : { version }) };
      const call = { vault, parameters, body: body ?? null, time: clock.now(), apiVersion: '2025-07-01', query: {} };
      const commit: Call['commit'] = (work) => store.write(work);
      const answer = await run(parts, { ...call, origin: 'https://certificates.localhost', commit } as unknown as Call);
      return answer.body;
    },
    turn: async () => {
      const now = clock.now();
      await job.run((await takeLease(store, 'job/certificates', 'test', now, 60_000))!, now);
    },
  };
}

async function testIssuer(now: () => number): Promise<TestIssuer> {
  const keys = (await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])) as webcrypto.CryptoKeyPair;
  const orders: CertificateOrder[] = [];
  const cancelled: string[] = [];
  const progress = async (mood: Mood, then: () => Promise<OrderProgress>): Promise<OrderProgress> => {
    if (mood === 'unreachable') throw new IssuerFault('issuer-unreachable', 'The authority does not answer.');
    if (mood === 'refuses') return { state: 'refused', code: 'policy', details: 'The authority refuses for now.' };
    return then();
  };
  const issuer: TestIssuer = {
    provider: 'Test',
    mood: 'good',
    orders,
    cancelled,
    order: (order) =>
      progress(issuer.mood, async () => {
        const reference = JSON.stringify(orders.push(order) - 1);
        return { state: 'pending', reference, askAgainSeconds: 60, details: 'The authority looks at it.' };
      }),
    poll: (reference) =>
      progress(issuer.mood, async () => {
        const order = orders[Number(reference)]!;
        return { state: 'issued', chain: [await issue(keys, order, now())] };
      }),
    cancel: async (reference) => void cancelled.push(reference),
    check: async () => {
      if (issuer.mood === 'unreachable') throw new IssuerFault('issuer-unreachable', 'The authority does not answer.');
      const refused = { isGood: false, code: 'account-unknown', details: 'The account key has ended.' } as const;
      return issuer.mood === 'knows-nobody' ? refused : { isGood: true };
    },
    renewalAt: async () => null,
  };
  return issuer;
}

async function issue(keys: webcrypto.CryptoKeyPair, order: CertificateOrder, now: number): Promise<Buffer> {
  const request = new x509.Pkcs10CertificateRequest(order.csr);
  const start = Math.floor(now / 1000) * 1000;
  const certificate = await x509.X509CertificateGenerator.create(
    {
      serialNumber: `40${randomBytes(15).toString('hex')}`,
      subject: request.subject,
      issuer: 'CN=Test authority',
      notBefore: new Date(start),
      notAfter: new Date(start + order.validityMonths * 30 * DAY),
      publicKey: request.publicKey,
      signingKey: keys.privateKey,
      signingAlgorithm: algorithm,
    },
    globalThis.crypto,
  );
  return Buffer.from(certificate.rawData);
}
