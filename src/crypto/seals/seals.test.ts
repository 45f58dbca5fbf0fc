import assert from 'node:assert/strict';
import * as crypto from 'node:crypto';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { systemRandom } from '../../base/system.ts';
import { type PassphraseDescription, parseDescription, type ShamirDescription } from './description.ts';
import { readSealOrder, SealDrafts } from './make-seal.ts';
import { newPassphraseSeal, openPassphraseSeal, readPassphraseFile } from './passphrase.ts';
import { newShamirSeal, openShamirSeal } from './shamir.ts';
import { readShare, shareText } from './share.ts';
import { Unsealing, waitAfter } from './unsealing.ts';

const random = systemRandom();
const rootKey = Buffer.alloc(32, 9);
const rootId = 'ffeeddccbbaa99887766554433221100';
const folder = mkdtempSync(join(tmpdir(), 'strongroom-seals-'));
after(() => rmSync(folder, { recursive: true, force: true }));

describe('a seal by passphrase', () => {
  const phrase = 'a known passphrase of length';
  /** Cheap, and as an earlier release wrote it: it has to open for ever. */
  const known: PassphraseDescription = {
    format: 1,
    kind: 'passphrase',
    id: '00112233445566778899aabbccddeeff',
    kdf: 'argon2id',
    memoryKiB: 19_456,
    passes: 2,
    lanes: 1,
    salt: 'AAECAwQFBgcICQoLDA0ODw',
  };
  const knownWrapped =
    'AQARIjNEVWZ3iJmqu8zd7v8HBwcHBwcHBwcHBweiVie8F4RCUkxFpwkxyI_m8kC68h7x4p84p7v6kNJzBJkwD6mG5cDKJwH3sidgAdE';

  it('derives with Argon2id as RFC 9106 §5.3 has it', () => {
    const tag = crypto.argon2Sync('argon2id', {
      message: Buffer.alloc(32, 1),
      nonce: Buffer.alloc(16, 2),
      secret: Buffer.alloc(8, 3),
      associatedData: Buffer.alloc(12, 4),
      parallelism: 4,
      tagLength: 32,
      memory: 32,
      passes: 3,
    });
    assert.equal(tag.toString('hex'), '0d640df58d78766c08c037a34a8b53c9d01ef0452d75b65eb52520e96b01e659');
  });

  it('opens what was wrapped in its format before', async () => {
    const seal = await openPassphraseSeal(known, phrase, random);
    const wrapped = Buffer.from(knownWrapped, 'base64url');
    assert.deepEqual(await seal.unwrap(rootId, wrapped), rootKey);
    await assert.rejects(seal.unwrap('0'.repeat(32), wrapped), { code: 'seal-wrong' });
  });

  it('opens with its description and the same passphrase, however that was composed, and with no other', async () => {
    const text = 'Ångström näher am Wasser';
    const seal = await newPassphraseSeal(text, random);
    const description = parseDescription(seal.description!) as PassphraseDescription;
    const wrapped = await seal.wrap(rootId, rootKey);
    const again = await openPassphraseSeal(description, text.normalize('NFD'), random);
    assert.deepEqual(await again.unwrap(rootId, wrapped), rootKey);
    const wrong = await openPassphraseSeal(description, `${text}.`, random);
    await assert.rejects(wrong.unwrap(rootId, wrapped), { code: 'seal-wrong' });
    const [one, two] = [description, parseDescription((await newPassphraseSeal(text, random)).description!)];
    assert.notEqual(one.salt, (two as PassphraseDescription).salt);
  });

  it('refuses a passphrase that is short, too long, or of too few characters', async () => {
    for (const text of ['', 'fourteen chars', 'a'.repeat(40), 'x1'.repeat(600)]) {
      await assert.rejects(newPassphraseSeal(text, random), { code: 'seal-passphrase-weak' }, text);
    }
  });

  it('is read from the first line of a file that is private', () => {
    const path = join(folder, 'passphrase');
    writeFileSync(path, `${phrase}\nand a note\n`, { mode: 0o600 });
    assert.equal(readPassphraseFile(path), phrase);
    chmodSync(path, 0o640);
    assert.throws(() => readPassphraseFile(path), { code: 'seal-unreadable' });
    assert.throws(() => readPassphraseFile(join(folder, 'none')), { code: 'seal-missing' });
  });
});

describe('a seal by shares', () => {
  it('opens with any of them, as many as are needed, and not with fewer or forged ones', async () => {
    const { seal, shares } = await newShamirSeal({ shares: 4, threshold: 3 }, random);
    const description = parseDescription(seal.description!) as ShamirDescription;
    const wrapped = await seal.wrap(rootId, rootKey);
    const all = shares.map(readShare);
    const open = async (picked: typeof all) =>
      (await openShamirSeal(description, picked, random)).unwrap(rootId, wrapped);
    for (let left = 0; left < 4; left++) {
      assert.deepEqual(await open(all.filter((_, index) => index !== left)), rootKey);
    }
    await assert.rejects(open(all.slice(0, 2)), { code: 'seal-wrong' });
    const forged = { ...all[2]!, part: Buffer.from(all[2]!.part) };
    forged.part[0]! ^= 1;
    await assert.rejects(open([all[0]!, all[1]!, forged]), { code: 'seal-wrong' });
    await assert.rejects(open([all[0]!, all[0]!, all[1]!]), { code: 'seal-wrong' });
  });

  it('writes a share so that every typing error shows', () => {
    const share = { id: rootId, number: 2, of: 5, threshold: 3, part: random.bytes(33) };
    const text = shareText(share);
    assert.deepEqual(readShare(`  ${text.slice(0, 40)}\n ${text.slice(40)} `), share);
    for (let end = 0; end < text.length; end++) {
      assert.throws(() => readShare(text.slice(0, end)), { code: 'seal-share-mistyped' });
    }
    for (let index = 0; index < text.length; index++) {
      const other = text[index] === 'A' ? 'B' : 'A';
      assert.throws(() => readShare(text.slice(0, index) + other + text.slice(index + 1)), {
        code: 'seal-share-mistyped',
      });
    }
    assert.throws(() => readShare(`${text}A`), { code: 'seal-share-mistyped' });
  });

  it('is split into two shares at least, of which two at least are needed', async () => {
    for (const [shares, threshold] of [
      [1, 1],
      [5, 1],
      [3, 4],
      [256, 2],
      [2.5, 2],
    ] as const) {
      await assert.rejects(newShamirSeal({ shares, threshold }, random), { code: 'seal-split-invalid' });
    }
  });
});

describe('unsealing', () => {
  let now = 1_000_000;
  const clock = { now: () => now };

  it('counts true shares, and drops all where the key they give is not the one', async () => {
    const { seal, shares } = await newShamirSeal({ shares: 3, threshold: 2 }, random);
    const description = parseDescription(seal.description!) as ShamirDescription;
    const wrapped = await seal.wrap(rootId, rootKey);
    const unsealing = new Unsealing({ description, clock, random, open: (given) => given.unwrap(rootId, wrapped) });
    assert.deepEqual(unsealing.progress, { given: 0, needed: 2 });
    assert.equal(await unsealing.give(shares[0]!), null);
    await assert.rejects(unsealing.give(shares[0]!), { code: 'seal-share-repeated' });
    assert.deepEqual(unsealing.progress, { given: 1, needed: 2 });
    const true2 = readShare(shares[1]!);
    const forged = shareText({ ...true2, part: Buffer.alloc(33, 5) });
    await assert.rejects(unsealing.give(forged), { code: 'seal-wrong' });
    assert.deepEqual(unsealing.progress, { given: 0, needed: 2 });
    const foreign = shareText({ ...true2, id: '0'.repeat(32) });
    await assert.rejects(unsealing.give(foreign), { code: 'seal-share-foreign' });
    assert.equal(unsealing.wrongAttempts, 2);
    // Two keepers at once.
    const [one, two] = await Promise.all([unsealing.give(shares[2]!), unsealing.give(shares[1]!)]);
    assert.deepEqual([one, two], [null, rootKey]);
  });

  it('makes guessing slow: three attempts are free, then each waits twice as long, a minute at most', async () => {
    assert.deepEqual([0, 2, 3, 4, 5, 8, 9, 40].map(waitAfter), [0, 0, 1000, 2000, 4000, 32_000, 60_000, 60_000]);
    const { seal } = await newShamirSeal({ shares: 2, threshold: 2 }, random);
    const description = parseDescription(seal.description!) as ShamirDescription;
    const unsealing = new Unsealing({ description, clock, random, open: async () => true });
    for (let attempt = 0; attempt < 3; attempt++) {
      await assert.rejects(unsealing.give('guess'), { code: 'seal-share-mistyped' });
    }
    await assert.rejects(unsealing.give('guess'), { code: 'seal-attempts', message: /again in 1 s/ });
    assert.equal(unsealing.wrongAttempts, 3, 'what was not looked at is not counted');
    now += 1000;
    await assert.rejects(unsealing.give('guess'), { code: 'seal-share-mistyped' });
    // A clock that is set back does not lengthen the wait.
    now -= 100_000;
    await assert.rejects(unsealing.give('guess'), { code: 'seal-attempts', message: /again in 2 s/ });
  });

  it('lets few attempts wait for the one under way', async () => {
    const { seal } = await newShamirSeal({ shares: 2, threshold: 2 }, random);
    const description = parseDescription(seal.description!) as ShamirDescription;
    const unsealing = new Unsealing({ description, clock, random, open: async () => true });
    const codes = await Promise.all(
      Array.from({ length: 12 }, () => unsealing.give('guess').catch(({ code }: { code: string }) => code)),
    );
    assert.ok(codes.filter((code) => code === 'seal-attempts').length >= 4, `${codes}`);
  });
});

describe('what is stored of a seal', () => {
  it('is read strictly', async () => {
    const { seal } = await newShamirSeal({ shares: 3, threshold: 2 }, random);
    const whole = JSON.parse(seal.description!) as Record<string, unknown>;
    assert.deepEqual(parseDescription(seal.description!), whole);
    for (const changed of [
      '',
      'null',
      '[]',
      { ...whole, format: 2 },
      { ...whole, kind: 'wax' },
      { ...whole, kind: 'constructor' },
      { ...whole, id: 'x' },
      { ...whole, threshold: 4 },
      { ...whole, threshold: 1 },
      { ...whole, kind: 'passphrase', kdf: 'argon2id', memoryKiB: 2 ** 31, passes: 3, lanes: 4, salt: 'A'.repeat(22) },
      { ...whole, kind: 'passphrase', kdf: 'md5', memoryKiB: 65_536, passes: 3, lanes: 4, salt: 'A'.repeat(22) },
    ]) {
      const text = typeof changed === 'string' ? changed : JSON.stringify(changed);
      assert.throws(() => parseDescription(text), { code: 'seal-unreadable' }, text);
    }
  });

  it('is made by orders that name a seal and nothing else', async () => {
    const keyFile = join(folder, 'made.key');
    const drafts = new SealDrafts(random, null);
    const first = await drafts.make(readSealOrder({ to: 'key-file', keyFile }));
    const one = drafts.take(first.id);
    assert.throws(() => drafts.take(first.id), { code: 'seal-order-invalid' }, 'it was used already');
    const second = await drafts.make(readSealOrder({ to: 'key-file', keyFile }));
    const third = await drafts.make(readSealOrder({ to: 'key-file', keyFile }));
    assert.throws(() => drafts.take(second.id), { code: 'seal-order-invalid' }, 'another was made meanwhile');
    assert.equal(drafts.take(third.id).description, one.description);
    for (const order of [
      {},
      { to: 'key-file' },
      { to: 'key-file', keyFile: 'relative' },
      { to: 'key-file', keyFile, passphrase: 'x' },
      { to: 'passphrase', passphrase: 5 },
      { to: 'shamir', shares: 3 },
      { to: 'shamir', shares: 3, threshold: 2, extra: 1 },
    ]) {
      assert.throws(() => readSealOrder(order), { code: 'seal-order-invalid' }, JSON.stringify(order));
    }
  });
});
