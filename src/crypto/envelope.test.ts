import assert from 'node:assert/strict';
import { createDecipheriv, createSecretKey } from 'node:crypto';
import { describe, it } from 'node:test';
import { systemRandom } from '../base/system.ts';
import { EnvelopeFault, type EnvelopeKey, envelopeKeyId, openEnvelope, sealEnvelope } from './envelope.ts';

const random = systemRandom();
const keyOf = (id: string): EnvelopeKey => ({ id: id.repeat(32), key: createSecretKey(random.bytes(32)) });
const key = keyOf('a');
const binding = ['secret', 'vault', 'name', 'version'];
const plain = Buffer.from('the plaintext ключ');

describe('an envelope', () => {
  it('opens with its key and binding, for every length', () => {
    for (const length of [0, 1, 15, 16, 17, 25_600]) {
      const text = random.bytes(Math.max(1, length)).subarray(0, length);
      assert.deepEqual(openEnvelope(key, binding, sealEnvelope(key, binding, text, random)), text);
    }
    const asBytes = new Uint8Array(sealEnvelope(key, binding, plain, random));
    assert.deepEqual(openEnvelope(key, binding, asBytes), plain);
  });

  it('names its key, and has a nonce of its own each time', () => {
    const first = sealEnvelope(key, binding, plain, random);
    const second = sealEnvelope(key, binding, plain, random);
    assert.equal(envelopeKeyId(first), key.id);
    assert.notDeepEqual(first.subarray(17, 29), second.subarray(17, 29));
    assert.ok(!first.includes('plaintext'));
  });

  it('is AES-256-GCM over the lengths and texts of its binding', () => {
    const bytes = sealEnvelope(key, ['ab', 'c'], plain, random);
    const decipher = createDecipheriv('aes-256-gcm', key.key, bytes.subarray(17, 29));
    decipher.setAAD(Buffer.concat([Buffer.from(key.id, 'hex'), Buffer.from('2:ab1:c')]));
    decipher.setAuthTag(bytes.subarray(29, 45));
    assert.deepEqual(Buffer.concat([decipher.update(bytes.subarray(45)), decipher.final()]), plain);
  });

  it('opens for no other binding, however alike', () => {
    const bytes = sealEnvelope(key, binding, plain, random);
    for (const other of [
      ['secret', 'vault', 'name', 'versioo'],
      ['key', 'vault', 'name', 'version'],
      ['secret', 'vault', 'nameversion', ''],
      ['secret', 'vaultname', '', 'version'],
      ['secret', 'vault', 'name'],
      [...binding, ''],
      [],
      ['secret', 'vault', 'Name', 'version'],
    ]) {
      assert.throws(() => openEnvelope(key, other, bytes), EnvelopeFault, other.join());
    }
  });

  it('opens with no other key, also where that has the same id', () => {
    const bytes = sealEnvelope(key, binding, plain, random);
    assert.throws(() => openEnvelope(keyOf('b'), binding, bytes), /made under another key/);
    assert.throws(() => openEnvelope({ ...keyOf('b'), id: key.id }, binding, bytes), EnvelopeFault);
  });

  it('opens with no bit changed and no byte missing or added', () => {
    const bytes = sealEnvelope(key, binding, plain, random);
    for (let at = 0; at < bytes.length; at++) {
      for (const bit of [1, 0x80]) {
        const changed = Buffer.from(bytes);
        changed[at]! ^= bit;
        assert.throws(() => openEnvelope(key, binding, changed), EnvelopeFault, `byte ${at}`);
      }
      assert.throws(() => openEnvelope(key, binding, bytes.subarray(0, at)), EnvelopeFault, `cut at ${at}`);
    }
    assert.throws(() => openEnvelope(key, binding, Buffer.concat([bytes, Buffer.of(0)])), EnvelopeFault);
  });
});
