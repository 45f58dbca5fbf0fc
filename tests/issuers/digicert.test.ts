import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { conformanceCases, type IssuerBench, orderOf, pollToEnd } from '../../src/certificates/issuers/conformance.ts';
import { DigiCertIssuer } from '../../src/certificates/issuers/digicert.ts';
import { Outgoing } from '../../src/certificates/issuers/outgoing.ts';
import { requestFor } from '../support/certificate-request.ts';
import { enrollingServer } from './enrolling-server.ts';
import {
  type Answered,
  type Asked,
  type PublishedService,
  SigningAuthority,
  startService,
} from './published-service.ts';

const KEY = 'canary-digicert-api-key';
const ORGANIZATION = 112233;

interface Order {
  readonly id: number;
  readonly alternative: string;
  readonly names: readonly string[];
  readonly csr: string;
  status: string;
  looks: number;
}

/** After dev.digicert.com, CertCentral Services API: Order SSL (type_hint), Order info, Get orders by alternative order ID, Download certificate, Update order status, User details, Organization info. */
class Service {
  readonly orders: Order[] = [];
  readonly bodies: unknown[] = [];
  readonly issued: string[] = [];
  isActive = true;
  readonly #authority = new SigningAuthority();

  answer = async (asked: Asked): Promise<Answered> => {
    if (asked.headers['x-dc-devkey'] !== KEY)
      return fault(401, 'access_denied|invalid_api_key', 'Authentication failed');
    const path = asked.path.replace('/services/v2', '');
    const [, kind, a, b] = path.split('/');
    if (path === '/user/me') return { status: 200, body: { id: 1 } };
    if (kind === 'organization')
      return { status: 200, body: { id: Number(a), status: this.isActive ? 'active' : 'inactive' } };
    if (kind === 'order' && a === 'alternate') {
      const found = this.orders.filter(({ alternative }) => alternative === b);
      const orders = found.map(({ id, status }) => ({ order_id: id, certificate_id: id + 1, status }));
      return found.length > 0 ? { status: 200, body: { orders } } : fault(404, 'not_found', 'No orders');
    }
    if (kind === 'order' && asked.method === 'POST') return this.#place(asked.body);
    const order = this.orders.find(({ id }) => id === Number(b) || id + 1 === Number(a));
    if (!order) return fault(404, 'not_found|order', 'No such order');
    if (kind === 'certificate') return this.#download(order);
    if (asked.method === 'PUT') {
      if (order.status !== 'pending') return fault(403, 'invalid_order_status', 'It is not pending');
      order.status = asked.body.status;
      return { status: 204 };
    }
    if (order.status === 'pending' && order.looks++ > 0) order.status = 'issued';
    return { status: 200, body: { id: order.id, status: order.status, certificate: { id: order.id + 1 } } };
  };

  #place(body: {
    certificate: { common_name: string; dns_names: string[]; csr: string };
    alternative_order_id: string;
  }): Answered {
    this.bodies.push(body);
    const { common_name: first, dns_names: others, csr } = body.certificate;
    if (first.startsWith('refused.'))
      return fault(400, 'domain_not_allowed', `The domain ${first} may not be secured.`);
    const id = 1000 + this.orders.length * 10;
    const alternative = body.alternative_order_id;
    this.orders.push({ id, alternative, names: [first, ...others], csr, status: 'pending', looks: 0 });
    return { status: 201, body: { id, requests: [{ id, status: 'pending' }] } };
  }

  async #download(order: Order): Promise<Answered> {
    this.issued.push(order.names[0]!);
    const { root, intermediate } = await this.#authority.above();
    return { status: 200, text: (await this.#authority.sign(order.csr, order.names)) + intermediate + root };
  }
}

function fault(status: number, code: string, message: string): Answered {
  return { status, body: { errors: [{ code, message }] } };
}

describe('DigiCert, against a server after its published documents', () => {
  const service = new Service();
  let at: PublishedService;
  let names = 0;
  before(async () => {
    at = await startService(service.answer, service.issued);
  });
  after(() => at?.close());

  const issuer = (apiKey = KEY) =>
    new DigiCertIssuer({
      outgoing: new Outgoing({ url: at.url, caPem: at.caPem }, () => Date.now()),
      apiKey,
      organizationId: ORGANIZATION,
      product: 'ssl',
    });
  const bench: IssuerBench = {
    issuer: () => issuer(),
    withBadCredentials: () => issuer('canary-wrong-api-key'),
    requestFor,
    goodName: () => `site-${names++}.example.com`,
    refusedName: () => 'refused.example.com',
    outage: (isDown) => at.outage(isDown),
    wait: async () => undefined,
    issuedFor: async (name) => service.issued.filter((one) => one === name).length,
    canCancel: true,
    saysRenewal: false,
    secrets: [KEY, 'canary-wrong-api-key'],
  };
  for (const { title, run } of conformanceCases) it(title, () => run(bench));

  it('orders what the documents say: names, hash, days, organization, and the kind that the policy names', async () => {
    service.bodies.length = 0;
    const names = ['a.example.com', 'b.example.com'];
    const order = { ...orderOf(await requestFor(names), names), certificateType: 'EV-SSL', validityMonths: 24 };
    const end = await pollToEnd(bench, issuer(), await issuer().order(order, 'documents'));
    assert.equal(end.state, 'issued');
    const [body] = service.bodies as [Record<string, Record<string, unknown>>];
    const { csr, ...certificate } = body['certificate']!;
    assert.match(String(csr), /^-----BEGIN CERTIFICATE REQUEST-----\n/);
    assert.deepEqual(certificate, { common_name: names[0], dns_names: [names[1]], signature_hash: 'sha256' });
    assert.deepEqual(body['order_validity'], { days: 397 });
    assert.deepEqual(body['organization'], { id: ORGANIZATION });
    assert.deepEqual(body['product'], { type_hint: 'ev' });
    if (end.state === 'issued') assert.equal(end.chain.length, 2, 'the root stays out');
  });

  it('finds in the daily check that the organization may order no more', async () => {
    service.isActive = false;
    const health = await issuer().check();
    service.isActive = true;
    assert.equal(health.isGood === false && health.code, 'organization-inactive');
  });

  it('issues what the certificates API asks for, and says why it does not', async () => {
    const authority = { name: 'certcentral', provider: 'DigiCert', url: at.url, caFile: 'FOLDER/ca.pem' };
    const credentials = { account_id: 'team', pwd: KEY };
    const registration = { provider: 'DigiCert', credentials, org_details: { id: String(ORGANIZATION) } };
    const vault = await enrollingServer(authority, { 'ca.pem': at.caPem }, registration);
    try {
      const { operation, issued } = await vault.enrol('shop', 'shop.example.com');
      assert.equal(operation.status, 'completed', JSON.stringify(operation));
      assert.equal(issued!.subjectAltName, 'DNS:shop.example.com');
      const refused = (await vault.enrol('refused', 'refused.example.com')).operation;
      assert.deepEqual([refused.status, refused.error?.code], ['failed', 'domain_not_allowed']);
      assert.match(refused.status_details, /may not be secured/);
      assert.equal((await vault.said()).includes(KEY), false);
    } finally {
      await vault.close();
    }
  });
});
