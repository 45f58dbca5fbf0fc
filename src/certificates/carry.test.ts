import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { type MovingPlane, movingPlane } from '../../tests/support/moving-plane.ts';
import type { Refusal } from '../refusals/refusal.ts';

const policy = {
  key_props: { kty: 'EC', crv: 'P-256' },
  x509_props: { subject: 'CN=left.example' },
  issuer: { name: 'Self' },
};

describe('certificates of a vault that is moved', () => {
  let plane: MovingPlane;
  before(async () => {
    plane = await movingPlane();
    await plane.makeVault('old');
    await plane.data('old', 'CertificateCreate', { name: 'web' }, { policy });
    await plane.data('old', 'CertificateCreate', { name: 'gone' }, { policy });
    await plane.data('old', 'CertificateDelete', { name: 'gone' });
    await plane.data('old', 'SecretSet', { name: 'zebra' }, { value: 'carried' });
  });
  after(() => plane.cleanup());
  const ask = (verb: 'plan' | 'apply' | 'finish' | 'abandon', properties: object = {}) =>
    plane.move(verb, properties, { vault: 'old' });
  const refusedFor = (code: string) => (error: Refusal) => {
    assert.equal(error.code, code, error.message);
    return true;
  };

  it('are named as left, with neither key nor secret of theirs carried, and the old vault is not closed over them', async () => {
    const order = { to: 'fresh', sku: 'standard' };
    const left = [
      { name: 'certificates/gone', reason: 'deleted-certificate' },
      { name: 'certificates/web', reason: 'certificate' },
    ];
    assert.deepEqual((await ask('plan', order)).left, left);
    assert.deepEqual((await ask('apply', order)).carried > 0, true);
    assert.equal((await plane.data('fresh', 'SecretGet', { name: 'zebra' })).value, 'carried');
    await assert.rejects(plane.data('fresh', 'SecretGet', { name: 'web' }), refusedFor('secret-not-found'));
    await assert.rejects(plane.data('fresh', 'KeyGet', { name: 'web' }), refusedFor('key-not-found'));
    await assert.rejects(ask('finish'), refusedFor('vault-move-leaves'));
    assert.equal((await plane.vault('old'))!.deleted, null);
  });

  it('can be made in the new vault, which is then not given up unsaid', async () => {
    await plane.data('fresh', 'CertificateCreate', { name: 'web' }, { policy });
    await assert.rejects(ask('abandon'), refusedFor('vault-move-used'));
    assert.deepEqual((await ask('finish', { acceptLosses: true })).state, 'finished');
    assert.equal((await plane.data('fresh', 'SecretGet', { name: 'web' })).managed, true);
  });
});
