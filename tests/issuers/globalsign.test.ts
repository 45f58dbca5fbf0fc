import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import { conformanceCases, type IssuerBench, orderOf, pollToEnd } from '../../src/certificates/issuers/conformance.ts';
import { GlobalSignIssuer } from '../../src/certificates/issuers/globalsign.ts';
import type { Issuer } from '../../src/certificates/issuers/issuer.ts';
import { Outgoing } from '../../src/certificates/issuers/outgoing.ts';
import { createAuthority, issueServerCertificate } from '../../src/tls/local-ca.ts';
import { requestFor } from '../support/certificate-request.ts';
import { enrollingServer } from './enrolling-server.ts';
import {
  type Answered,
  type Asked,
  type PublishedService,
  SigningAuthority,
  startService,
} from './published-service.ts';

const KEY = 'canary-atlas-key';
const SECRET = 'canary-atlas-secret';
const TOKEN = 'canary-atlas-token';

interface Claim {
  readonly id: string;
  readonly domain: string;
  status: 'VERIFIED' | 'PENDING';
}

/** After the Atlas Certificate Management API documentation v2.10: login, validationpolicy, claims, certificates, trustchain. */
class Service {
  readonly claims: Claim[] = [{ id: 'CLAIM0', domain: 'example.com.', status: 'VERIFIED' }];
  readonly issued: string[] = [];
  readonly bodies: { validity: { not_before: number; not_after: number }; subject_dn: unknown; san: unknown }[] = [];
  readonly #certificates = new Map<string, { readonly pem: string; looks: number }>();
  readonly #authority = new SigningAuthority();
  /** Whether the name server has the record of a claim. */
  hasRecord = false;

  answer = async (asked: Asked): Promise<Answered> => {
    const { method, body } = asked;
    const path = asked.path.replace('/v2', '');
    if (!asked.hasClientCertificate) return problem(401, 'No client certificate');
    if (path === '/login') {
      const isRight = body.api_key === KEY && body.api_secret === SECRET;
      return isRight ? { status: 200, body: { access_token: TOKEN } } : problem(401, 'Unauthorized');
    }
    if (asked.headers.authorization !== `Bearer ${TOKEN}`) return problem(401, 'Unauthorized');
    if (path === '/validationpolicy') return { status: 200, body: { public_key: { key_format: 'PKCS10' } } };
    if (path === '/trustchain') {
      const { root, intermediate } = await this.#authority.above();
      return { status: 200, body: [intermediate, root] };
    }
    if (path.startsWith('/claims/domains')) return this.#claim(method, path, asked);
    if (method === 'POST') return this.#request(body);
    const held = this.#certificates.get(path.split('/').at(-1)!);
    if (!held) return problem(404, 'Not Found');
    if (held.looks++ === 0) return { status: 202 };
    return { status: 200, body: { certificate: held.pem, status: 'ISSUED', updated_at: 1 } };
  };

  #claim(method: string, path: string, { query, body }: Asked): Answered {
    if (method === 'GET') {
      const found = this.claims.filter(({ status }) => status === query.get('status'));
      const [size, page] = [Number(query.get('per_page') ?? 20), Number(query.get('page') ?? 1)];
      return { status: 200, body: found.slice((page - 1) * size, page * size) };
    }
    const [, , , name, how] = path.split('/');
    if (how === undefined) {
      if (name === 'refused.test') return problem(422, 'The domain may not be claimed.');
      const claim: Claim = { id: `CLAIM${this.claims.length}`, domain: `${name}.`, status: 'PENDING' };
      this.claims.push(claim);
      return { status: 201, body: { id: claim.id, token: `token-of-${claim.id}`, assert_by: 1 } };
    }
    const claim = this.claims.find(({ id }) => id === name)!;
    if (`${body.authorization_domain}.` !== claim.domain) return problem(422, 'Another domain');
    if (this.hasRecord) claim.status = 'VERIFIED';
    return { status: this.hasRecord ? 204 : 201 };
  }

  async #request(
    body: { public_key: string; san: { dns_names: string[] } } & Service['bodies'][number],
  ): Promise<Answered> {
    this.bodies.push(body);
    const names = body.san.dns_names;
    const serial = randomBytes(8).toString('hex').toUpperCase();
    this.#certificates.set(serial, { pem: await this.#authority.sign(body.public_key, names), looks: 0 });
    this.issued.push(names[0]!);
    return { status: 201, headers: { location: `https://elsewhere.example/v2/certificates/${serial}` } };
  }
}

function problem(status: number, description: string): Answered {
  return { status, body: { description } };
}

describe('GlobalSign, against a server after its published documents', () => {
  const service = new Service();
  let at: PublishedService;
  let client: { readonly certificatePem: string; readonly keyPem: string };
  let names = 0;
  before(async () => {
    at = await startService(service.answer, service.issued, true);
    const now = Date.now();
    const authority = await createAuthority({ now, commonName: 'accounts' });
    const order = { authority, now, names: ['account.example'], ipAddresses: [], lifetimeDays: 1 };
    const { privateKeyPem: keyPem, certificatePem } = await issueServerCertificate(order);
    client = { certificatePem, keyPem };
  });
  after(() => at?.close());

  const issuer = (apiSecret = SECRET, shown: object = { client }): Issuer => {
    const clock = { now: () => Date.now() };
    const outgoing = new Outgoing({ url: `${at.url}/v2`, caPem: at.caPem, ...shown }, clock.now);
    return new GlobalSignIssuer({ outgoing, base: '/v2', apiKey: KEY, apiSecret, clock });
  };
  const bench: IssuerBench = {
    issuer: () => issuer(),
    withBadCredentials: () => issuer('canary-wrong-secret'),
    requestFor,
    goodName: () => `site-${names++}.example.com`,
    refusedName: () => 'refused.test',
    outage: (isDown) => at.outage(isDown),
    wait: async () => undefined,
    issuedFor: async (name) => service.issued.filter((one) => one === name).length,
    canCancel: false,
    saysRenewal: false,
    secrets: [KEY, SECRET, TOKEN, 'canary-wrong-secret', 'PRIVATE KEY'],
  };
  for (const { title, run } of conformanceCases) it(title, () => run(bench));

  it('claims a domain that is not proven, says which record proves it, and goes on by itself once it is there', async () => {
    const name = 'new.test';
    const placed = await issuer().order(orderOf(await requestFor([name]), [name]), name);
    assert.ok(placed.state === 'pending');
    assert.match(placed.details, /Prove new\.test to GlobalSign by a TXT record with the text token-of-CLAIM1/);
    const waits = await issuer().poll(placed.reference);
    assert.ok(waits.state === 'pending');
    assert.match(waits.details, /does not see the TXT record of the claim for new\.test yet.* token-of-CLAIM1/);
    const still = await issuer().poll(waits.reference);
    assert.match(still.state === 'pending' ? still.details : '', /token-of-CLAIM1/, 'also after a day');
    assert.equal(service.claims.length, 2, 'one claim, not one a look');
    service.hasRecord = true;
    const end = await pollToEnd(bench, issuer(), await issuer().poll(placed.reference));
    assert.equal(end.state, 'issued', JSON.stringify(end));
  });

  it('finds what is proven among as many claims as there are', async () => {
    const others = Array.from({ length: 250 }, (_, index): Claim[] => [
      { id: `V${index}`, domain: `v${index}.test.`, status: 'VERIFIED' },
      { id: `P${index}`, domain: `p${index}.test.`, status: 'PENDING' },
    ]).flat();
    service.claims.push(...others);
    const held = service.claims.length;
    try {
      const proven = await issuer().order(orderOf(await requestFor(['a.v249.test']), ['a.v249.test']), 'proven');
      assert.match(proven.state === 'pending' ? proven.details : '', /The domains are proven/);
      service.hasRecord = false;
      const open = await issuer().order(orderOf(await requestFor(['p249.test']), ['p249.test']), 'open');
      assert.match(open.state === 'pending' ? open.details : '', /does not see the TXT record of the claim for p249/);
      assert.equal(service.claims.length, held, 'no second claim');
    } finally {
      service.claims.splice(-others.length);
    }
  });

  it('asks for what the documents say', async () => {
    service.bodies.length = 0;
    const names = ['a.example.com', '*.example.com'];
    const end = await pollToEnd(bench, issuer(), await issuer().order(orderOf(await requestFor(names), names), 'x'));
    assert.equal(end.state, 'issued');
    const [body] = service.bodies;
    assert.deepEqual([body!.subject_dn, body!.san], [{ common_name: names[0] }, { dns_names: names }]);
    assert.equal(body!.validity.not_after - body!.validity.not_before, 93 * 86_400);
  });

  it('is refused without the certificate of the account', async () => {
    const health = await issuer(SECRET, {}).check();
    assert.equal(health.isGood === false && health.code, 'sign-in-refused');
  });

  it('issues what the certificates API asks for', async () => {
    const files = { 'ca.pem': at.caPem, 'account.pem': client.certificatePem, 'account.key': client.keyPem };
    const account = { certificateFile: 'FOLDER/account.pem', keyFile: 'FOLDER/account.key' };
    const authority = {
      name: 'atlas',
      provider: 'GlobalSign',
      url: `${at.url}/v2`,
      caFile: 'FOLDER/ca.pem',
      ...account,
    };
    const registration = { provider: 'GlobalSign', credentials: { account_id: KEY, pwd: SECRET } };
    const vault = await enrollingServer(authority, files, registration);
    try {
      const { operation, issued } = await vault.enrol('shop', 'shop.example.com');
      assert.equal(operation.status, 'completed', JSON.stringify(operation));
      assert.equal(issued!.subjectAltName, 'DNS:shop.example.com');
      const said = await vault.said();
      for (const secret of [SECRET, TOKEN, 'PRIVATE KEY']) assert.equal(said.includes(secret), false, secret);
    } finally {
      await vault.close();
    }
  });
});
