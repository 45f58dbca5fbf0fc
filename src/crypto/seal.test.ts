import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { systemRandom } from '../base/system.ts';
import { createKeyFile, openKeyFile, SealFault } from './seal.ts';

describe('a key file', () => {
  const random = systemRandom();
  let folder: string;
  let path: string;

  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'strongroom-seal-'));
    path = join(folder, 'seal.key');
    createKeyFile(path, random);
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  it("is its owner's alone, and holds 256 random bits", () => {
    assert.equal(statSync(path).mode & 0o777, 0o600);
    const { kind, id, key } = JSON.parse(readFileSync(path, 'utf8'));
    assert.equal(kind, 'strongroom-seal-key');
    assert.match(id, /^[0-9a-f]{32}$/);
    assert.equal(Buffer.from(key, 'base64url').length, 32);
  });

  it('is never replaced', () => {
    const earlier = readFileSync(path, 'utf8');
    assert.throws(() => createKeyFile(path, random), { code: 'seal-exists' });
    assert.equal(readFileSync(path, 'utf8'), earlier);
  });

  it('unwraps what it wrapped, under the id it was wrapped for', async () => {
    const seal = openKeyFile(path, random);
    const root = random.bytes(32);
    const wrapped = await seal.wrap('root-1', root);
    assert.equal(seal.kind, 'key-file');
    assert.ok(!wrapped.includes(root));
    assert.deepEqual(await openKeyFile(path, random).unwrap('root-1', wrapped), root);
    await assert.rejects(seal.unwrap('root-2', wrapped), { code: 'seal-wrong' });
    const changed = Buffer.from(wrapped);
    changed[changed.length - 1]! ^= 1;
    await assert.rejects(seal.unwrap('root-1', changed), { code: 'seal-wrong' });
  });

  it('does not unwrap what another wrapped', async () => {
    const other = join(folder, 'other.key');
    createKeyFile(other, random);
    const wrapped = await openKeyFile(other, random).wrap('root', random.bytes(32));
    await assert.rejects(openKeyFile(path, random).unwrap('root', wrapped), (error: SealFault) => {
      return (
        error.code === 'seal-wrong' && error.message.includes(path) && error.message.includes('Nothing was changed')
      );
    });
  });

  it('is missed by name', () => {
    assert.throws(() => openKeyFile(join(folder, 'none'), random), {
      code: 'seal-missing',
      message: /^The seal key .*none is missing\./,
    });
  });

  it('is refused where it is anything else, without a word of what it holds', () => {
    const good = JSON.parse(readFileSync(path, 'utf8'));
    const contents = [
      '',
      'hidden',
      'null',
      '[]',
      '5',
      '{"hidden":1}',
      JSON.stringify({ ...good, kind: 'hidden' }),
      JSON.stringify({ ...good, id: 'hidden' }),
      JSON.stringify({ ...good, id: 5 }),
      JSON.stringify({ ...good, key: 'hidden' }),
      JSON.stringify({ ...good, key: `${good.key}hidden` }),
      JSON.stringify({ ...good, key: 5 }),
    ];
    for (const content of contents) {
      const bad = join(folder, 'bad.key');
      writeFileSync(bad, content);
      assert.throws(
        () => openKeyFile(bad, random),
        (error: SealFault) =>
          error instanceof SealFault && error.code === 'seal-unreadable' && !error.message.includes('hidden'),
        content,
      );
    }
    mkdirSync(join(folder, 'directory.key'));
    assert.throws(() => openKeyFile(join(folder, 'directory.key'), random), { code: 'seal-unreadable' });
  });
});
