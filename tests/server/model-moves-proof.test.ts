import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { assignRole, groupScope, makeIdentity, putVault, vaultScope } from '../support/arm.ts';
import { getToken, resources } from '../support/http.ts';
import { askModel, isLetIn, letIn, makeGroup, secretCalls, secretPermissions, some } from '../support/model-moves.ts';
import { startServer, type TestServer } from '../support/server.ts';

/** How many vaults. The long run: `STRONGROOM_MOVED_VAULTS=50 node --test tests/server/model-moves-proof.test.ts`. */
const VAULTS = Number(process.env['STRONGROOM_MOVED_VAULTS'] ?? 6);

interface Someone {
  readonly ids: readonly string[];
  readonly token: string;
}

let server: TestServer;
let manager: string;
let people: readonly Someone[];
let groups: readonly string[];

before(async () => {
  server = await startServer();
  manager = await getToken(server, resources.management);
  const made = [];
  for (let index = 0; index < 5; index++) made.push(await makeIdentity(server, manager, `caller-${index}`));
  const principals = made.map(({ principalId }) => principalId);
  const members = [principals.slice(0, 2), principals.slice(1, 4)];
  groups = [await makeGroup(server, 'blue', members[0]!), await makeGroup(server, 'red', members[1]!)];
  people = await Promise.all(
    made.map(async ({ principalId, clientId }) => ({
      ids: [principalId, ...groups.filter((_, index) => members[index]!.includes(principalId))],
      token: await getToken(server, resources.data, { managedIdentity: clientId }),
    })),
  );
});
after(() => server.stop());

type Told = readonly { readonly principalId: string; readonly permissions: readonly string[] }[];

/** Whether a plan's list speaks of a permission of somebody. */
function isTold(list: Told, { ids }: Someone, permission: string): boolean {
  const word = new RegExp(`^secrets ${permission}( \\(|$)`);
  return list.some(
    ({ principalId, permissions }) => ids.includes(principalId) && permissions.some((one) => word.test(one)),
  );
}

/** Everybody's calls, of which the log knows, and a part of which has worked. */
async function traffic(vault: string): Promise<ReadonlyMap<Someone, ReadonlySet<string>>> {
  const found = new Map<Someone, ReadonlySet<string>>();
  for (const someone of people) found.set(someone, await letIn(server, vault, someone.token));
  return found;
}

async function compare(
  vault: string,
  before: ReadonlyMap<Someone, ReadonlySet<string>>,
  plan: { gains: Told; losses: Told },
) {
  for (const someone of people) {
    for (const one of secretCalls) {
      const is = await isLetIn(server, vault, someone.token, one);
      const was = before.get(someone)!.has(one.id);
      const what = `${vault}: ${someone.ids[0]} ${one.id}`;
      if (was) assert.ok(is || isTold(plan.losses, someone, one.permission), `${what} worked and is refused`);
      else if (is) assert.ok(isTold(plan.gains, someone, one.permission), `${what} is more than the plan says`);
    }
  }
}

for (let number = 0; number < VAULTS; number++) {
  const vault = `moved-${number}`;
  const roles = number % 2 === 0 ? 'exact' : 'built-in';

  test(`vault ${number} goes to roles (${roles}) and back with nobody refused and nothing given untold`, async () => {
    const accessPolicies = [...people.map(({ ids }) => ids[0]!), ...groups].flatMap((objectId) => {
      const secrets = some(secretPermissions, number % 3 === 0 ? 70 : 30);
      return secrets.length === 0 ? [] : [{ tenantId: server.tenantId, objectId, permissions: { secrets } }];
    });
    await putVault(server, manager, vault, { enableRbacAuthorization: false, accessPolicies });
    if (number % 3 === 1) {
      const grant = {
        role: 'Key Vault Secrets User',
        principalId: people[4]!.ids[0]!,
        scope: vaultScope(server, vault),
      };
      await assignRole(server, manager, grant);
    }
    const before = await traffic(vault);

    const planned = await askModel(server, manager, vault, 'plan', { to: 'rbac', roles });
    assert.equal(planned.status, 200, planned.text);
    const { digest, plan, replay } = planned.body.properties;
    assert.deepEqual([plan.losses, replay.refused, replay.ofGoneCallers, replay.unknown], [[], [], 0, 0]);
    assert.equal(
      replay.calls,
      [...before.values()].reduce((sum, calls) => sum + calls.size, 0),
    );
    const applied = await askModel(server, manager, vault, 'apply', { to: 'rbac', roles, digest });
    assert.equal(applied.status, 200, applied.text);
    await compare(vault, before, plan);

    const asRoles = await traffic(vault);
    const back = await askModel(server, manager, vault, 'plan', { to: 'policies' });
    const order = { to: 'policies', digest: back.body.properties.digest, acceptLosses: true };
    const returned = await askModel(server, manager, vault, 'apply', order);
    assert.equal(returned.status, 200, returned.text);
    await compare(vault, asRoles, back.body.properties.plan);
  });
}

test('nothing was assigned anywhere but at the vaults', async () => {
  const { call } = await import('../support/http.ts');
  const path = `${groupScope(server)}/providers/Microsoft.Authorization/roleAssignments?$filter=atScope()&api-version=2022-04-01`;
  const { body } = await call(server, { host: 'management', path, token: manager });
  const scopes = body.value.map((one: { properties: { scope: string } }) => one.properties.scope) as string[];
  assert.ok(
    scopes.every((scope) => scope === '/' || /^\/subscriptions\/[^/]+$/.test(scope)),
    scopes.join(),
  );
});
