import 'reflect-metadata';
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { promisify } from 'node:util';
import { type CertID, OCSPRequest } from '@peculiar/asn1-ocsp';
import { AsnConvert } from '@peculiar/asn1-schema';
import { readAuthorities } from '../../src/certificates/issuers/authorities.ts';
import type { OwnAuthoritySetting } from '../../src/certificates/issuers/authority/authority-setting.ts';
import { OwnIssuer } from '../../src/certificates/issuers/authority/own-issuer.ts';
import { revocationResponder } from '../../src/certificates/issuers/authority/responder.ts';
import { VaultAuthority } from '../../src/certificates/issuers/authority/vault-authority.ts';
import { conformanceCases, type IssuerBench, orderOf } from '../../src/certificates/issuers/conformance.ts';
import type { KeySpec, StoredKey } from '../../src/crypto/key-provider.ts';
import { SoftwareProvider } from '../../src/crypto/software/provider.ts';
import { requestFor } from '../support/certificate-request.ts';
import { type TestParts, testParts } from '../support/parts.ts';

const execute = promisify(execFile);
const DAY = 86_400_000;
const specs: Readonly<Record<string, KeySpec>> = {
  'RSA-2048': { family: 'RSA', bits: 2048, publicExponent: 65_537 },
  'P-256': { family: 'EC', curve: 'P-256' },
  'P-384': { family: 'EC', curve: 'P-384' },
  'P-521': { family: 'EC', curve: 'P-521' },
};

for (const [kind, spec] of Object.entries(specs)) {
  describe(`an authority whose ${kind} key is a vault's`, () => {
    let parts: TestParts;
    let authority: VaultAuthority;
    let server: Server;
    let isKeyThere = true;
    let names = 0;
    let signatures: () => number;
    const file = (name: string) => join(parts.folder, name);

    before(async () => {
      parts = await testParts(Date.now());
      const provider = new CountingProvider(parts.random);
      signatures = () => provider.signatures;
      const { material, publicMembers } = await provider.generate(spec);
      const key: StoredKey = { id: 'authority', spec, publicMembers, open: async () => Buffer.from(material) };
      const findKey = async () => (isKeyThere ? { vaultId: 'vault', version: 'one', key, provider } : null);
      server = createServer();
      await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
      const setting = settingFor(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
      authority = new VaultAuthority({ ...parts, findKey }, setting);
      const responder = revocationResponder({ ...parts, log: quiet, authorities: [authority] });
      server.on('request', responder);
      const { certificate } = await authority.open();
      writeFileSync(file('ca.pem'), new X509Certificate(certificate).toString());
    });
    after(async () => {
      server.close();
      server.closeAllConnections();
      await parts.cleanup();
    });

    const bench: IssuerBench = {
      issuer: () => new OwnIssuer(authority, parts.clock, 'vault/issuer'),
      withBadCredentials: () => null,
      requestFor,
      goodName: () => `host-${names++}.inside.example`,
      refusedName: () => 'outside.example',
      outage: async (isDown) => {
        isKeyThere = !isDown;
      },
      wait: async () => undefined,
      issuedFor: async (name) => {
        const rows = await parts.store.reader.db.selectFrom('authority_certificates').selectAll().execute();
        const of = (der: Uint8Array) => new X509Certificate(Buffer.from(der)).subjectAltName;
        return rows.filter(({ certificate }) => of(certificate) === `DNS:${name}`).length;
      },
      canCancel: true,
      saysRenewal: false,
      secrets: ['PRIVATE KEY'],
    };
    for (const { title, run } of conformanceCases) it(title, () => run(bench));

    const issue = async (name: string): Promise<X509Certificate> => {
      const order = orderOf(await requestFor([name]), [name]);
      const end = await bench.issuer().order(order, name);
      if (end.state !== 'issued') assert.fail(JSON.stringify(end));
      const leaf = new X509Certificate(end.chain[0]!);
      writeFileSync(file('leaf.pem'), leaf.toString());
      return leaf;
    };
    const revoke = async (serial: string, reason: number): Promise<boolean> => {
      const open = await authority.open();
      return parts.store.write((transaction) => authority.revoke(transaction, open, serial, reason, parts.clock.now()));
    };
    const openssl = async (...args: readonly string[]): Promise<string> => {
      const { stdout, stderr } = await execute('openssl', [...args]).catch(
        (error: { stdout: string; stderr: string }) => error,
      );
      return stdout + stderr;
    };
    const fetched = async (address: string, name: string): Promise<string> => {
      const answer = await fetch(address);
      assert.equal(answer.status, 200);
      writeFileSync(file(name), Buffer.from(await answer.arrayBuffer()));
      return file(name);
    };
    const addressOf = (leaf: X509Certificate, what: string) =>
      new RegExp(`${what} - URI:(\\S+)`).exec(leaf.infoAccess ?? '')![1]!;

    it('makes a root and certificates that openssl verifies, strictly', async () => {
      await issue('web.inside.example');
      const strict = ['verify', '-x509_strict', '-check_ss_sig', '-purpose', 'sslserver'];
      assert.match(
        await openssl(...strict, '-verify_hostname', 'web.inside.example', '-CAfile', file('ca.pem'), file('leaf.pem')),
        /leaf\.pem: OK/,
      );
      const text = await openssl('x509', '-in', file('leaf.pem'), '-noout', '-text');
      assert.match(text, /CA:FALSE/);
      assert.match(text, /TLS Web Server Authentication/);
      const root = await openssl('x509', '-in', file('ca.pem'), '-noout', '-text');
      assert.match(root, /Name Constraints: critical\s+Permitted:\s+DNS:inside\.example/);
      assert.match(root, /CA:TRUE, pathlen:0/);
    });

    it('publishes a signed, numbered list that openssl reads, and tells what was revoked and why', async () => {
      const leaf = await issue('revoked.inside.example');
      const [address] = /http:\S+\.crl/.exec(await openssl('x509', '-in', file('leaf.pem'), '-noout', '-text'))!;
      const verify = async () => {
        await openssl('crl', '-inform', 'der', '-in', await fetched(address, 'list.crl'), '-out', file('list.pem'));
        const args = ['verify', '-crl_check', '-x509_strict', '-CAfile', file('ca.pem'), '-CRLfile', file('list.pem')];
        return openssl(...args, file('leaf.pem'));
      };
      assert.match(await verify(), /leaf\.pem: OK/);
      const read = (what: string) => openssl('crl', '-in', file('list.pem'), '-noout', what);
      const number = async () =>
        Number.parseInt(/crlNumber=(?:0x)?([0-9A-F]+)/.exec(await read('-crlnumber'))![1]!, 16);
      const first = await number();
      await verify();
      assert.equal(await number(), first, 'nothing has changed');
      assert.equal(await revoke(leaf.serialNumber.toLowerCase(), 1), true);
      assert.equal(await revoke(leaf.serialNumber.toLowerCase(), 4), true);
      assert.match(await verify(), /certificate revoked/);
      assert.equal(await number(), first + 1);
      assert.match(await openssl('crl', '-in', file('list.pem'), '-noout', '-text'), /Key Compromise/);
      assert.match(await openssl('crl', '-in', file('list.pem'), '-noout', '-CAfile', file('ca.pem')), /verify OK/);
      assert.equal(await revoke('00ff', 0), false);
      parts.clock.advance(DAY + 1000);
      await fetched(address, 'list.crl');
      await verify();
      assert.equal(await number(), first + 2, 'a list is made anew each day');
      parts.clock.advance(-DAY - 1000);
    });

    it('answers openssl ocsp: good, revoked with its reason, and nothing about what it never issued', async () => {
      const leaf = await issue('asked.inside.example');
      const url = addressOf(leaf, 'OCSP');
      const ask = (...more: readonly string[]) =>
        openssl('ocsp', '-issuer', file('ca.pem'), '-CAfile', file('ca.pem'), '-url', url, ...more);
      const cert = ['-cert', file('leaf.pem')];
      assert.match(await ask(...cert), /leaf\.pem: good[\s\S]*Response verify OK/);
      assert.match(await ask('-sha256', ...cert), /leaf\.pem: good/);
      await revoke(leaf.serialNumber.toLowerCase(), 5);
      assert.match(await ask(...cert), /leaf\.pem: revoked[\s\S]*Reason: cessationOfOperation/);
      assert.match(await ask('-serial', '0x1234'), /unauthorized \(6\)/);
    });

    it('signs one answer for a certificate, however often strangers ask', async () => {
      const leaf = await issue('often.inside.example');
      const url = addressOf(leaf, 'OCSP');
      const args = ['-issuer', file('ca.pem'), '-cert', file('leaf.pem'), '-reqout', file('request')];
      await openssl('ocsp', ...args);
      const { readFileSync } = await import('node:fs');
      const request = readFileSync(file('request'));
      const before = signatures();
      for (let asked = 0; asked < 20; asked++) {
        const answer = await fetch(url, { method: 'POST', body: request });
        assert.equal(answer.headers.get('content-type'), 'application/ocsp-response');
        await answer.arrayBuffer();
      }
      const got = await fetch(`${url}/${encodeURIComponent(request.toString('base64'))}`);
      assert.equal(got.status, 200);
      assert.equal(signatures() - before, 1);
      for (const body of [Buffer.alloc(0), Buffer.from('nonsense'), Buffer.alloc(5000, 48), request.subarray(0, 40)]) {
        const answer = await fetch(url, { method: 'POST', body });
        assert.deepEqual([...new Uint8Array(await answer.arrayBuffer())], [0x30, 3, 0x0a, 1, 1], 'malformedRequest');
      }
      assert.equal(signatures() - before, 1);
      for (const odd of oddRequests(request)) {
        const answer = await fetch(url, { method: 'POST', body: odd });
        assert.deepEqual([...new Uint8Array(await answer.arrayBuffer())], [0x30, 3, 0x0a, 1, 1], 'malformedRequest');
      }
      assert.equal(signatures() - before, 1, 'what is kept for everybody repeats nothing of a stranger');
      const origin = new URL(url).origin;
      for (const path of ['/', '/inside', '/other.crl', '/inside.crl/x', '/../inside.crl.', '/inside.cer%2f']) {
        assert.equal((await fetch(origin + path)).status, 404, path);
      }
      assert.equal((await fetch(`${origin}/inside.crl`, { method: 'POST' })).status, 405);
      assert.equal(
        new X509Certificate(Buffer.from(await (await fetch(`${origin}/inside.cer`)).arrayBuffer())).ca,
        true,
      );
    });
  });
}

/** The same question with something of the asker's own in what an answer repeats. */
function oddRequests(request: Buffer): readonly Buffer[] {
  const changed = (change: (id: CertID) => void) => {
    const parsed = AsnConvert.parse(request, OCSPRequest);
    change(parsed.tbsRequest.requestList[0]!.reqCert);
    return Buffer.from(AsnConvert.serialize(parsed));
  };
  const padded = (bytes: ArrayBuffer) => new Uint8Array([0, 0, ...new Uint8Array(bytes)]).buffer;
  return [
    changed((id) => (id.hashAlgorithm.parameters = new Uint8Array([4, 1, 65]).buffer)),
    changed((id) => (id.serialNumber = padded(id.serialNumber))),
  ];
}

class CountingProvider extends SoftwareProvider {
  signatures = 0;
  override sign(...order: Parameters<SoftwareProvider['sign']>): Promise<Buffer> {
    this.signatures++;
    return super.sign(...order);
  }
}

const quiet = { info: () => undefined, warn: () => undefined, error: () => undefined };

function settingFor(publicUrl: string): OwnAuthoritySetting {
  const entry = { name: 'inside', provider: 'StrongroomCA', vault: 'main-vault', key: 'authority' };
  const result = readAuthorities([{ ...entry, permittedDomains: ['inside.example'], publicUrl }]);
  assert.ok('authorities' in result, JSON.stringify(result));
  return result.authorities[0] as OwnAuthoritySetting;
}
