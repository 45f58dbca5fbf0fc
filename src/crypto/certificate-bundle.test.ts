import assert from 'node:assert/strict';
import { createPrivateKey, generateKeyPairSync } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import { type OpenSsl, openSsl } from '../../tests/support/openssl.ts';
import { BundleFault } from './bundle-fault.ts';
import { readPem, readPkcs12, writeBundle } from './certificate-bundle.ts';

let openssl: OpenSsl;
let files: readonly Buffer[];
let pem: string;

before(() => {
  openssl = openSsl();
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  openssl.write('a.key', privateKey.export({ type: 'pkcs8', format: 'pem' }));
  openssl.run('req -x509 -key a.key -out a.pem -days 30 -subj /CN=a');
  pem = openssl.read('a.key').toString() + openssl.read('a.pem').toString();
  files = ['', '-legacy', '-keypbe NONE -certpbe NONE', '-nomac -keypbe NONE -certpbe NONE'].map((how) => {
    openssl.run(`pkcs12 -export -inkey a.key -in a.pem -passout pass:pw -out a.pfx ${how}`);
    return openssl.read('a.pfx');
  });
});
after(() => openssl?.close());

/** Numbers that look random and are the same in each run. */
function* numbers(seed: number): Generator<number> {
  for (let state = seed; ; ) {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    yield state >>> 8;
  }
}

async function outcome(work: () => Promise<unknown>): Promise<string> {
  try {
    await work();
    return 'taken';
  } catch (error) {
    // Anything else would be a fault of ours.
    assert.ok(error instanceof BundleFault, String(error));
    return error.problem;
  }
}

describe('a bundle', () => {
  it('comes back as it was written, in both forms', async () => {
    const { key, certificates } = await readPem(pem, '');
    const material = createPrivateKey(pem).export({ type: 'pkcs8', format: 'der' });
    const stored = { open: async () => Buffer.from(material) };
    const pfx = await writeBundle('application/x-pkcs12', stored, certificates, 'a name');
    const text = await writeBundle('application/x-pem-file', stored, certificates, 'a name');
    const [one, other] = [await readPkcs12(Buffer.from(pfx, 'base64'), ''), await readPem(text, '')];
    assert.deepEqual(one, other);
    assert.deepEqual(one.certificates, certificates);
    assert.deepEqual(one.key, key);
    for (const form of ['application/x-pkcs12', 'application/x-pem-file'] as const) {
      const alone = await writeBundle(form, null, certificates, 'a name');
      const read =
        form === 'application/x-pem-file' ? readPem(alone, '') : readPkcs12(Buffer.from(alone, 'base64'), '');
      await assert.rejects(read, { problem: 'no-key' });
    }
  });

  it('that is cut off or changed anywhere is taken or refused, and never brings the process down', async () => {
    const seen = new Set<string>();
    const next = numbers(7);
    const draw = (below: number) => next.next().value! % below;
    for (const file of files) {
      for (let length = 0; length < file.length; length += 41) {
        seen.add(await outcome(() => readPkcs12(file.subarray(0, length), 'pw')));
      }
      for (let round = 0; round < 150; round++) {
        const changed = Buffer.from(file);
        for (let count = draw(4); count >= 0; count--) changed[draw(changed.length)] = draw(256);
        seen.add(await outcome(() => readPkcs12(changed, 'pw')));
      }
    }
    assert.ok(seen.has('unreadable') && seen.has('password'), [...seen].join());
  });

  it('of text that is cut off or changed anywhere likewise', async () => {
    const next = numbers(11);
    for (let length = 0; length < pem.length; length += 17) await outcome(() => readPem(pem.slice(0, length), ''));
    for (let round = 0; round < 200; round++) {
      const at = next.next().value! % pem.length;
      await outcome(() =>
        readPem(`${pem.slice(0, at)}${String.fromCharCode(next.next().value! % 128)}${pem.slice(at + 1)}`, ''),
      );
    }
  });

  it('of many beginnings without an end is refused at once', async () => {
    const started = performance.now();
    assert.equal(await outcome(() => readPem('-----BEGIN CERTIFICATE-----\n'.repeat(9000), '')), 'unreadable');
    assert.ok(performance.now() - started < 1000);
  });
});
