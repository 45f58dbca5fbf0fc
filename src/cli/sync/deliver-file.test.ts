import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { it } from 'node:test';
import { deliver, isDelivered } from './deliver-file.ts';

it('a key file that others can read is not delivered, whatever is in it', () => {
  const folder = mkdtempSync(join(tmpdir(), 'strongroom-deliver-'));
  try {
    const order = { path: join(folder, 'site.key'), content: Buffer.from('a key'), mode: 0o600, owner: null };
    assert.equal(isDelivered(order), false);
    writeFileSync(order.path, order.content);
    chmodSync(order.path, 0o644);
    assert.equal(isDelivered(order), false);
    deliver(order);
    assert.deepEqual([statSync(order.path).mode & 0o777, readFileSync(order.path, 'utf8')], [0o600, 'a key']);
    assert.equal(isDelivered(order), true);
    assert.equal(isDelivered({ ...order, content: Buffer.from('another') }), false);
    const { uid, gid } = statSync(order.path);
    assert.deepEqual(
      [isDelivered({ ...order, owner: { uid, gid } }), isDelivered({ ...order, owner: { uid: uid + 1, gid } })],
      [true, false],
    );
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
