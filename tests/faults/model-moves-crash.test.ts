import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import { test } from 'node:test';
import { makeIdentity, putVault } from '../support/arm.ts';
import { getToken, resources } from '../support/http.ts';
import { askModel, letIn } from '../support/model-moves.ts';
import { startServer, type TestServer } from '../support/server.ts';

/** How often the server is killed. The long run: `STRONGROOM_CRASHES=100 node --test tests/faults/model-moves-crash.test.ts`. */
const CRASHES = Number(process.env['STRONGROOM_CRASHES'] ?? 4);
const LONGEST_MS = 150;

/** Policies of principals that make the move take several steps, beside those that are looked at. */
const FILLERS = 210;

test('a server that is killed while it moves a vault locks nobody out, and goes on or goes back', async () => {
  let server = await startServer();
  try {
    const manager = () => getToken(server, resources.management);
    const { principalId, clientId } = await makeIdentity(server, await manager(), 'reader');
    const maker = await manager();
    const fillers = await Promise.all(
      Array.from({ length: FILLERS }, (_, index) => makeIdentity(server, maker, `filler-${index}`)),
    );
    const accessPolicies = [principalId, ...fillers.map((one) => one.principalId)].map((objectId) => ({
      tenantId: server.tenantId,
      objectId,
      permissions: { secrets: ['get', 'list', 'set'] },
    }));
    await putVault(server, await manager(), 'killed', { enableRbacAuthorization: false, accessPolicies });
    const allowed = async () =>
      [
        ...(await letIn(server, 'killed', await getToken(server, resources.data, { managedIdentity: clientId }))),
      ].sort();
    const before = await allowed();
    assert.ok(before.length > 5);

    for (let crash = 0; crash < CRASHES; crash++) {
      const { digest } = (await askModel(server, await manager(), 'killed', 'plan', { to: 'rbac' })).body.properties;
      const order = { to: 'rbac', digest };
      server = await killDuring(server, askModel(server, await manager(), 'killed', 'apply', order));
      assert.deepEqual(await allowed(), before, 'after a kill while it was applied');
      if (randomInt(2) === 0) {
        const { change } = (await askModel(server, await manager(), 'killed', '')).body.properties;
        const isDone = change?.state === 'applied';
        const isBegun = change?.state === 'assigning';
        // Before the first step nothing was kept, and the plan is still the present one.
        const applied = isDone ? null : await askModel(server, await manager(), 'killed', 'apply', order);
        assert.equal(applied?.status ?? 200, 200, `${isBegun} ${applied?.text}`);
        assert.deepEqual(await allowed(), before, 'after it went on');
        server = await killDuring(server, askModel(server, await manager(), 'killed', 'revert'));
        assert.deepEqual(await allowed(), before, 'after a kill while it was undone');
      }
      const undone = await askModel(server, await manager(), 'killed', 'revert');
      assert.ok(undone.status === 200 || undone.status === 404, undone.text);
      assert.deepEqual(await allowed(), before, 'after it went back');
      const left = await askModel(server, await manager(), 'killed', 'plan', { to: 'rbac', days: 0 });
      assert.equal(left.body.properties.plan.grants.length, FILLERS + 1, 'nothing that was assigned is left');
    }
  } finally {
    await server.stop();
  }
});

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
