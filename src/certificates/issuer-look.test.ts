import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { type CertificatePlane, certificatePlane, type Mood } from '../../tests/support/certificate-plane.ts';
import { DAY } from '../base/text.ts';
import type { Call } from '../operations/operation.ts';
import { setContacts } from './contacts.ts';
import { dueOperations } from './due.ts';
import { setIssuer } from './issuer-accounts.ts';
import { noticeMail } from './notice-mail.ts';

describe('the daily look at an issuer', () => {
  let plane: CertificatePlane;
  const register = (provider = 'Test', more: object = {}) =>
    plane.ask(setIssuer, 'authority', { provider, credentials: { account_id: 'a', pwd: 'hidden-words' }, ...more });
  const live = async (mood: Mood, days: number) => {
    plane.issuer.mood = mood;
    for (let day = 0; day < days; day++) {
      plane.clock.advance(DAY);
      await plane.turn();
    }
  };
  const told = () => plane.notices.map(({ kind, certificate }) => `${kind} ${certificate}`);
  const failing = async () => {
    const parameters = { subscriptionId: plane.subscriptionId };
    const call = { parameters, query: {}, time: plane.clock.now() } as unknown as Call;
    return ((await dueOperations(plane.parts)[0]!.run(call)).body as { issuers: { why: string }[] }).issuers;
  };

  beforeEach(async () => {
    plane = await certificatePlane();
    await register();
    await plane.ask(setContacts, '', { contacts: [{ email: 'a@example.com' }] });
  });
  afterEach(() => plane.cleanup());

  it('tells at once of credentials that are not taken, weekly while it lasts, and of its end', async () => {
    await live('good', 3);
    assert.deepEqual([told(), await failing()], [[], []]);
    await live('knows-nobody', 9);
    assert.deepEqual(told(), Array(2).fill('issuer-failing issuers/authority'));
    const [shown] = await failing();
    assert.deepEqual(shown, {
      vault: 'certificates',
      issuer: 'authority',
      provider: 'Test',
      since: new Date(plane.clock.now() - 8 * DAY).toISOString(),
      why: 'The account key has ended.',
    });
    await live('good', 2);
    assert.deepEqual([told()[2], told().length, await failing()], ['issuer-recovered issuers/authority', 3, []]);
    const mails = plane.notices.map((notice) => noticeMail(notice));
    assert.match(mails[0]!.text, /would take no order now\.\n\nReason: The account key has ended\./);
    assert.match(mails[2]!.subject, /^Issuer authority in certificates: takes orders again$/);
    assert.doesNotMatch(JSON.stringify(plane.notices), /hidden-words/);
  });

  it("waits two days before an authority that does not answer is anybody's matter", async () => {
    await live('unreachable', 2);
    assert.deepEqual(told(), []);
    await live('unreachable', 1);
    assert.deepEqual(told(), ['issuer-failing issuers/authority']);
  });

  it('looks at once where an issuer was set anew, and never where it is disabled', async () => {
    await live('knows-nobody', 1);
    assert.equal((await failing()).length, 1);
    await register('Test', { attributes: { enabled: false } });
    await live('knows-nobody', 3);
    assert.deepEqual([told().length, await failing()], [1, []]);
    await register('Nobody');
    await plane.turn();
    assert.match((await failing())[0]!.why, /it is not set up|provider/i);
  });

  it('tells of a look that fails in a way nobody foresaw, and looks at the others all the same', async () => {
    const { issuer } = plane;
    const check = issuer.check;
    Object.assign(issuer, { check: () => Promise.reject(new Error('The token has gone.')) });
    await plane.ask(setIssuer, 'zone', { provider: 'Nobody' });
    await live('good', 1);
    const found = (await failing()).map(({ why }) => why);
    assert.deepEqual([found.includes('The token has gone.'), found.length], [true, 2]);
    Object.assign(issuer, { check });
    await live('good', 1);
    assert.deepEqual(told().slice(-1), ['issuer-recovered issuers/authority']);
  });
});
