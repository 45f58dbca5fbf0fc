import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { type IdentityPlane, identityPlane, TENANT, type TestApplication } from '../../tests/support/identity-plane.ts';
import { DAY } from '../base/text.ts';
import { takeLease } from '../jobs/lease.ts';
import { findHostById } from '../resources/hosts.ts';
import { type Authenticator, createAuthenticator } from './authenticate.ts';
import { hastenKey, keyRotationJob, type RotationParts, revokeKey } from './key-rotation.ts';
import { OutsideIssuers } from './outside-issuers.ts';
import { SigningKeys } from './signing-keys.ts';
import { newKey, readKeys } from './stored-keys.ts';

const HOUR = 3_600_000;
const keyPolicy = { signsFor: 10 * DAY, announcedFor: 2 * DAY };

describe('the rotation of signing keys', () => {
  let plane: IdentityPlane;
  let application: TestApplication;
  let parts: RotationParts;
  /** Another process on the same store. */
  let elsewhere: Authenticator;

  beforeEach(async () => {
    plane = await identityPlane();
    application = await plane.application('reader');
    parts = { ...plane, keyPolicy };
    const keys = await SigningKeys.open(plane);
    const issuers = new OutsideIssuers([], plane.clock);
    elsewhere = createAuthenticator({ ...plane, issuers, keys, findHost: findHostById });
  });
  afterEach(() => plane.cleanup());

  const turn = async () => {
    const now = plane.clock.now();
    const lease = await takeLease(plane.store, 'job/signing-keys', 'test', now, 60_000);
    await keyRotationJob(parts).run(lease!, now);
  };
  const states = async () =>
    (await plane.signingKeys.current()).listAt(plane.clock.now()).map(({ state, canSign }) => `${state} ${canSign}`);
  const outcome = async (bearer: string, at: Authenticator = plane.authenticator) => {
    const result = await at.authenticate(`Bearer ${bearer}`, 'data', TENANT, plane.clock.now());
    return 'refusal' in result ? result.refusal : 'accepted';
  };
  const published = async () => {
    const { body } = await plane.login('GET', `/${TENANT}/discovery/v2.0/keys`);
    return body.keys.map(({ kid }: { kid: string }) => kid) as string[];
  };
  const kidOf = (token: string) =>
    (JSON.parse(Buffer.from(token.split('.')[0]!, 'base64url').toString()) as { kid: string }).kid;
  const change = <T>(work: (transaction: Parameters<Parameters<typeof plane.store.write>[0]>[0]) => Promise<T>) =>
    plane.store.write(work);

  it('publishes each key before it signs, and afterwards until its tokens have ended', async () => {
    const { kid: first } = await plane.signingKey();
    plane.clock.advance(8 * DAY);
    await turn();
    await turn();
    assert.deepEqual(await states(), ['announced true', 'signing true']);
    const [next] = await published();
    assert.deepEqual(await published(), [next, first]);
    const old = await plane.tokenOf(application);
    assert.equal(kidOf(old), first);

    plane.clock.advance(2 * DAY - HOUR / 2);
    const last = await plane.tokenOf(application);
    assert.equal(kidOf(last), first);
    plane.clock.advance(HOUR / 2);
    const fresh = await plane.tokenOf(application);
    assert.equal(kidOf(fresh), next);
    for (const at of [plane.authenticator, elsewhere]) {
      assert.deepEqual([await outcome(last, at), await outcome(fresh, at)], ['accepted', 'accepted']);
    }
    plane.clock.advance(HOUR);
    await turn();
    assert.deepEqual(await states(), ['signing true', 'retired false']);
    assert.deepEqual(await published(), [next, first]);
    plane.clock.advance(2 * DAY);
    await turn();
    assert.deepEqual(await published(), [next]);
    assert.equal((await readKeys(plane.keyring, plane.store.reader)).length, 1);
    const audit = await plane.auditText();
    for (const name of ['SigningKeyAnnounce', 'SigningKeyDestroy', 'SigningKeyRemove']) {
      assert.equal(audit.split(`"operationName":"${name}"`).length, 2, name);
    }
  });

  it('is one at a time, whoever holds the lease', async () => {
    plane.clock.advance(9 * DAY);
    const now = plane.clock.now();
    const lease = (await takeLease(plane.store, 'job/signing-keys', 'first', now, 1))!;
    plane.clock.advance(2);
    await takeLease(plane.store, 'job/signing-keys', 'second', plane.clock.now(), 60_000);
    await keyRotationJob(parts).run(lease, now);
    assert.deepEqual(await states(), ['signing true'], 'the first has lost its lease');
    const held = (await takeLease(plane.store, 'job/signing-keys', 'second', plane.clock.now(), 60_000))!;
    await Promise.all(Array.from({ length: 3 }, () => keyRotationJob(parts).run(held, now)));
    assert.deepEqual(await states(), ['announced true', 'signing true']);
  });

  it('can be hastened, but never so that a key signs unannounced', async () => {
    const now = plane.clock.now();
    const hasten = async () => {
      const made = await newKey(plane.clock.now(), plane.clock.now() + keyPolicy.announcedFor);
      return change((transaction) => hastenKey(parts, transaction, made, plane.clock.now()));
    };
    const one = await hasten();
    assert.equal(one.signs, now + keyPolicy.announcedFor);
    plane.clock.advance(DAY);
    assert.deepEqual({ ...(await hasten()) }, { ...one }, 'the announced one is the next');
    assert.deepEqual(await states(), ['announced true', 'signing true']);
    plane.clock.advance(DAY);
    assert.equal((await plane.signingKey()).kid, one.kid);
  });

  it('revokes the signing key: its tokens are refused at once, remembered or not, in each process', async () => {
    const [used, unused] = [await plane.tokenOf(application), await plane.tokenOf(application)];
    for (const at of [plane.authenticator, elsewhere]) assert.equal(await outcome(used, at), 'accepted');
    const { kid } = await plane.signingKey();
    const now = plane.clock.now();
    const made = await newKey(now, now);
    const signer = await change((transaction) => revokeKey(parts, transaction, kid, made, now));
    assert.equal(signer?.kid, made.kid);
    for (const at of [plane.authenticator, elsewhere]) {
      assert.equal(await outcome(used, at), 'token-signature');
      assert.equal(await outcome(unused, at), 'token-signature');
      assert.equal(await outcome(await plane.tokenOf(application), at), 'accepted');
    }
    assert.deepEqual(await published(), [made.kid]);
    assert.equal(await change((transaction) => revokeKey(parts, transaction, kid, made, now)), null);
  });

  it('lets the announced key sign where the signing one is revoked, and revokes announced and retired ones', async () => {
    const { kid: first } = await plane.signingKey();
    plane.clock.advance(8 * DAY);
    await turn();
    const [next] = await published();
    const now = plane.clock.now();
    const spare = await newKey(now, now);
    const revoke = (kid: string) =>
      change((transaction) => revokeKey(parts, transaction, kid, spare, plane.clock.now()));
    assert.equal((await revoke(first))?.kid, next);
    assert.equal(kidOf(await plane.tokenOf(application)), next);
    assert.deepEqual(await states(), ['signing true']);

    plane.clock.advance(8 * DAY);
    await turn();
    const [third] = await published();
    assert.equal((await revoke(third!))?.kid, next);
    assert.deepEqual(await published(), [next]);
    await turn();
    const [fourth] = await published();
    const last = await plane.tokenOf(application);
    plane.clock.advance(2 * DAY);
    assert.equal((await revoke(next!))?.kid, fourth);
    assert.equal(await outcome(last), 'token-signature');
  });

  it('reads the keys of the first release, which signed from when they were made', async () => {
    const stored = await readKeys(plane.keyring, plane.store.reader);
    const old = stored.map(({ signs: _, ...key }) => key);
    await change(async (transaction) => {
      await plane.keyring.writeValue(transaction, 'token-signing-keys', Buffer.from(JSON.stringify(old)), 1);
      transaction.touch();
    });
    assert.deepEqual(await readKeys(plane.keyring, plane.store.reader), stored);
    assert.deepEqual(await states(), ['signing true']);
  });

  it('leaves no private part of a removed key in the store', async () => {
    const { privateKey } = await plane.signingKey();
    const secret = privateKey.export({ format: 'der', type: 'pkcs8' }).toString('base64');
    const has = async () =>
      (await plane.keyring.readValue(plane.store.reader, 'token-signing-keys'))!.toString().includes(secret);
    assert.equal(await has(), true);
    plane.clock.advance(8 * DAY);
    await turn();
    plane.clock.advance(2 * DAY + HOUR);
    await turn();
    assert.equal(await has(), false);
  });
});
