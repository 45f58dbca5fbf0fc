import assert from 'node:assert/strict';
import { Resolver } from 'node:dns/promises';
import { after, before, describe, it } from 'node:test';
import { dnsUpdate } from '../../src/certificates/issuers/acme/dns-challenge.ts';
import { orderOf, pollToEnd } from '../../src/certificates/issuers/conformance.ts';
import type { OrderProgress } from '../../src/certificates/issuers/issuer.ts';
import { requestFor } from '../support/certificate-request.ts';
import { type NameServer, startNameServer } from '../support/name-server.ts';
import { type TestParts, testParts } from '../support/parts.ts';
import { type Pebble, startPebble } from '../support/pebble.ts';
import { acmeBench, acmeIssuer } from './acme-bench.ts';

describe('dns-01 by dynamic updates of BIND', () => {
  let parts: TestParts;
  let names: NameServer;
  let pebble: Pebble;

  before(async () => {
    parts = await testParts(Date.now());
    names = await startNameServer();
    pebble = await startPebble({ nameServer: `127.0.0.1:${names.port}` });
  });
  after(async () => {
    await pebble?.stop();
    await names?.stop();
    await parts?.cleanup();
  });

  const issue = async (keyFile: string, dnsNames: readonly string[]): Promise<OrderProgress> => {
    const update = { server: '127.0.0.1', port: names.port, zone: 'dyn.test', keyFile };
    const solver = dnsUpdate({ ...update, nsupdate: '/usr/bin/nsupdate', settleSeconds: 0 });
    const issuer = acmeIssuer(parts, pebble, solver, null);
    const order = orderOf(await requestFor(dnsNames), dnsNames);
    return pollToEnd(acmeBench(parts, pebble, solver), issuer, await issuer.order(order, 'one'));
  };

  it('proves a name and its wildcard at once, and leaves no record behind', async () => {
    const end = await issue(names.keyFile, ['site.dyn.test', '*.site.dyn.test']);
    assert.equal(end.state, 'issued', JSON.stringify(end));
    const resolver = new Resolver();
    resolver.setServers([`127.0.0.1:${names.port}`]);
    await assert.rejects(resolver.resolveTxt('_acme-challenge.site.dyn.test'), { code: 'ENODATA' });
  });

  it('says that the name server does not take the key', async () => {
    const end = await issue(names.wrongKeyFile, ['site.dyn.test']);
    assert.equal(end.state === 'refused' && end.code, 'challenge-not-shown');
    assert.match(end.state === 'refused' ? end.details : '', /nsupdate ended with exit code 2/);
  });
});
