import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { type CertificatePlane, certificatePlane } from '../../tests/support/certificate-plane.ts';
import { DAY } from '../base/text.ts';
import { takeLease } from '../jobs/lease.ts';
import { purgeJob } from '../recovery/purge-job.ts';
import { backupCertificate, restoreCertificate } from './backup.ts';
import { setContacts } from './contacts.ts';
import { createCertificate } from './create.ts';
import { setIssuer } from './issuer-accounts.ts';
import { deleteCertificate, purgeCertificate } from './lifecycle.ts';
import { deletePending, getPending, updatePending } from './pending.ts';
import { getCertificate, updateCertificate } from './service.ts';

const YEAR = 365 * DAY;
const MINUTE = 60_000;

const policyOf = (issuer: string, change: object = {}) => ({
  key_props: { kty: 'EC', crv: 'P-256' },
  x509_props: { subject: 'CN=www.example.com', validity_months: 3 },
  issuer: { name: issuer },
  lifetime_actions: [{ trigger: { days_before_expiry: 45 }, action: { action_type: 'AutoRenew' } }],
  ...change,
});

describe('certificates over the years', () => {
  let plane: CertificatePlane;

  beforeEach(async () => {
    plane = await certificatePlane();
    await plane.ask(setIssuer, 'authority', { provider: 'Test', credentials: { account_id: 'a', pwd: 'hidden' } });
    await plane.ask(setContacts, '', { contacts: [{ email: 'a@example.com' }] });
  });
  afterEach(() => plane.cleanup());

  const create = (name: string, issuer: string, change: object = {}) =>
    plane.ask(createCertificate, name, { policy: policyOf(issuer, change) });
  const expiry = async (name: string): Promise<number> => {
    const { attributes } = await plane.ask(getCertificate, name);
    return attributes.exp * 1000;
  };
  const told = (certificate: string) => plane.notices.filter((notice) => notice.certificate === certificate);
  /** A day: the job looks, and again when the authority asked to be asked again. */
  const live = async () => {
    plane.clock.advance(DAY - 2 * MINUTE);
    await plane.turn();
    plane.clock.advance(2 * MINUTE);
    await plane.turn();
  };

  it('renews in time for three years, also past an authority that refuses or is silent for a month', async () => {
    await create('self', 'Self');
    await create('ordered', 'authority');
    await plane.turn();
    plane.clock.advance(2 * MINUTE);
    await plane.turn();
    const began = plane.clock.now();
    const versions = new Set<string>();
    const errors = new Set<string>();
    let shortest = Number.POSITIVE_INFINITY;
    while (plane.clock.now() < began + 3 * YEAR) {
      const day = Math.floor((plane.clock.now() - began) / DAY);
      plane.issuer.mood = day >= 400 && day < 430 ? 'refuses' : day >= 700 && day < 730 ? 'unreachable' : 'good';
      await live();
      for (const name of ['self', 'ordered']) {
        const left = (await expiry(name)) - plane.clock.now();
        assert.ok(left > 0, `${name} has expired on day ${day}`);
        shortest = Math.min(shortest, left);
        versions.add((await plane.ask(getCertificate, name)).id);
      }
      const pending = await plane.ask(getPending, 'ordered');
      if (pending.error) errors.add(`${pending.status}: ${pending.status_details}`);
    }
    assert.ok(shortest > 10 * DAY, `${shortest / DAY} days`);
    assert.ok(versions.size > 40, `${versions.size} versions`);
    assert.deepEqual([...errors].sort(), [
      'failed: The authority refuses for now.',
      'inProgress: The authority does not answer.',
    ]);
    assert.deepEqual(told('self'), []);
    const alarms = told('ordered').map(({ kind, reason }) => `${kind}: ${reason}`);
    assert.deepEqual([...new Set(alarms)].sort(), [
      'renewal-failed: The authority refuses for now.',
      'renewal-hindered: The authority does not answer.',
    ]);
    // Each day that nothing came of it, and not more often.
    assert.ok(alarms.length >= 20 && alarms.length <= 62, `${alarms.length} alarms`);
    assert.ok(told('ordered').every(({ contacts }) => contacts[0]?.email === 'a@example.com'));
    const renewal = plane.issuer.orders.at(-1)!;
    assert.ok(renewal.replaces && renewal.replaces.length > 100);
    assert.deepEqual(renewal.dnsNames, ['www.example.com']);
  });

  it('tells of a certificate that nobody can renew, more often towards its end, and of the end itself', async () => {
    await create('told', 'Self', {
      lifetime_actions: [{ trigger: { days_before_expiry: 30 }, action: { action_type: 'EmailContacts' } }],
    });
    const end = await expiry('told');
    while (plane.clock.now() < end + 30 * DAY) await live();
    const days = told('told').map(({ time, kind }) => `${kind} ${Math.round((end - time) / DAY)}`);
    assert.equal(days.filter((text) => text.startsWith('near-expiry')).length >= 10, true, days.join());
    assert.deepEqual(days.filter((text) => text.startsWith('expired')).length, 1, days.join());
  });

  it('tells of an issuer that is gone, and goes on when it is back', async () => {
    await create('left', 'authority');
    await plane.turn();
    plane.clock.advance(2 * MINUTE);
    await plane.turn();
    await plane.ask(setIssuer, 'authority', { provider: 'Another' });
    const end = await expiry('left');
    while (plane.clock.now() < end - 20 * DAY) await live();
    const { status, error } = await plane.ask(getPending, 'left');
    assert.deepEqual([status, error.code], ['inProgress', 'certificate-provider-unknown']);
    assert.ok(told('left').length > 3);
    await plane.ask(setIssuer, 'authority', { provider: 'Test' });
    for (let day = 0; day < 3; day++) await live();
    assert.ok((await expiry('left')) > end);
  });

  it('leaves alone what is disabled, and takes it up again when it is enabled', async () => {
    await create('idle', 'Self');
    const end = await expiry('idle');
    await plane.ask(updateCertificate, 'idle', { attributes: { enabled: false } });
    while (plane.clock.now() < end - 30 * DAY) await live();
    assert.equal(await expiry('idle'), end);
    await plane.ask(updateCertificate, 'idle', { attributes: { enabled: true } });
    await plane.turn();
    assert.ok((await expiry('idle')) > end);
  });

  it('follows a policy that was sent with an older version', async () => {
    await create('older', 'Self', { lifetime_actions: [] });
    const first = (await plane.ask(getCertificate, 'older')).id.split('/').at(-1);
    await create('older', 'Self', { lifetime_actions: [] });
    const end = await expiry('older');
    plane.clock.set(end - 40 * DAY);
    await plane.ask(updateCertificate, 'older', { policy: policyOf('Self') }, first);
    await plane.turn();
    assert.ok((await expiry('older')) > end);
  });

  it('are purged with key and secret when their retention has ended', async () => {
    await create('purged', 'Self');
    const { deletedDate } = await plane.ask((_parts, call) => deleteCertificate(call), 'purged');
    assert.ok(deletedDate > 0);
    const rows = async () => {
      const { db } = plane.store.reader;
      const counts = [];
      for (const table of [
        'certificates',
        'certificate_versions',
        'keys',
        'key_versions',
        'secrets',
        'secret_versions',
      ] as const) {
        counts.push((await db.selectFrom(table).select('name_key').execute()).length);
      }
      return counts;
    };
    assert.deepEqual(await rows(), [1, 1, 1, 1, 1, 1]);
    plane.clock.advance(91 * DAY);
    const now = plane.clock.now();
    await purgeJob(plane).run((await takeLease(plane.store, 'job/purge', 'test', now, MINUTE))!, now);
    assert.deepEqual(await rows(), [0, 0, 0, 0, 0, 0]);
  });

  it('tells the authority of an order that is cancelled or forgotten', async () => {
    for (const [name, giveUp, body] of [
      ['one', updatePending, { cancellation_requested: true }],
      ['two', deletePending, undefined],
    ] as const) {
      await create(name, 'authority');
      await plane.turn();
      await plane.ask(giveUp, name, body);
      plane.clock.advance(2 * MINUTE);
      await plane.turn();
      assert.equal((await plane.ask(getCertificate, name)).cer, undefined);
    }
    assert.equal(plane.issuer.cancelled.length, 2);
  });

  it('renews at once what comes back from a backup after its time', async () => {
    await create('self', 'Self');
    const { value } = await plane.ask(backupCertificate, 'self');
    const purge = async () => {
      await plane.ask((_parts, call) => deleteCertificate(call), 'self');
      await plane.ask((_parts, call) => purgeCertificate(call), 'self');
    };
    await purge();
    for (const days of [60, 200]) {
      plane.clock.advance(days * DAY);
      const restored = await plane.ask(restoreCertificate, '', { value });
      await plane.turn();
      const renewed = await plane.ask(getCertificate, 'self');
      assert.notEqual(renewed.id, restored.id, `after ${days} days more`);
      assert.ok(renewed.attributes.exp * 1000 > plane.clock.now() + 80 * DAY);
      await purge();
    }
  });

  it('cancels and forgets the operation that was meant, not the one that has followed it meanwhile', async () => {
    for (const [name, giveUp, body] of [
      ['one', updatePending, { cancellation_requested: true }],
      ['two', deletePending, undefined],
    ] as const) {
      await create(name, 'authority');
      await plane.turn();
      const { cancel } = plane.issuer;
      // While the authority is told, somebody else gives the operation up and begins another.
      Object.assign(plane.issuer, {
        cancel: async () => {
          Object.assign(plane.issuer, { cancel });
          await plane.ask(deletePending, name);
          await create(name, 'authority');
        },
      });
      await assert.rejects(plane.ask(giveUp, name, body), { code: 'certificate-pending-not-found' });
      assert.equal((await plane.ask(getPending, name)).status, 'inProgress');
    }
  });

  it('gives an order up that was being placed while its operation was ended', async () => {
    for (const [name, giveUp, body] of [
      ['one', updatePending, { cancellation_requested: true }],
      ['two', deletePending, undefined],
    ] as const) {
      await create(name, 'authority');
      const { order } = plane.issuer;
      Object.assign(plane.issuer, {
        order: async (...placed: Parameters<typeof order>) => {
          Object.assign(plane.issuer, { order });
          const progress = await order(...placed);
          await plane.ask(giveUp, name, body);
          return progress;
        },
      });
      await plane.turn();
    }
    assert.deepEqual(plane.issuer.cancelled, ['0', '1']);
  });
});
