import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { strongroom } from '../support/cli.ts';
import { configured, sealState } from '../support/seals.ts';
import { startServer } from '../support/server.ts';

const PASSPHRASE = 'canary passphrase 7c1f0e94';

/** Command lines and environments of every process of this user that can be read, but for this one's own. */
function processTexts(): string {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && name !== String(process.pid))
    .map((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, 'latin1') + readFileSync(`/proc/${pid}/environ`, 'latin1');
      } catch {
        // It has ended, or belongs to another user.
        return '';
      }
    })
    .join('\n');
}

test('no passphrase and no share is in a log, a record, a database page or a list of processes', async () => {
  const dataDir = mkdtempSync(join(tmpdir(), 'strongroom-canary-'));
  const args = configured(dataDir, { seal: 'passphrase' });
  const outputs: string[] = [];
  const processes: string[] = [];
  const run = async (words: readonly string[], input: string) => {
    const running = strongroom([...words, '--data-dir', dataDir], { input });
    processes.push(processTexts());
    const { stdout, stderr, code } = await running;
    processes.push(processTexts());
    return { stdout, stderr, code };
  };
  try {
    let shares: readonly string[] = [];
    const first = await startServer({
      dataDir,
      args,
      meanwhile: async () => {
        await sealState(dataDir, 'uninitialised');
        const made = await run(['seal', 'init'], `${PASSPHRASE}\n`);
        outputs.push(made.stdout + made.stderr);
        assert.equal(made.code, 0, made.stderr);
      },
    });
    const changed = await run(['seal', 'change', '--to', 'shamir', '--shares', '3', '--threshold', '2'], '');
    // What this command shows is the one place where they are to be.
    shares = changed.stdout.split('\n').filter((line) => line.startsWith('strongroom-share-'));
    assert.equal(shares.length, 3);
    outputs.push(changed.stderr);
    await first.stop({ keep: true });
    outputs.push(first.output().stdout + first.output().stderr);
    const second = await startServer({
      dataDir,
      args: configured(dataDir, { seal: 'shamir' }),
      meanwhile: async () => {
        await sealState(dataDir, 'sealed');
        for (const input of [`${shares[0]!.slice(0, -1)}x`, shares[0]!, shares[0]!, shares[2]!]) {
          const given = await run(['unseal'], `${input}\n`);
          outputs.push(given.stdout + given.stderr);
        }
      },
    });
    const exported = await strongroom(['audit', 'export', '--data-dir', dataDir]);
    assert.match(exported.stdout, /SealChange/);
    outputs.push(exported.stdout);
    await second.stop({ keep: true });
    outputs.push(second.output().stdout + second.output().stderr);
    const canaries = [PASSPHRASE, ...shares.flatMap((share) => [share, share.slice(50, 80)])];
    const places = [
      ...outputs.map((text, index) => [`output ${index}`, text] as const),
      ...processes.map((text, index) => [`processes ${index}`, text] as const),
      ...readdirSync(dataDir, { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile())
        .map((entry) => [entry.name, readFileSync(join(entry.parentPath, entry.name), 'latin1')] as const),
    ];
    assert.ok(places.some(([name]) => name === 'strongroom.db'));
    const found = places.flatMap(([name, text]) => (canaries.some((canary) => text.includes(canary)) ? [name] : []));
    assert.deepEqual(found, []);
    // The search can fail.
    assert.ok(canaries.every((canary) => (changed.stdout + PASSPHRASE).includes(canary)));
  } finally {
    rmSync(dataDir, { recursive: true, force: true });
  }
});
