import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import { test } from 'node:test';
import { assignRole, makeIdentity, putVault, vaultScope } from '../support/arm.ts';
import { getToken, resources } from '../support/http.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { startTwoNodes } from '../support/two-nodes.ts';
import { askMove, secretValue, setSecret } from '../support/vault-moves.ts';

/** How often the server is killed. The long run: `STRONGROOM_CRASHES=100 node --test tests/faults/vault-moves-crash.test.ts`. */
const CRASHES = Number(process.env['STRONGROOM_CRASHES'] ?? 3);
const LONGEST_MS = 250;
const SECRETS = 120;
const WRITERS = 4;
const NAMES = 10;

const standard = { to: 'target', sku: 'standard' };

/** A vault `source`, and somebody who writes its secrets. */
async function prepare(server: TestServer): Promise<{ readonly clientId: string }> {
  const manager = await getToken(server, resources.management);
  const writer = await makeIdentity(server, manager, 'writer');
  await putVault(server, manager, 'source');
  await assignRole(server, manager, {
    role: 'Key Vault Secrets Officer',
    principalId: writer.principalId,
    scope: vaultScope(server, 'source'),
  });
  return writer;
}

/** What writers were told is stored, by name. */
class Writing {
  readonly told = new Map<string, string>();
  /** Writes that were acknowledged. */
  count = 0;
  isOver = false;
  #next = 0;

  async run(server: TestServer, token: string): Promise<void> {
    while (!this.isOver) {
      const turn = this.#next++;
      const name = `live-${turn % NAMES}`;
      const status = await setSecret(server, token, 'source', name, `value ${turn}`);
      if (status === 200) {
        this.told.set(name, `value ${turn}`);
        this.count += 1;
      }
      if (status === 404) return;
    }
  }
}

async function assertNothingLost(server: TestServer, token: string, told: ReadonlyMap<string, string>): Promise<void> {
  const lost: string[] = [];
  for (const [name, value] of told) {
    const found = await secretValue(server, token, 'target', name);
    // Writers share names: what was told last may have been overtaken by a later write, never by an earlier one.
    const turn = (text: string | number) => Number(/\d+/.exec(String(text))?.[0]);
    if (typeof found === 'number' || turn(found) < turn(value)) lost.push(`${name}: ${found}, not ${value}`);
  }
  assert.deepEqual(lost, []);
}

test('a server that is killed while a vault is moved leaves the old one whole, and the same request goes on', async () => {
  let server = await startServer();
  try {
    const { clientId } = await prepare(server);
    const data = () => getToken(server, resources.data, { managedIdentity: clientId });
    const manager = () => getToken(server, resources.management);
    const values = new Map<string, string>();
    for (let index = 0; index < SECRETS; index++) {
      values.set(`s-${index}`, `value ${index}`);
      assert.equal(await setSecret(server, await data(), 'source', `s-${index}`, `value ${index}`), 200);
    }
    for (let crash = 0; crash < CRASHES; crash++) {
      server = await killDuring(server, askMove(server, await manager(), 'source', 'apply', standard));
      for (const [name, value] of values) assert.equal(await secretValue(server, await data(), 'source', name), value);
      const applied = await askMove(server, await manager(), 'source', 'apply', standard);
      assert.equal(applied.status, 200, applied.text);
      await assertNothingLost(server, await data(), values);
      server = await killDuring(server, askMove(server, await manager(), 'source', 'abandon', { acceptLosses: true }));
      const given = await askMove(server, await manager(), 'source', 'abandon', { acceptLosses: true });
      assert.ok(given.status === 200 || given.status === 404, given.text);
    }
    await askMove(server, await manager(), 'source', 'apply', standard);
    for (let crash = 0; crash < CRASHES; crash++) {
      const name = `late-${crash}`;
      if ((await setSecret(server, await data(), 'source', name, `value ${crash}`)) === 200) {
        values.set(name, `value ${crash}`);
      }
      server = await killDuring(server, askMove(server, await manager(), 'source', 'finish'));
    }
    const finished = await askMove(server, await manager(), 'source', 'finish');
    assert.ok(finished.status === 200 || finished.status === 404, finished.text);
    await assertNothingLost(server, await data(), values);
  } finally {
    await server.stop();
  }
});

test('a write that was acknowledged on the old vault before the end is in the new one', async () => {
  const server = await startServer();
  try {
    await assertCutover(server, server);
  } finally {
    await server.stop();
  }
});

test('so it is where the writers speak to one node and the move is ended on another', async () => {
  const nodes = await startTwoNodes();
  try {
    await assertCutover(...nodes.nodes);
  } finally {
    await nodes.stop();
  }
});

/** Writers go on without a pause while the move is begun, applied again and ended. */
async function assertCutover(written: TestServer, ended: TestServer): Promise<void> {
  const { clientId } = await prepare(written);
  const token = await getToken(written, resources.data, { managedIdentity: clientId });
  const manager = await getToken(ended, resources.management);
  const writing = new Writing();
  const writers = Array.from({ length: WRITERS }, () => writing.run(written, token));
  try {
    for (let round = 0; round < 2; round++) {
      const applied = await askMove(ended, manager, 'source', 'apply', standard);
      assert.equal(applied.status, 200, applied.text);
    }
    const finished = await askMove(ended, manager, 'source', 'finish');
    assert.equal(finished.status, 200, finished.text);
  } finally {
    writing.isOver = true;
    await Promise.all(writers);
  }
  assert.ok(writing.count > 10, `only ${writing.count} were written`);
  await assertNothingLost(written, token, writing.told);
}

async function killDuring(server: TestServer, request: Promise<unknown>): Promise<TestServer> {
  const ended = request.then(
    () => {},
    () => {},
  );
  await new Promise((resolve) => setTimeout(resolve, randomInt(LONGEST_MS)));
  await server.stop({ keep: true, signal: 'SIGKILL' });
  await ended;
  return startServer({ dataDir: server.dataDir });
}
