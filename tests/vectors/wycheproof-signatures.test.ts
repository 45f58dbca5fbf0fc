import assert from 'node:assert/strict';
import { createPrivateKey, hash } from 'node:crypto';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, before, describe, it } from 'node:test';
import { getToken, resources } from '../support/http.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { fromHex, readWycheproof, Tally, titleOf, VectorVault, type WycheproofGroup } from './wycheproof.ts';

/**
 * Only `valid` is right; what Wycheproof finds acceptable (a DigestInfo without its NULL) is not.
 *
 * What others found wrong in implementations of signatures (Wycheproof), asked of the server. The vectors have public keys alone,
 * and the server takes in whole ones: so keys are made, and their public halves are put in the place of those while it stands
 * still. Verifying asks for nothing else.
 */
const files: Readonly<Record<string, readonly [alg: string, digest: string]>> = {
  rsa_signature_2048_sha256: ['RS256', 'sha256'],
  rsa_signature_3072_sha256: ['RS256', 'sha256'],
  rsa_signature_2048_sha384: ['RS384', 'sha384'],
  rsa_signature_3072_sha512: ['RS512', 'sha512'],
  rsa_signature_4096_sha512: ['RS512', 'sha512'],
  rsa_pss_2048_sha256_mgf1_32: ['PS256', 'sha256'],
  rsa_pss_3072_sha256_mgf1_32: ['PS256', 'sha256'],
  rsa_pss_2048_sha384_mgf1_48: ['PS384', 'sha384'],
  rsa_pss_4096_sha512_mgf1_64: ['PS512', 'sha512'],
  // A salt of another length than the digest's is another algorithm.
  rsa_pss_2048_sha256_mgf1_0: ['PS256', 'sha256'],
  rsa_pss_4096_sha512_mgf1_32: ['PS512', 'sha512'],
  ecdsa_secp256r1_sha256_p1363: ['ES256', 'sha256'],
  ecdsa_secp384r1_sha384_p1363: ['ES384', 'sha384'],
  ecdsa_secp521r1_sha512_p1363: ['ES512', 'sha512'],
  ecdsa_secp256k1_sha256_p1363: ['ES256K', 'sha256'],
};
const curves: Readonly<Record<string, readonly [crv: string, bytes: number]>> = {
  ES256: ['P-256', 32],
  ES384: ['P-384', 48],
  ES512: ['P-521', 66],
  ES256K: ['P-256K', 32],
};
const groups = new Map<string, { readonly path: string; readonly group: WycheproofGroup }[]>();
let server: TestServer;
let vault: VectorVault;

before(async () => {
  const first = await startServer({ store: 'sqlite' });
  vault = new VectorVault(first, await getToken(first, resources.data));
  const publicKeys = new Map<string, object>();
  for (const [file, [alg]] of Object.entries(files)) {
    const known: { path: string; group: WycheproofGroup }[] = [];
    for (const [index, group] of readWycheproof(file).entries()) {
      const name = `${file.replaceAll('_', '-')}-${index}`;
      const curve = curves[alg];
      const made = await vault.ask(
        'POST',
        `/keys/${name}/create`,
        curve ? { kty: 'EC', crv: curve[0] } : { kty: 'RSA' },
      );
      assert.equal(made.status, 200, made.text);
      publicKeys.set(name, publicMembersOf(group, alg));
      known.push({ path: `/keys/${name}`, group });
    }
    groups.set(file, known);
  }
  const { dataDir } = first;
  await first.stop({ keep: true });
  const database = new DatabaseSync(join(dataDir, 'strongroom.db'));
  const change = database.prepare('update key_versions set public_key = ? where name_key = ?');
  for (const [name, members] of publicKeys) assert.equal(change.run(JSON.stringify(members), name).changes, 1);
  database.close();
  server = await startServer({ dataDir, store: 'sqlite' });
  vault = new VectorVault(server, await getToken(server, resources.data));
});
after(() => server.stop());

describe('signatures', () => {
  for (const [file, [alg, digestName]] of Object.entries(files)) {
    const isOtherSalt = /_0$|sha512_mgf1_32$/.test(file);
    // Among those is the one case whose salt was made as long as the digest.
    const ownSalt = `s_len changed to ${Number(digestName.slice(3)) / 8}`;
    it(`by ${alg} are right where the vectors say so, with a salt as long as the digest (${file})`, async () => {
      const tally = new Tally();
      for (const { path, group } of groups.get(file)!) {
        for (const one of group.tests) {
          tally.add(one);
          const digest = hash(digestName, Buffer.from(String(one['msg']), 'hex'), 'buffer').toString('base64url');
          const reply = await vault.ask('POST', `${path}/verify`, { alg, digest, value: fromHex(one['sig']) });
          assert.equal(reply.status, 200, titleOf(file, one));
          const isRight = isOtherSalt ? one.comment === ownSalt : one.result === 'valid';
          assert.equal(reply.body.value, isRight, titleOf(file, one));
        }
      }
      tally.assertAtLeast(7, 40);
    });
  }

  for (const bits of [2048, 3072, 4096]) {
    it(`by PKCS #1 v1.5 of ${bits} bits are those of the vectors`, async () => {
      const file = `rsa_pkcs1_${bits}_sig_gen`;
      let signed = 0;
      for (const group of readWycheproof(file)) {
        const [, size = ''] = /^SHA-(256|384|512)$/.exec(String(group['sha'])) ?? [];
        if (size === '') continue;
        const key = createPrivateKey(String(group['privateKeyPem'])).export({ format: 'jwk' });
        const path = await vault.take(key);
        for (const one of group.tests) {
          const digest = hash(`sha${size}`, Buffer.from(String(one['msg']), 'hex'), 'buffer').toString('base64url');
          const made = await vault.ask('POST', `${path}/sign`, { alg: `RS${size}`, value: digest });
          assert.equal(made.body.value, fromHex(one['sig']), titleOf(file, one));
          signed += 1;
        }
      }
      assert.ok(signed >= 10, `${signed} signatures`);
    });
  }
});

describe('message authentication codes', () => {
  for (const size of [256, 384, 512]) {
    it(`by HS${size} are made and found right; shorter ones are wrong`, async () => {
      const file = `hmac_sha${size}`;
      let seen = 0;
      for (const group of readWycheproof(file)) {
        if (![128, 192, 256].includes(group['keySize'] as number)) continue;
        for (const one of group.tests) {
          seen += 1;
          const path = await vault.take({ kty: 'oct', k: fromHex(one['key']) });
          const [digest, value] = [fromHex(one['msg']), fromHex(one['tag'])];
          const reply = await vault.ask('POST', `${path}/verify`, { alg: `HS${size}`, digest, value });
          const isWhole = group['tagSize'] === size;
          assert.equal(reply.body.value, one.result === 'valid' && isWhole, titleOf(file, one));
          if (one.result !== 'valid') continue;
          const made = await vault.ask('POST', `${path}/sign`, { alg: `HS${size}`, value: digest });
          assert.ok(made.body.value.startsWith(isWhole ? value : ''), titleOf(file, one));
        }
      }
      assert.ok(seen >= 3, `${seen} cases`);
    });
  }
});

/** The public half as the server keeps it. */
function publicMembersOf(group: WycheproofGroup, alg: string): object {
  const { modulus, publicExponent, wx, wy } = group['publicKey'] as Record<string, string>;
  const number = (hex = '', bytes?: number) => {
    const digits = hex.replace(/^(00)+(?=.)/, '');
    const even = digits.length % 2 === 0 ? digits : `0${digits}`;
    return fromHex(bytes === undefined ? even : even.padStart(bytes * 2, '0'));
  };
  const curve = curves[alg];
  if (!curve) return { n: number(modulus), e: number(publicExponent) };
  const [crv, bytes] = curve;
  return { crv, x: number(wx, bytes), y: number(wy, bytes) };
}
