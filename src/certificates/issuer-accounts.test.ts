import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { type CertificatePlane, certificatePlane } from '../../tests/support/certificate-plane.ts';
import { envelopeKeyId } from '../crypto/envelope.ts';
import { moveEnvelopes } from '../crypto/move-envelopes.ts';
import { rotateVaultKey } from '../crypto/rotation-job.ts';
import { takeLease } from '../jobs/lease.ts';
import { issuerEnvelopes, openIssuer, setIssuer } from './issuer-accounts.ts';
import type { IssuerAccount } from './parts.ts';
import { issuerPage } from './repository.ts';

describe('the passwords of issuers', () => {
  let plane: CertificatePlane;
  before(async () => {
    plane = await certificatePlane();
  });
  after(() => plane.cleanup());

  it('are sealed anew with the key of their vault, and open as before', async () => {
    const { parts, vault, store, clock, keyring } = plane;
    const names = ['first', 'second', 'third'];
    for (const name of names) {
      await plane.ask(setIssuer, name, { provider: 'Test', credentials: { account_id: name, pwd: `pwd of ${name}` } });
    }
    await store.write((transaction) => rotateVaultKey(plane, transaction, vault.id, clock.now()));
    const newest = (await store.write((transaction) => keyring.vaultKey(transaction, vault.id))).id;
    const rows = () => issuerPage.all(store.reader, { vaultId: vault.id, after: '', limit: 10 });
    const keyIds = async () => new Set((await rows()).map(({ envelope }) => envelopeKeyId(envelope)));
    assert.equal((await keyIds()).has(newest), false);
    const lease = await takeLease(store, 'job/test', 'test', clock.now(), 60_000);
    const moving = { ...plane, envelopes: [issuerEnvelopes] };
    assert.equal((await moveEnvelopes(moving, lease!, vault.id, newest))?.size, 1);
    assert.deepEqual(await keyIds(), new Set([newest]));
    assert.equal((await moveEnvelopes(moving, lease!, vault.id, newest))?.size, 0);
    const opened: IssuerAccount[] = [];
    const issuerFor: typeof parts.issuerFor = async (account) => {
      opened.push(account);
      return plane.issuer;
    };
    for (const name of names) await openIssuer({ ...parts, issuerFor }, store.reader, vault, name);
    assert.deepEqual(
      opened.map(({ password }) => password),
      names.map((name) => `pwd of ${name}`),
    );
  });
});
