import assert from 'node:assert/strict';
import { createPublicKey, X509Certificate } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import { assignRole, groupScope, objectIdOf } from '../support/arm.ts';
import { call, getToken, type Reply, resources } from '../support/http.ts';
import { type OpenSsl, openSsl } from '../support/openssl.ts';
import { startServer, type TestServer } from '../support/server.ts';

let server: TestServer;
let token: string;
let openssl: OpenSsl;

before(async () => {
  openssl = openSsl();
  makeMaterial();
  server = await startServer();
  token = await getToken(server, resources.data);
  const manager = await getToken(server, resources.management);
  const administrator = { role: 'Key Vault Administrator', principalId: objectIdOf(token), scope: groupScope(server) };
  await assignRole(server, manager, administrator);
});

after(async () => {
  await server?.stop();
  openssl?.close();
});

/** A chain of three, and leaves of several kinds of key: `NAME.key` with `NAME.pem`. */
function makeMaterial(): void {
  const ec = '-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes';
  openssl.write('ca.ext', 'basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign\n');
  openssl.run(`req -x509 ${ec} -keyout root.key -out root.pem -days 3650 -subj /CN=Root`);
  openssl.run(`req ${ec} -keyout sub.key -out sub.csr -subj /CN=Sub`);
  openssl.run('x509 -req -in sub.csr -CA root.pem -CAkey root.key -days 3000 -extfile ca.ext -out sub.pem');
  const kinds = [
    ['rsa', '-newkey rsa:2048'],
    ['rsa3072', '-newkey rsa:3072'],
    ['small', '-newkey rsa:1024'],
    ['p256', '-newkey ec -pkeyopt ec_paramgen_curve:P-256'],
    ['p384', '-newkey ec -pkeyopt ec_paramgen_curve:P-384'],
    ['p521', '-newkey ec -pkeyopt ec_paramgen_curve:P-521'],
    ['k256', '-newkey ec -pkeyopt ec_paramgen_curve:secp256k1'],
    ['p224', '-newkey ec -pkeyopt ec_paramgen_curve:secp224r1'],
    ['edwards', '-newkey ed25519'],
  ];
  for (const [name, kind] of kinds) {
    openssl.run(`req ${kind} -nodes -keyout ${name}.key -out ${name}.csr -subj /CN=${name}.example.com`);
    openssl.run(`x509 -req -in ${name}.csr -CA sub.pem -CAkey sub.key -days 90 -out ${name}.pem`);
  }
  openssl.write('chain.pem', Buffer.concat([openssl.read('root.pem'), openssl.read('sub.pem')]));
  openssl.run('pkey -in rsa.key -traditional -out rsa1.key');
  openssl.run('ec -in p256.key -out sec1.key');
  openssl.run('pkcs8 -topk8 -in rsa.key -passout pass:pw -v2 aes-256-cbc -out sealed.key');
  openssl.run('pkcs8 -topk8 -in p256.key -passout pass:pw -v1 PBE-SHA1-3DES -out sealed3des.key');
  openssl.run('pkcs8 -topk8 -in rsa.key -passout pass:pw -scrypt -out scrypt.key');
  openssl.run('pkcs8 -topk8 -in rsa.key -passout pass:pw -iter 3000000 -out bomb.key');
  openssl.run('rsa -in rsa.key -aes256 -traditional -passout pass:pw -out legacy.key');
}

type Expected = { readonly leaf: string; readonly chain?: number } | RegExp;

interface Case {
  readonly title: string;
  /** Words after `openssl pkcs12 -export -out file.pfx`; or parts of a PEM file, names of files or text as it is. */
  readonly pfx?: string;
  readonly pem?: readonly string[];
  readonly value?: () => string;
  readonly password?: string;
  readonly expected: Expected;
}

const rsa = { leaf: 'rsa' };
const withChain = '-inkey rsa.key -in rsa.pem -certfile chain.pem';
const wrong = /password is wrong/;

const cases: readonly Case[] = [
  {
    title: 'PKCS #12 as OpenSSL 3 writes it',
    pfx: `${withChain} -passout pass:pw`,
    password: 'pw',
    expected: { ...rsa, chain: 2 },
  },
  { title: 'PKCS #12 of today with no password', pfx: '-inkey rsa.key -in rsa.pem -passout pass:', expected: rsa },
  {
    title: 'PKCS #12 of RC2-40 and 3DES',
    pfx: `${withChain} -legacy -passout pass:pw`,
    password: 'pw',
    expected: { ...rsa, chain: 2 },
  },
  {
    title: 'PKCS #12 of RC2-40 and 3DES with no password',
    pfx: '-inkey rsa.key -in rsa.pem -legacy -passout pass:',
    expected: rsa,
  },
  {
    title: 'PKCS #12 of RC2-40 throughout',
    pfx: '-inkey rsa.key -in rsa.pem -legacy -keypbe PBE-SHA1-RC2-40 -certpbe PBE-SHA1-RC2-40 -passout pass:pw',
    password: 'pw',
    expected: rsa,
  },
  {
    title: 'PKCS #12 of RC2-128',
    pfx: '-inkey rsa.key -in rsa.pem -legacy -keypbe PBE-SHA1-RC2-128 -certpbe PBE-SHA1-RC2-128 -passout pass:pw',
    password: 'pw',
    expected: rsa,
  },
  {
    title: 'PKCS #12 of RC4-128',
    pfx: '-inkey rsa.key -in rsa.pem -legacy -keypbe PBE-SHA1-RC4-128 -certpbe PBE-SHA1-RC4-128 -passout pass:pw',
    password: 'pw',
    expected: rsa,
  },
  {
    title: 'PKCS #12 of 3DES throughout',
    pfx: '-inkey rsa.key -in rsa.pem -keypbe PBE-SHA1-3DES -certpbe PBE-SHA1-3DES -macalg sha1 -passout pass:pw',
    password: 'pw',
    expected: rsa,
  },
  {
    title: 'PKCS #12 of two-key 3DES',
    pfx: '-inkey rsa.key -in rsa.pem -legacy -keypbe PBE-SHA1-2DES -certpbe PBE-SHA1-2DES -passout pass:pw',
    password: 'pw',
    expected: rsa,
  },
  {
    title: 'PKCS #12 of AES-128',
    pfx: '-inkey rsa.key -in rsa.pem -keypbe AES-128-CBC -certpbe AES-128-CBC -passout pass:pw',
    password: 'pw',
    expected: rsa,
  },
  {
    title: 'PKCS #12 of AES-256 with a MAC by SHA-512',
    pfx: '-inkey rsa.key -in rsa.pem -macalg sha512 -passout pass:pw',
    password: 'pw',
    expected: rsa,
  },
  {
    title: 'PKCS #12 that is not encrypted',
    pfx: '-inkey rsa.key -in rsa.pem -keypbe NONE -certpbe NONE -passout pass:pw',
    password: 'pw',
    expected: rsa,
  },
  {
    title: 'PKCS #12 of a plain certificate and a sealed key',
    pfx: '-inkey rsa.key -in rsa.pem -certpbe NONE -passout pass:pw',
    password: 'pw',
    expected: rsa,
  },
  {
    title: 'PKCS #12 without a MAC',
    pfx: '-inkey rsa.key -in rsa.pem -nomac -passout pass:pw',
    password: 'pw',
    expected: rsa,
  },
  {
    title: 'PKCS #12 with one round',
    pfx: '-inkey rsa.key -in rsa.pem -noiter -nomaciter -passout pass:pw',
    password: 'pw',
    expected: rsa,
  },
  {
    title: 'PKCS #12 with 100,000 rounds',
    pfx: '-inkey rsa.key -in rsa.pem -iter 100000 -passout pass:pw',
    password: 'pw',
    expected: rsa,
  },
  {
    title: 'PKCS #12 with a password beyond ASCII',
    pfx: '-inkey rsa.key -in rsa.pem -passout pass:pässwörd',
    password: 'pässwörd',
    expected: rsa,
  },
  {
    title: 'PKCS #12 with a friendly name',
    pfx: '-inkey rsa.key -in rsa.pem -name friend -passout pass:pw',
    password: 'pw',
    expected: rsa,
  },
  {
    title: 'PKCS #12 of RSA 3072',
    pfx: '-inkey rsa3072.key -in rsa3072.pem -passout pass:pw',
    password: 'pw',
    expected: { leaf: 'rsa3072' },
  },
  {
    title: 'PKCS #12 of P-256',
    pfx: '-inkey p256.key -in p256.pem -certfile chain.pem -passout pass:pw',
    password: 'pw',
    expected: { leaf: 'p256', chain: 2 },
  },
  {
    title: 'PKCS #12 of P-384',
    pfx: '-inkey p384.key -in p384.pem -passout pass:pw',
    password: 'pw',
    expected: { leaf: 'p384' },
  },
  {
    title: 'PKCS #12 of P-521',
    pfx: '-inkey p521.key -in p521.pem -legacy -passout pass:pw',
    password: 'pw',
    expected: { leaf: 'p521' },
  },
  {
    title: 'PKCS #12 of secp256k1',
    pfx: '-inkey k256.key -in k256.pem -passout pass:pw',
    password: 'pw',
    expected: { leaf: 'k256' },
  },
  {
    title: 'PKCS #12 with a wrong password',
    pfx: '-inkey rsa.key -in rsa.pem -passout pass:pw',
    password: 'wp',
    expected: wrong,
  },
  { title: 'PKCS #12 with its password left out', pfx: '-inkey rsa.key -in rsa.pem -passout pass:pw', expected: wrong },
  {
    title: 'PKCS #12 without a password, asked with one',
    pfx: '-inkey rsa.key -in rsa.pem -passout pass:',
    password: 'pw',
    expected: wrong,
  },
  {
    title: 'PKCS #12 without a MAC and with a wrong password',
    pfx: '-inkey rsa.key -in rsa.pem -nomac -passout pass:pw',
    password: 'wp',
    expected: wrong,
  },
  {
    title: 'PKCS #12 of the old ciphers with a wrong password',
    pfx: '-inkey rsa.key -in rsa.pem -legacy -passout pass:pw',
    password: 'wp',
    expected: wrong,
  },
  {
    title: 'PKCS #12 without a key',
    pfx: '-nokeys -in rsa.pem -passout pass:pw',
    password: 'pw',
    expected: /no private key/,
  },
  {
    title: 'PKCS #12 without a certificate',
    pfx: '-nocerts -inkey rsa.key -in rsa.key -passout pass:pw',
    password: 'pw',
    expected: /no certificate/,
  },
  {
    title: 'PKCS #12 with three million rounds',
    pfx: '-inkey rsa.key -in rsa.pem -iter 3000000 -passout pass:pw',
    password: 'pw',
    expected: /rounds/,
  },
  {
    title: 'PKCS #12 of RSA 1024',
    pfx: '-inkey small.key -in small.pem -passout pass:pw',
    password: 'pw',
    expected: /its key is neither/,
  },
  {
    title: 'PKCS #12 of P-224',
    pfx: '-inkey p224.key -in p224.pem -passout pass:pw',
    password: 'pw',
    expected: /its key is neither/,
  },
  {
    title: 'PKCS #12 of Ed25519',
    pfx: '-inkey edwards.key -in edwards.pem -passout pass:pw',
    password: 'pw',
    expected: /its key is neither/,
  },
  {
    title: 'PEM of PKCS #8, the chain after the leaf',
    pem: ['rsa.key', 'rsa.pem', 'sub.pem', 'root.pem'],
    expected: { ...rsa, chain: 2 },
  },
  {
    title: 'PEM in the wrong order',
    pem: ['root.pem', 'rsa.pem', 'rsa.key', 'sub.pem'],
    expected: { ...rsa, chain: 2 },
  },
  { title: 'PEM of PKCS #1', pem: ['rsa1.key', 'rsa.pem'], expected: rsa },
  { title: 'PEM of SEC 1, its parameters before it', pem: ['sec1.key', 'p256.pem'], expected: { leaf: 'p256' } },
  { title: 'PEM of P-521 in PKCS #8', pem: ['p521.key', 'p521.pem'], expected: { leaf: 'p521' } },
  { title: 'PEM of an encrypted key', pem: ['sealed.key', 'rsa.pem'], password: 'pw', expected: rsa },
  { title: 'PEM of a key under 3DES', pem: ['sealed3des.key', 'p256.pem'], password: 'pw', expected: { leaf: 'p256' } },
  { title: 'PEM of a key under scrypt', pem: ['scrypt.key', 'rsa.pem'], password: 'pw', expected: rsa },
  { title: 'PEM of a key encrypted the old way', pem: ['legacy.key', 'rsa.pem'], password: 'pw', expected: rsa },
  {
    title: 'PEM with comments and white space',
    pem: ['# a comment\n\n', 'rsa.key', 'subject=CN = x\n  \n', 'rsa.pem', 'end\n'],
    expected: rsa,
  },
  { title: 'PEM with CRLF', value: () => file(['rsa.key', 'rsa.pem']).replaceAll('\n', '\r\n'), expected: rsa },
  { title: 'PEM in base64', value: () => Buffer.from(file(['rsa.key', 'rsa.pem'])).toString('base64'), expected: rsa },
  { title: 'PEM with its key twice', pem: ['rsa.key', 'rsa.pem', 'rsa1.key'], expected: rsa },
  {
    title: 'PEM with a certificate twice',
    pem: ['rsa.key', 'rsa.pem', 'sub.pem', 'sub.pem', 'rsa.pem'],
    expected: { ...rsa, chain: 1 },
  },
  {
    title: 'PEM with two keys',
    pem: ['rsa.key', 'rsa.pem', 'p256.key', 'p256.pem'],
    expected: /more than one private key/,
  },
  {
    title: 'PEM of an encrypted key with a wrong password',
    pem: ['sealed.key', 'rsa.pem'],
    password: 'wp',
    expected: wrong,
  },
  { title: 'PEM of an encrypted key without its password', pem: ['sealed.key', 'rsa.pem'], expected: wrong },
  {
    title: 'PEM encrypted the old way with a wrong password',
    pem: ['legacy.key', 'rsa.pem'],
    password: 'wp',
    expected: wrong,
  },
  { title: 'PEM of a key with three million rounds', pem: ['bomb.key', 'rsa.pem'], password: 'pw', expected: /rounds/ },
  { title: 'PEM without a key', pem: ['rsa.pem', 'sub.pem'], expected: /no private key/ },
  { title: 'PEM without a certificate', pem: ['rsa.key'], expected: /no certificate/ },
  {
    title: 'PEM of a key and the certificate of another',
    pem: ['rsa.key', 'p256.pem'],
    expected: /none of its certificates/,
  },
  { title: 'PEM that does not end', value: () => file(['rsa.key', 'rsa.pem']).slice(0, -40), expected: /damaged/ },
  {
    title: 'PEM that is none within',
    value: () => file(['rsa.key', 'rsa.pem']).replace(/MII/g, '*!*'),
    expected: /damaged/,
  },
  { title: 'PEM of Ed25519', pem: ['edwards.key', 'edwards.pem'], expected: /its key is neither/ },
  {
    title: 'a PKCS #12 file that was cut off',
    value: () => pkcs12(`${withChain} -passout pass:pw`).slice(0, 2000),
    password: 'pw',
    expected: /damaged/,
  },
  {
    title: 'a certificate in DER',
    value: () => new X509Certificate(openssl.read('rsa.pem')).raw.toString('base64'),
    expected: /damaged/,
  },
  { title: 'text that is no base64', value: () => 'not base64!', expected: /damaged/ },
];

function file(parts: readonly string[]): string {
  return parts.map((part) => (/^\w+\.(key|pem)$/.test(part) ? openssl.read(part).toString() : part)).join('');
}

function pkcs12(words: string): string {
  openssl.run(`pkcs12 -export -out file.pfx ${words}`);
  return openssl.read('file.pfx').toString('base64');
}

function send(method: string, path: string, body?: object): Promise<Reply> {
  return call(server, { method, path: `${path}?api-version=7.6`, token, body });
}

describe('a file from outside', () => {
  for (const [index, { title, pfx, pem, value, password, expected }] of cases.entries()) {
    it(`is right or clearly refused: ${title}`, async () => {
      const content = value ? value() : pfx ? pkcs12(pfx) : file(pem!);
      const name = `import-${index}`;
      const form = content.includes('BEGIN') ? 'application/x-pem-file' : 'application/x-pkcs12';
      const body = { value: content, pwd: password, policy: { secret_props: { contentType: form } } };
      const reply = await send('POST', `/certificates/${name}/import`, body);
      if (expected instanceof RegExp) {
        assert.deepEqual([reply.status, reply.body.error.code], [400, 'BadParameter'], reply.text);
        assert.match(reply.body.error.message, expected);
        assert.equal((await send('GET', `/certificates/${name}`)).status, 404);
        return;
      }
      assert.equal(reply.status, 200, reply.text);
      const leaf = new X509Certificate(openssl.read(`${expected.leaf}.pem`));
      assert.equal(reply.body.cer, leaf.raw.toString('base64'));
      const { key } = (await send('GET', `/keys/${name}`)).body;
      const crv = key.crv === 'P-256K' ? 'secp256k1' : key.crv;
      assert.ok(leaf.publicKey.equals(createPublicKey({ key: { ...key, crv }, format: 'jwk' })));
      const secret = (await send('GET', `/secrets/${name}`)).body.value as string;
      openssl.write('back', form === 'application/x-pem-file' ? secret : Buffer.from(secret, 'base64'));
      const shown = form === 'application/x-pem-file' ? secret : openssl.run('pkcs12 -in back -passin pass: -nodes');
      assert.match(shown, /BEGIN PRIVATE KEY/);
      assert.equal(shown.match(/BEGIN CERTIFICATE/g)!.length, 1 + (expected.chain ?? 0));
    });
  }

  it('stalls nobody while it is worked on', async () => {
    const value = pkcs12('-inkey rsa.key -in rsa.pem -iter 400000 -passout pass:pw');
    const started = performance.now();
    const importing = send('POST', '/certificates/slow/import', { value, pwd: 'pw' });
    let slowest = 0;
    let isDone = false;
    void importing.finally(() => {
      isDone = true;
    });
    while (!isDone) {
      const asked = performance.now();
      await send('GET', '/secrets/nobody');
      slowest = Math.max(slowest, performance.now() - asked);
    }
    assert.equal((await importing).status, 200);
    const took = performance.now() - started;
    assert.ok(slowest < Math.max(150, took / 2), `${slowest} of ${took} ms`);
  });
});
