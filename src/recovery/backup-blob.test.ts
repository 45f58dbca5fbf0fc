import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { type TestParts, testParts } from '../../tests/support/parts.ts';
import { sampleVault } from '../../tests/support/samples.ts';
import { sealEnvelope } from '../crypto/envelope.ts';
import type { BackedUpSecret } from '../secrets/backed-up-secret.ts';
import { openBackup, sealBackup } from './backup-blob.ts';

describe('the backup of a secret', () => {
  let parts: TestParts;
  let blob: string;
  const vault = sampleVault();
  const secret: BackedUpSecret = {
    name: 'Name',
    versions: [
      {
        version: '0'.repeat(32),
        sequence: 1,
        created: 1,
        updated: 2,
        enabled: 1,
        nbf: null,
        exp: 5,
        contentType: null,
        tags: '{"a":"b"}',
        previousVersion: null,
        value: 'the value ключ',
      },
    ],
  };
  const unreadable = { code: 'backup-unreadable' };

  before(async () => {
    parts = await testParts();
    blob = sealBackup(parts.keyring, parts.random, vault, 'secret', secret);
  });
  after(() => parts.cleanup());

  it('opens in every vault of its subscription and location, with padding too', () => {
    assert.deepEqual(openBackup(parts.keyring, vault, 'secret', blob), secret);
    const other = sampleVault({ id: 'other', name: 'other-vault' });
    assert.deepEqual(openBackup(parts.keyring, other, 'secret', blob), secret);
    assert.deepEqual(openBackup(parts.keyring, vault, 'secret', `${blob}==`), secret);
  });

  it('tells nothing of what is in it, and is never the same twice', () => {
    const bytes = Buffer.from(blob, 'base64url');
    assert.ok(!bytes.includes('the value') && !bytes.includes('Name'));
    assert.notEqual(sealBackup(parts.keyring, parts.random, vault, 'secret', secret), blob);
  });

  it('opens in no other subscription, location or installation', async () => {
    for (const place of [
      sampleVault({ location: 'westeurope' }),
      sampleVault({ subscriptionId: '99999999-2222-4222-8222-222222222222' }),
    ]) {
      assert.throws(() => openBackup(parts.keyring, place, 'secret', blob), unreadable);
    }
    const other = await testParts();
    try {
      assert.throws(() => openBackup(other.keyring, vault, 'secret', blob), unreadable);
    } finally {
      await other.cleanup();
    }
  });

  it('opens whole and unaltered only', () => {
    for (let at = 0; at < blob.length; at++) {
      const changed = blob.slice(0, at) + (blob[at] === 'A' ? 'B' : 'A') + blob.slice(at + 1);
      assert.throws(() => openBackup(parts.keyring, vault, 'secret', changed), unreadable, `changed at ${at}`);
      assert.throws(() => openBackup(parts.keyring, vault, 'secret', blob.slice(0, at)), unreadable, `cut at ${at}`);
    }
    for (const other of ['', '!', ` ${blob}`, `${blob}A`, blob + blob]) {
      assert.throws(() => openBackup(parts.keyring, vault, 'secret', other), unreadable);
    }
  });

  it('of another kind of object does not open as a secret', () => {
    const key = parts.keyring.purposeKey('backup-blobs', `${vault.subscriptionId}/${vault.location}`);
    const binding = ['backup', 'key', vault.subscriptionId, vault.location];
    const other = sealEnvelope(key, binding, Buffer.from(JSON.stringify(secret)), parts.random).toString('base64url');
    assert.throws(() => openBackup(parts.keyring, vault, 'secret', other), unreadable);
  });

  it('is a text', () => {
    for (const other of [undefined, null, 5, {}, [blob]]) {
      assert.throws(() => openBackup(parts.keyring, vault, 'secret', other), { code: 'property-invalid' });
    }
  });
});
