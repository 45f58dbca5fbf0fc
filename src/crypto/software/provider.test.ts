import assert from 'node:assert/strict';
import {
  constants,
  createDecipheriv,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  hash,
  type KeyObject,
  privateDecrypt,
  publicEncrypt,
  sign,
  verify,
} from 'node:crypto';
import { describe, it } from 'node:test';
import { systemRandom } from '../../base/system.ts';
import { type CurveName, cipherAlgorithms, curves, releaseAlgorithms, signatureAlgorithms } from '../algorithms.ts';
import { KeyInputFault, type KeySpec, type MadeKey, type RsaPublicMembers, type StoredKey } from '../key-provider.ts';
import { wrapForRecipient } from './key-wrapping.ts';
import { LibCrypto } from './libcrypto.ts';
import { SoftwareProvider } from './provider.ts';

const random = systemRandom();
const provider = new SoftwareProvider(random);
const message = Buffer.from('a message of some length');

function stored(key: MadeKey, id = 'v/n/1'): StoredKey {
  return { id, spec: key.spec, publicMembers: key.publicMembers, open: async () => Buffer.from(key.material) };
}

function publicObject(key: MadeKey) {
  const members = key.publicMembers;
  const jwk =
    'crv' in members
      ? { ...members, kty: 'EC', crv: curves[members.crv as CurveName].jwk }
      : { ...members, kty: 'RSA' };
  return createPublicKey({ key: jwk, format: 'jwk' });
}

const rsa = await provider.generate({ family: 'RSA', bits: 2048, publicExponent: 65_537 });

describe('signatures of software keys', () => {
  it('waits its turn where more are asked for at once than the binding takes', async () => {
    const digest = hash('sha256', message, 'buffer');
    const asked = Array.from({ length: 400 }, () => provider.sign(stored(rsa), signatureAlgorithms['RS256']!, digest));
    const signatures = await Promise.all(asked);
    assert.equal(new Set(signatures.map((signature) => signature.toString('hex'))).size, 1);
  });

  for (const [name, algorithm] of Object.entries(signatureAlgorithms)) {
    if (algorithm.family === 'oct' || name === 'RSNULL') continue;
    it(`${name} signs a digest as OpenSSL signs the message, and verifies what OpenSSL signed`, async () => {
      const digestName = algorithm.digest ?? `sha${algorithm.digestBytes! * 8}`;
      const digest = hash(digestName, message, 'buffer');
      const key = algorithm.curve ? await provider.generate({ family: 'EC', curve: algorithm.curve }) : rsa;
      const mine = stored(key, `v/${name}/1`);
      const options = algorithm.curve
        ? ({ dsaEncoding: 'ieee-p1363' } as const)
        : algorithm.padding === 'pss'
          ? { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: digest.length }
          : { padding: constants.RSA_PKCS1_PADDING };
      const signature = await provider.sign(mine, algorithm, digest);
      assert.equal(verify(digestName, message, { key: publicObject(key), ...options }, signature), true);
      const privateKey = createPrivateKey({ key: Buffer.from(key.material), format: 'der', type: 'pkcs8' });
      const theirs = sign(digestName, message, { key: privateKey, ...options });
      assert.equal(await provider.verify(mine, algorithm, digest, theirs), true);
      theirs[theirs.length - 1]! ^= 1;
      assert.equal(await provider.verify(mine, algorithm, digest, theirs), false);
      assert.equal(await provider.verify(mine, algorithm, digest, Buffer.alloc(3)), false);
    });
  }

  for (const name of ['ES256K', 'ES384', 'ES512']) {
    it(`${name} leaves the event loop free, whose signatures and verifications take up to two milliseconds`, async () => {
      const algorithm = signatureAlgorithms[name]!;
      const key = stored(await provider.generate({ family: 'EC', curve: algorithm.curve! }), `v/${name}/free`);
      const digest = Buffer.alloc(algorithm.digestBytes!, 1);
      const signature = await provider.sign(key, algorithm, digest);
      const busyDuring = async (work: () => Promise<unknown>) => {
        const { active } = performance.eventLoopUtilization();
        for (let round = 0; round < 20; round++) await work();
        return performance.eventLoopUtilization().active - active;
      };
      const started = performance.now();
      const busy =
        (await busyDuring(() => provider.sign(key, algorithm, digest))) +
        (await busyDuring(() => provider.verify(key, algorithm, digest, signature)));
      assert.ok(busy < (performance.now() - started) / 2, `${busy}`);
    });
  }

  it('signs many digests at once with one key', async () => {
    const algorithm = signatureAlgorithms['RS256']!;
    const digests = Array.from({ length: 64 }, (_, index) => hash('sha256', String(index), 'buffer'));
    const signatures = await Promise.all(digests.map((digest) => provider.sign(stored(rsa), algorithm, digest)));
    for (const [index, signature] of signatures.entries()) {
      assert.equal(verify('sha256', Buffer.from(String(index)), publicObject(rsa), signature), true);
    }
  });
});

describe('RSA encryption', () => {
  for (const [name, padding, oaepHash] of [
    ['RSA1_5', constants.RSA_PKCS1_PADDING, undefined],
    ['RSA-OAEP', constants.RSA_PKCS1_OAEP_PADDING, 'sha1'],
    ['RSA-OAEP-256', constants.RSA_PKCS1_OAEP_PADDING, 'sha256'],
  ] as const) {
    it(`${name} goes both ways between OpenSSL and the provider`, async () => {
      const algorithm = cipherAlgorithms[name]!;
      const options = { padding, ...(oaepHash && { oaepHash }) };
      const sealed = await provider.encrypt(stored(rsa), algorithm, { value: message, iv: null, aad: null });
      const privateKey = createPrivateKey({ key: Buffer.from(rsa.material), format: 'der', type: 'pkcs8' });
      assert.deepEqual(privateDecrypt({ key: privateKey, ...options }, sealed.value), message);
      const theirs = publicEncrypt({ key: publicObject(rsa), ...options }, message);
      assert.deepEqual(
        await provider.decrypt(stored(rsa), algorithm, { value: theirs, iv: null, aad: null, tag: null }),
        message,
      );
    });
  }

  it('refuses a value that is too long and a ciphertext of another length', async () => {
    const algorithm = cipherAlgorithms['RSA-OAEP-256']!;
    const plain = { value: Buffer.alloc(191), iv: null, aad: null };
    await assert.rejects(provider.encrypt(stored(rsa), algorithm, plain), KeyInputFault);
    const sealed = { value: Buffer.alloc(256), iv: null, aad: null, tag: null };
    await assert.rejects(provider.decrypt(stored(rsa), algorithm, sealed), KeyInputFault);
  });

  it('gives other bytes for a wrong PKCS #1 v1.5 padding, not an error', async () => {
    const sealed = { value: Buffer.alloc(256, 1), iv: null, aad: null, tag: null };
    const opened = await provider.decrypt(stored(rsa), cipherAlgorithms['RSA1_5']!, sealed);
    assert.ok(opened.length < 256);
  });
});

describe('symmetric keys', () => {
  for (const [name, algorithm] of Object.entries(cipherAlgorithms)) {
    if (algorithm.family !== 'oct') continue;
    it(`${name} opens what it sealed, and nothing that was changed`, async () => {
      const bits = algorithm.bits ?? 256;
      const key = stored(await provider.generate({ family: 'oct', bits }), `v/${name}/1`);
      const value = algorithm.mode === 'cbc' || algorithm.mode === 'wrap' ? Buffer.alloc(32, 7) : message;
      const iv = algorithm.mode.startsWith('cbc') ? random.bytes(16) : null;
      const aad = algorithm.mode === 'gcm' ? Buffer.from('bound') : null;
      const sealed = await provider.encrypt(key, algorithm, { value, iv, aad });
      assert.deepEqual(await provider.decrypt(key, algorithm, sealed), value);
      if (algorithm.mode === 'cbc') return;
      const changed = Buffer.from(sealed.value);
      changed[changed.length - 1]! ^= 1;
      if (algorithm.mode === 'cbc-padded') {
        await assert.rejects(
          provider.decrypt(key, algorithm, { ...sealed, value: changed.subarray(1) }),
          KeyInputFault,
        );
      } else {
        await assert.rejects(provider.decrypt(key, algorithm, { ...sealed, value: changed }), KeyInputFault);
      }
    });
  }

  it('neither wraps nothing nor unwraps it', async () => {
    const key = stored(await provider.generate({ family: 'oct', bits: 128 }), 'v/empty/1');
    const nothing = { value: Buffer.alloc(0), iv: null, aad: null, tag: null };
    for (const name of ['A128KW', 'CKM_AES_KEY_WRAP', 'CKM_AES_KEY_WRAP_PAD']) {
      await assert.rejects(provider.encrypt(key, cipherAlgorithms[name]!, nothing), KeyInputFault);
      await assert.rejects(provider.decrypt(key, cipherAlgorithms[name]!, nothing), KeyInputFault);
    }
  });

  it('takes no nonce for GCM', async () => {
    const key = stored(await provider.generate({ family: 'oct', bits: 256 }), 'v/gcm/2');
    const plain = { value: message, iv: Buffer.alloc(12), aad: null };
    await assert.rejects(provider.encrypt(key, cipherAlgorithms['A256GCM']!, plain), KeyInputFault);
  });
});

describe('keys that are taken in', () => {
  for (const spec of [
    { family: 'RSA', bits: 2048, publicExponent: 65_537 },
    ...Object.keys(curves).map((curve) => ({ family: 'EC', curve })),
  ] as KeySpec[]) {
    it(`takes a ${'curve' in spec ? spec.curve : 'RSA'} key, and refuses halves of two`, async () => {
      const [key, other] = await Promise.all([
        jwkOf(await provider.generate(spec)),
        jwkOf(await provider.generate(spec)),
      ]);
      const members = 'curve' in spec ? { ...key, crv: spec.curve } : key;
      const taken = await provider.importKey({ family: spec.family, members });
      assert.deepEqual(taken.spec, spec);
      const mixed = 'curve' in spec ? { ...members, d: other.d! } : { ...members, n: other.n! };
      await assert.rejects(provider.importKey({ family: spec.family, members: mixed }), KeyInputFault);
    });
  }
});

/** What a recipient does with a released key, with nothing of ours. */
function openReleased(ciphertext: Buffer, key: KeyObject, oaepHash: string): Buffer {
  const aesKey = privateDecrypt(
    { key, padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash },
    ciphertext.subarray(0, 256),
  );
  const decipher = createDecipheriv('id-aes256-wrap-pad', aesKey, Buffer.from('a65959a6', 'hex'));
  return Buffer.concat([decipher.update(ciphertext.subarray(256)), decipher.final()]);
}

describe('keys that leave and arrive wrapped', () => {
  const recipient = rsa.publicMembers as RsaPublicMembers;
  const key = createPrivateKey({ key: Buffer.from(rsa.material), format: 'der', type: 'pkcs8' });
  const specs: readonly KeySpec[] = [
    { family: 'RSA', bits: 2048, publicExponent: 65_537 },
    ...(Object.keys(curves) as CurveName[]).map((curve) => ({ family: 'EC' as const, curve })),
    { family: 'oct', bits: 128 },
    { family: 'oct', bits: 256 },
  ];
  for (const spec of specs) {
    it(`a ${'curve' in spec ? spec.curve : `${spec.family} ${spec.bits}`} key opens for its recipient, and comes in again`, async () => {
      const made = await provider.generate(spec);
      const material = Buffer.from(made.material);
      for (const algorithm of Object.values(releaseAlgorithms)) {
        const ciphertext = await provider.release(stored(made), algorithm, recipient);
        assert.deepEqual(openReleased(ciphertext, key, algorithm.digest), material);
        assert.equal(ciphertext.includes(material.subarray(0, 16)), false);
      }
      const first = await provider.release(stored(made), releaseAlgorithms['CKM_RSA_AES_KEY_WRAP']!, recipient);
      const second = await provider.release(stored(made), releaseAlgorithms['CKM_RSA_AES_KEY_WRAP']!, recipient);
      assert.notDeepEqual(first, second, 'each release has an AES key of its own');
      const taken = await provider.importWrapped(stored(rsa, 'v/kek/1'), first, spec.family);
      assert.deepEqual([taken.spec, taken.publicMembers, taken.material], [spec, made.publicMembers, material]);
    });
  }

  it('is not taken in where anything of it was changed, or it is of another family', async () => {
    const made = await provider.generate({ family: 'oct', bits: 256 });
    const ciphertext = await provider.release(stored(made), releaseAlgorithms['CKM_RSA_AES_KEY_WRAP']!, recipient);
    const other = await provider.release(stored(made), releaseAlgorithms['RSA_AES_KEY_WRAP_256']!, recipient);
    const exchange = stored(rsa, 'v/kek/1');
    const changed = (at: number) => {
      const copy = Buffer.from(ciphertext);
      copy[at]! ^= 1;
      return copy;
    };
    for (const wrong of [
      changed(0),
      changed(255),
      changed(256),
      changed(ciphertext.length - 1),
      ciphertext.subarray(0, 256),
      ciphertext.subarray(0, -8),
      Buffer.concat([ciphertext, Buffer.alloc(8)]),
      Buffer.alloc(0),
      other,
    ]) {
      await assert.rejects(provider.importWrapped(exchange, wrong, 'oct'), KeyInputFault);
    }
    await assert.rejects(provider.importWrapped(exchange, ciphertext, 'RSA'), KeyInputFault);
    const small = generateKeyPairSync('rsa', { modulusLength: 1024 }).privateKey.export({
      type: 'pkcs8',
      format: 'der',
    });
    const wrapped = wrapForRecipient(small, recipient, 'sha1', random);
    await assert.rejects(provider.importWrapped(exchange, wrapped, 'RSA'), KeyInputFault);
    const curve = generateKeyPairSync('ec', { namedCurve: 'brainpoolP256r1' }).privateKey;
    const unknown = wrapForRecipient(curve.export({ type: 'pkcs8', format: 'der' }), recipient, 'sha1', random);
    await assert.rejects(provider.importWrapped(exchange, unknown, 'EC'), KeyInputFault);
  });

  it('overwrites the material that was opened for it', async () => {
    const made = await provider.generate({ family: 'oct', bits: 256 });
    let opened = Buffer.alloc(0);
    const open = async () => {
      opened = Buffer.from(made.material);
      return opened;
    };
    await provider.release({ ...stored(made), open }, releaseAlgorithms['RSA_AES_KEY_WRAP_384']!, recipient);
    assert.deepEqual(opened, Buffer.alloc(32));
  });
});

function jwkOf(key: MadeKey): Record<string, string> {
  const object = createPrivateKey({ key: Buffer.from(key.material), format: 'der', type: 'pkcs8' });
  const { kty: _, ...members } = object.export({ format: 'jwk' }) as Record<string, string>;
  return members;
}

describe('a machine without the functions of OpenSSL', () => {
  it('says what is missing', async () => {
    const bring = () => Promise.reject(new Error('Cannot find package koffi'));
    await assert.rejects(LibCrypto.load(bring), {
      code: 'key-provider-unavailable',
      message: /need the package koffi/,
    });
  });
});
