import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, beforeEach, describe, it } from 'node:test';
import { Fallen, type ModelPlane, modelPlane } from '../../../tests/support/model-plane.ts';
import type { RefusalCode } from '../../refusals/catalogue.ts';
import type { Refusal } from '../../refusals/refusal.ts';
import { applyPlan } from './apply.ts';
import { readFacts } from './facts.ts';
import { planMove } from './make-plan.ts';
import { getModel, previewPlan, requireFitting } from './preview.ts';
import { revertChange } from './revert.ts';

const GET = 'Microsoft.KeyVault/vaults/secrets/getSecret/action';
const LIST = 'Microsoft.KeyVault/vaults/secrets/readMetadata/action';
const SET = 'Microsoft.KeyVault/vaults/secrets/setSecret/action';

let plane: ModelPlane;
let reader: string;
let writer: string;

before(async () => {
  plane = await modelPlane();
  reader = await plane.principal();
  writer = await plane.principal();
});
after(() => plane.cleanup());

const policy = (objectId: string, secrets: readonly string[], more: object = {}) => ({
  tenantId: plane.tenantId,
  objectId,
  permissions: { secrets },
  ...more,
});
// biome-ignore lint/suspicious/noExplicitAny: answers are read member by member, as a client would.
type Properties = any;
const bodyOf = async (answer: Promise<{ readonly body?: unknown }>): Promise<Properties> =>
  ((await answer).body as { readonly properties: Properties }).properties;
const plan = (properties: object) => bodyOf(previewPlan(plane.moveParts, plane.ask(properties)));
const apply = async (order: object, more: object = {}, fall?: Parameters<ModelPlane['ask']>[1]) => {
  const digest = (await plan(order)).digest as string;
  return bodyOf(applyPlan(plane.moveParts, plane.ask({ ...order, digest, ...more }, fall)));
};
const revert = (options?: Parameters<ModelPlane['ask']>[1]) =>
  bodyOf(revertChange(plane.moveParts, plane.ask(null, options)));
const refused = (promise: Promise<unknown>, code: RefusalCode) =>
  assert.rejects(promise, (error: Refusal) => {
    assert.equal(error.code, code, error.message);
    return true;
  });

/** Readers read and list, writers write and list, whatever is under way. */
async function assertNobodyLockedOut(): Promise<void> {
  assert.ok(await plane.isLetIn(reader, 'get', GET, 'one'), 'the reader cannot read');
  assert.ok(await plane.isLetIn(reader, 'list', LIST), 'the reader cannot list');
  assert.ok(await plane.isLetIn(writer, 'set', SET, 'one'), 'the writer cannot write');
  assert.ok(await plane.isLetIn(writer, 'list', LIST), 'the writer cannot list');
  assert.ok(!(await plane.isLetIn(writer, 'get', GET, 'one')), 'the writer can read');
}

const usual = () => ({
  enableRbacAuthorization: false,
  accessPolicies: [policy(reader, ['get', 'list']), policy(writer, ['set', 'list'])],
});

describe('applying and undoing a plan', () => {
  beforeEach(async () => {
    // What a test before left begun or applied is undone.
    await plane.makeVault(usual());
    await revert().catch(() => {});
    await plane.makeVault(usual());
  });

  it('assigns, replays and switches; undoing restores exactly what was', async () => {
    const before = await plane.state();
    await plane.log(reader, 'SecretGet', 'one', { times: 3 });
    const done = await apply({ to: 'rbac' });
    assert.deepEqual([done.state, done.assignments.length, done.roles.length], ['applied', 2, 1]);
    assert.ok(done.replay.calls >= 3);
    assert.equal((await plane.vault()).settings.enableRbacAuthorization, true);
    await assertNobodyLockedOut();
    const undone = await revert();
    assert.deepEqual([undone.state, undone.model, undone.kept, undone.losses], ['reverted', 'policies', [], []]);
    assert.deepEqual(await plane.state(), before);
    await refused(revert(), 'model-change-none');
  });

  it('tells who switched, and what the last plan did', async () => {
    await apply({ to: 'rbac' });
    const found = await bodyOf(getModel(plane.moveParts, plane.ask(null)));
    assert.equal(found.model, 'rbac');
    assert.deepEqual([found.switched.by, found.switched.isPlanned], [plane.owner, true]);
    assert.deepEqual([found.change.state, found.change.to], ['applied', 'rbac']);
  });

  for (const when of ['before', 'after'] as const) {
    it(`locks nobody out where it falls ${when} any step, and goes on or is undone from there`, async () => {
      const before = await plane.state();
      for (const then of ['apply', 'revert'] as const) {
        for (let step = 0; ; step++) {
          const { digest } = await plan({ to: 'rbac' });
          const order = { to: 'rbac', digest };
          let hasFallen = false;
          const fallen = applyPlan(plane.moveParts, plane.ask(order, { fall: { step, when } }));
          await fallen.catch((error) => {
            assert.ok(error instanceof Fallen, String(error));
            hasFallen = true;
          });
          await assertNobodyLockedOut();
          if (hasFallen && then === 'apply' && !(when === 'after' && step === 2)) {
            const done = await bodyOf(applyPlan(plane.moveParts, plane.ask(order)));
            assert.equal(done.state, 'applied');
            await assertNobodyLockedOut();
          }
          if (!(hasFallen && when === 'before' && step === 0 && then === 'revert')) await revert();
          await assertNobodyLockedOut();
          assert.deepEqual(await plane.state(), before, `step ${step}, ${then}`);
          if (!hasFallen) break;
          assert.ok(step < 10);
        }
      }
    });

    it(`locks nobody out where undoing falls ${when} any step, and is undone from there`, async () => {
      const before = await plane.state();
      for (let step = 0; ; step++) {
        await apply({ to: 'rbac' });
        let hasFallen = false;
        await revert({ fall: { step, when } }).catch((error) => {
          assert.ok(error instanceof Fallen, String(error));
          hasFallen = true;
        });
        await assertNobodyLockedOut();
        const isDone = !hasFallen || (when === 'after' && step === 2);
        if (hasFallen && !isDone && !(when === 'before' && step === 0)) {
          await refused(apply({ to: 'rbac' }), 'model-change-reverting');
        }
        if (!isDone) await revert();
        await assertNobodyLockedOut();
        assert.deepEqual(await plane.state(), before, `step ${step}`);
        if (!hasFallen) break;
        assert.ok(step < 10);
      }
    });
  }

  it('goes to policies and back, and brings nothing back to life that lay unused', async () => {
    const { resourceId } = await plane.makeVault({
      enableRbacAuthorization: true,
      accessPolicies: [policy(writer, ['all'])],
    });
    await plane.grant(reader, 'Key Vault Secrets User', resourceId);
    const before = await plane.state();
    await apply({ to: 'policies' }, {}, { fall: { step: 0, when: 'after' } }).catch(() => {});
    assert.equal((await plane.vault()).settings.enableRbacAuthorization, true, 'it has not been proved yet');
    await revert();
    assert.deepEqual(await plane.state(), before);
    await apply({ to: 'policies' });
    const { settings } = await plane.vault();
    assert.equal(settings.enableRbacAuthorization, false);
    assert.deepEqual(settings.accessPolicies, [policy(reader, ['get', 'list'])]);
    assert.ok(await plane.isLetIn(reader, 'get', GET, 'one'));
    assert.ok(!(await plane.isLetIn(writer, 'get', GET, 'one')));
    await revert();
    assert.deepEqual(await plane.state(), before);
    await plane.send('DELETE', resourceId);
    await plane.send(
      'POST',
      `${plane.subscription}/providers/Microsoft.KeyVault/locations/local/deletedVaults/moved/purge`,
    );
  });

  it('refuses a plan that is not the present one', async () => {
    const { digest } = await plan({ to: 'rbac' });
    await plane.makeVault({ ...usual(), accessPolicies: [policy(reader, ['get', 'list', 'delete'])] });
    await refused(bodyOf(applyPlan(plane.moveParts, plane.ask({ to: 'rbac', digest }))), 'model-plan-stale');
    const other = (await plan({ to: 'rbac', roles: 'built-in' })).digest;
    await refused(bodyOf(applyPlan(plane.moveParts, plane.ask({ to: 'rbac', digest: other }))), 'model-plan-stale');
    assert.equal((await plane.vault()).settings.enableRbacAuthorization, false);
  });

  it('does not switch where policies were changed while it assigned; a new plan goes on from there', async () => {
    await apply({ to: 'rbac' }, {}, { fall: { step: 1, when: 'after' } }).catch(() => {});
    const digest = (await bodyOf(getModel(plane.moveParts, plane.ask(null)))).change.digest;
    const late = await plane.principal();
    await plane.makeVault({ ...usual(), accessPolicies: [...usual().accessPolicies, policy(late, ['get', 'list'])] });
    await refused(bodyOf(applyPlan(plane.moveParts, plane.ask({ to: 'rbac', digest }))), 'model-plan-stale');
    assert.equal((await plane.vault()).settings.enableRbacAuthorization, false);
    assert.equal((await apply({ to: 'rbac' })).assignments.length, 3);
    assert.ok(await plane.isLetIn(late, 'get', GET, 'one'));
    await revert();
    assert.deepEqual(((await plane.state()) as { roles: unknown[]; assignments: { scope: string }[] }).roles, []);
  });

  it('refuses where something changes just before any of its steps', async () => {
    const { resourceId } = await plane.vault();
    const path = `${resourceId}/providers/Microsoft.Authorization/denyAssignments/${randomUUID()}?api-version=2022-04-01`;
    const properties = {
      denyAssignmentName: 'closed',
      permissions: [{ dataActions: ['*/getSecret/action'] }],
      principals: [{ id: reader, type: 'ServicePrincipal' }],
    };
    for (const step of [0, 2]) {
      const meanwhile = { step, act: () => plane.send('PUT', path, { body: { properties } }) };
      await refused(apply({ to: 'rbac' }, {}, { meanwhile }), 'model-plan-stale');
      assert.equal((await plane.vault()).settings.enableRbacAuthorization, false, `step ${step}`);
      const { roles } = (await plane.state()) as { readonly roles: readonly unknown[] };
      assert.equal(roles.length, step === 0 ? 0 : 1, 'nothing is made before the first step');
      await plane.send('DELETE', path);
      await revert().catch(() => {});
    }
  });

  it('wants losses to be accepted', async () => {
    const denial = randomUUID();
    const { resourceId } = await plane.vault();
    const path = `${resourceId}/providers/Microsoft.Authorization/denyAssignments/${denial}?api-version=2022-04-01`;
    await plane.send('PUT', path, {
      body: {
        properties: {
          denyAssignmentName: 'closed',
          permissions: [{ dataActions: ['*/getSecret/action'] }],
          principals: [{ id: reader, type: 'ServicePrincipal' }],
        },
      },
    });
    await plane.log(reader, 'SecretGet', 'one', { times: 2 });
    const { replay, narrower, plan: planned } = await plan({ to: 'rbac', days: 1 });
    assert.deepEqual(narrower, [{ principalId: reader, objects: ['secrets/one'] }]);
    assert.equal(planned.losses.length, 1);
    const [row] = replay.refused;
    assert.deepEqual(
      [row.principalId, row.operation, row.objects, row.reason],
      [reader, 'SecretGet', ['one'], 'rbac-denied'],
    );
    await refused(apply({ to: 'rbac' }), 'model-plan-loses');
    assert.deepEqual(((await plane.state()) as { roles: unknown[] }).roles, []);
    assert.equal((await apply({ to: 'rbac' }, { acceptLosses: true })).state, 'applied');
    assert.ok(!(await plane.isLetIn(reader, 'get', GET, 'one')));
    await revert();
    await plane.send('DELETE', path);
  });

  it('is not undone under a lock against deleting', async () => {
    await apply({ to: 'rbac' });
    const { resourceId } = await plane.vault();
    const lock = `${resourceId}/providers/Microsoft.Authorization/locks/keep?api-version=2020-05-01`;
    await plane.send('PUT', lock, { body: { properties: { level: 'CanNotDelete' } } });
    await refused(revert(), 'scope-locked');
    assert.equal((await plane.vault()).settings.enableRbacAuthorization, true);
    await assertNobodyLockedOut();
    await plane.send('DELETE', lock);
    assert.equal((await revert()).state, 'reverted');
  });

  it('keeps an assignment that somebody changed since, and says so', async () => {
    const done = await apply({ to: 'rbac' });
    const made = done.assignments.find((one: { principalId: string }) => one.principalId === reader);
    const { resourceId } = await plane.vault();
    const path = `${resourceId}/providers/Microsoft.Authorization/roleAssignments/${made.id}?api-version=2022-04-01`;
    const { principalId, roleId } = made;
    plane.clock.advance(1000);
    await plane.send('PUT', path, {
      body: { properties: { principalId, roleDefinitionId: roleId, description: 'mine' } },
    });
    const late = await plane.principal();
    await plane.grant(late, 'Key Vault Secrets User', resourceId);
    const undone = await revert();
    assert.deepEqual(
      undone.kept.map((one: { id: string }) => one.id.endsWith(made.id)),
      [true],
    );
    assert.deepEqual(undone.losses, [{ principalId: late, permissions: ['secrets get', 'secrets list'] }]);
    await plane.send('DELETE', path);
  });

  it('leaves a model alone that somebody switched by hand since', async () => {
    await apply({ to: 'rbac' });
    await plane.makeVault({ enableRbacAuthorization: false, accessPolicies: [policy(reader, ['get'])] });
    const undone = await revert();
    assert.deepEqual([undone.model, undone.notes.length], ['policies', 2]);
    assert.deepEqual((await plane.vault()).settings.accessPolicies, [policy(reader, ['get'])]);
  });

  it('gives back what a switch by hand took away', async () => {
    await plane.makeVault({ ...usual(), enableRbacAuthorization: true });
    assert.ok(!(await plane.isLetIn(reader, 'get', GET, 'one')));
    await apply({ to: 'rbac' });
    await assertNobodyLockedOut();
    await revert();
    assert.ok(!(await plane.isLetIn(reader, 'get', GET, 'one')));
    assert.equal((await plane.vault()).settings.enableRbacAuthorization, true);
  });

  it('does not switch where the log cannot be read, and takes back what it assigned', async () => {
    const before = await plane.state();
    await plane.log(reader, 'SecretGet', 'one');
    const damage = (records: Uint8Array) =>
      plane.store.write(async (transaction) => {
        const rows = await transaction.db
          .selectFrom('audit_batches')
          .selectAll()
          .orderBy('first_sequence', 'desc')
          .execute();
        const last = rows[0]!;
        await transaction.db
          .updateTable('audit_batches')
          .set({ records })
          .where('first_sequence', '=', last.first_sequence)
          .execute();
        return last.records;
      });
    const { digest } = await plan({ to: 'rbac' });
    const whole = await damage(new Uint8Array([1, 255, 255]));
    await refused(bodyOf(applyPlan(plane.moveParts, plane.ask({ to: 'rbac', digest }))), 'model-replay-refused');
    assert.deepEqual(await plane.state(), before);
    await damage(whole);
  });

  it('is for those who may assign every role, and not for a delegate', async () => {
    const { resourceId } = await plane.vault();
    const { digest } = await plan({ to: 'rbac' });
    const ask = (as: string) => plane.ask({ to: 'rbac', digest }, { as });
    const nobody = await plane.principal('Key Vault Contributor', resourceId);
    await refused(applyPlan(plane.moveParts, ask(nobody)), 'authorization-failed');
    await plane.grant(nobody, 'Key Vault Data Access Administrator', resourceId);
    await refused(applyPlan(plane.moveParts, ask(nobody)), 'permission-model-protected');
    await refused(revertChange(plane.moveParts, plane.ask(null, { as: nobody })), 'permission-model-protected');
    await refused(
      previewPlan(plane.moveParts, plane.ask({ to: 'rbac' }, { as: await plane.principal() })),
      'authorization-failed',
    );
  });

  it('refuses what is malformed', async () => {
    for (const order of [
      {},
      { to: 'roles' },
      { to: 'rbac', roles: 'all' },
      { to: 'rbac', widen: 'yes' },
      { to: 'rbac', days: -1 },
      { to: 'rbac', days: 1.5 },
    ]) {
      await refused(plan(order), 'model-order-invalid');
    }
    const digest = 'a'.repeat(43);
    for (const more of [{}, { digest: 'x' }, { digest, acceptLosses: 1 }]) {
      await refused(bodyOf(applyPlan(plane.moveParts, plane.ask({ to: 'rbac', ...more }))), 'model-order-invalid');
    }
  });

  it('refuses more policies than a vault holds', async () => {
    const policies = Array.from({ length: 1025 }, () => policy(randomUUID(), ['get']));
    const facts = await readFacts(plane.store.reader, await plane.vault());
    const planned = planMove({ ...facts, policies }, { to: 'policies', roles: 'exact', widen: false });
    await refused((async () => requireFitting(planned))(), 'model-plan-too-large');
  });

  it('replays the last days alone, and tells callers that are gone', async () => {
    const gone = await plane.principal();
    const now = plane.clock.now();
    plane.clock.advance(100 * 86_400_000);
    await plane.log(gone, 'SecretGet', 'one', { times: 2 });
    await plane.log(reader, 'SecretGet', 'one');
    await plane.log(reader, 'SecretList', '');
    const old = plane.clock.now() - 10 * 86_400_000;
    // Long requests of before, in one batch with a new one.
    await Promise.all([plane.log(reader, 'SecretGet', 'old', { time: old }), plane.log(reader, 'SecretGet', 'one')]);
    await plane.log(reader, 'SecretGet', 'one', { appId: randomUUID() });
    await plane.store.write(async (transaction) => {
      await transaction.db.deleteFrom('principals').where('id', '=', gone).execute();
      transaction.touch();
    });
    const { replay, narrower } = await plan({ to: 'rbac', days: 3 });
    assert.deepEqual(narrower, [], 'the reader lists too');
    assert.deepEqual(
      [replay.calls, replay.ofGoneCallers, replay.goneCallers, replay.refused],
      [6, 3, [gone, reader], []],
    );
    assert.equal((await plan({ to: 'rbac', days: 0 })).replay.calls, 6, 'those of this very instant');
    assert.ok(plane.clock.now() > now);
  });
});
