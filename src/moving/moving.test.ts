import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, beforeEach, describe, it } from 'node:test';
import { Fallen } from '../../tests/support/model-plane.ts';
import { type MovingPlane, movingPlane } from '../../tests/support/moving-plane.ts';
import { Access } from '../access/authorise.ts';
import { carriedQueries } from '../objects/carried-queries.ts';
import type { RefusalCode } from '../refusals/catalogue.ts';
import type { Refusal } from '../refusals/refusal.ts';

let plane: MovingPlane;
let count = 0;
/** The vaults of the test at hand. */
let old: string;
let fresh: string;

before(async () => {
  plane = await movingPlane();
});
after(() => plane.cleanup());
beforeEach(async () => {
  old = `old-${++count}`;
  fresh = `new-${count}`;
  await plane.makeVault(old);
});

const standard = { sku: 'standard' };
const ask = (verb: 'get' | 'plan' | 'apply' | 'finish' | 'abandon', properties: object = {}, options: object = {}) =>
  plane.move(verb, properties, { vault: old, ...options });
const apply = (more: object = standard, options: object = {}) => ask('apply', { to: fresh, ...more }, options);
const refused = (promise: Promise<unknown>, code: RefusalCode) =>
  assert.rejects(promise, (error: Refusal) => {
    assert.equal(error.code, code, error.message);
    return true;
  });
const set = (vault: string, name: string, value: string, more: object = {}) =>
  plane.data(vault, 'SecretSet', { name }, { value, ...more });
const get = async (vault: string, name: string, version?: string) => {
  const parameters = { name, ...(version && { version }) };
  return (await plane.data(vault, 'SecretGet', parameters)).value as string;
};

const secrets = carriedQueries(
  { names: 'secrets', versions: 'secret_versions' },
  { ofNames: [], ofVersions: ['content_type'] },
);
const stored = async (vault: string) => secrets.page(plane.store.reader, (await plane.vault(vault))!.id, '', 1000);

describe('what a move carries', () => {
  it('is every version of every secret, with ids, attributes, tags, instants and order, deleted ones too', async () => {
    await set(old, 'one', 'a', { attributes: { exp: 2_000_000_000 }, tags: { k: 'v' }, contentType: 'text/plain' });
    plane.clock.advance(5000);
    const second = await set(old, 'one', 'b');
    await plane.data(old, 'SecretUpdate', { name: 'one' }, { attributes: { enabled: false } });
    await set(old, 'Two', 'c');
    await set(old, 'gone', 'd');
    await plane.data(old, 'SecretDelete', { name: 'gone' });
    const done = await apply();
    assert.deepEqual([done.state, done.conflicts], ['carried', []]);
    assert.deepEqual(await stored(fresh), await stored(old));
    const [, version] = /\/secrets\/one\/(\w+)$/.exec(second.id)!;
    await plane.data(fresh, 'SecretUpdate', { name: 'one' }, { attributes: { enabled: true } });
    assert.equal(await get(fresh, 'one', version), 'b');
    assert.equal(await get(fresh, 'two'), 'c');
    await plane.data(fresh, 'SecretRecover', { name: 'gone' });
    assert.equal(await get(fresh, 'gone'), 'd');
  });

  it('is sealed under a key of its own: the envelopes differ, and the old key opens none of them', async () => {
    await set(old, 'one', 'a');
    await apply();
    const envelope = async (vault: string) => {
      const { id } = (await plane.vault(vault))!;
      return (await secrets.sealed.first(plane.store.reader, { vaultId: id, nameKey: 'one', after: 0, limit: 1 }))!;
    };
    const [a, b] = [await envelope(old), await envelope(fresh)];
    assert.notDeepEqual(a.envelope, b.envelope);
    const { id } = (await plane.vault(old))!;
    const binding = ['secret', id, 'one', a.version];
    await assert.rejects(plane.keyring.openInVault(plane.store.reader, id, binding, b.envelope), /no such key/);
  });

  it('is the settings, tags and network rules, in the tier asked for', async () => {
    const networkAcls = { defaultAction: 'Deny', bypass: 'None', ipRules: [{ value: '10.0.0.0/8' }] };
    await plane.makeVault(old, { networkAcls, enabledForDeployment: true });
    await apply({});
    const [from, to] = [(await plane.vault(old))!, (await plane.vault(fresh))!];
    assert.deepEqual(to.settings, { ...from.settings, sku: 'premium' });
    assert.deepEqual([to.tags, to.location, to.groupName], [from.tags, from.location, from.groupName]);
  });

  it('is who has access and who is kept out, with conditions, and custom roles become assignable there', async () => {
    const reader = await plane.principal('Key Vault Secrets User', plane.scope(old));
    const narrow = await plane.principal('Key Vault Secrets User', `${plane.scope(old)}/secrets/one`);
    const role = `${plane.scope(old)}/providers/Microsoft.Authorization/roleDefinitions/${randomUUID()}`;
    const permissions = [{ actions: [], dataActions: ['Microsoft.KeyVault/vaults/secrets/getSecret/action'] }];
    const definition = {
      roleName: `only ${old}`,
      type: 'CustomRole',
      permissions,
      assignableScopes: [plane.scope(old)],
    };
    assert.equal((await plane.send('PUT', role, { body: { properties: definition } })).status, 201);
    const assignment = `${plane.scope(old)}/providers/Microsoft.Authorization/roleAssignments/${randomUUID()}`;
    const given = { roleDefinitionId: role, principalId: narrow };
    assert.equal((await plane.send('PUT', assignment, { body: { properties: given } })).status, 201);
    const denial = `${plane.scope(old)}/providers/Microsoft.Authorization/denyAssignments/${randomUUID()}`;
    const taken = { denyAssignmentName: `no ${old}`, permissions, principals: [{ id: reader }] };
    assert.equal((await plane.send('PUT', denial, { body: { properties: taken } })).status, 201);

    const planned = await ask('plan', { to: fresh });
    assert.deepEqual(planned.references.map(({ kind }: { kind: string }) => kind).sort(), [
      'customRole',
      'denyAssignment',
      'roleAssignment',
      'roleAssignment',
      'roleAssignment',
    ]);
    await apply();
    const list = async (vault: string, what: string) => {
      const path = `${plane.scope(vault)}/providers/Microsoft.Authorization/${what}`;
      const { body } = await plane.send('GET', path);
      return body.value
        .map(({ properties }: { properties: Record<string, unknown> }) =>
          JSON.stringify([
            String(properties['scope']).replace(vault, 'X'),
            properties['principalId'] ?? properties['principals'],
            String(properties['roleDefinitionId'] ?? '').replace(vault, 'X'),
          ]),
        )
        .filter((one: string) => one.includes('/vaults/X'))
        .sort();
    };
    for (const what of ['roleAssignments', 'denyAssignments']) {
      assert.deepEqual(await list(fresh, what), await list(old, what));
    }
    assert.equal((await list(fresh, 'roleAssignments')).length, 3);
    await ask('abandon', {});
    const { body } = await plane.send('GET', role);
    assert.deepEqual(body.properties.assignableScopes, [plane.scope(old)]);
  });

  it('is what changes afterwards: written, changed, deleted, purged, granted and revoked', async () => {
    const reader = await plane.principal();
    const id = await plane.grant(reader, 'Key Vault Secrets User', plane.scope(old));
    for (const name of ['changed', 'deleted', 'purged', 'same']) await set(old, name, 'before');
    await apply();
    await set(old, 'changed', 'after');
    await set(old, 'added', 'new');
    await plane.data(old, 'SecretUpdate', { name: 'same' }, { tags: { only: 'tags' } });
    for (const name of ['deleted', 'purged']) await plane.data(old, 'SecretDelete', { name });
    await plane.data(old, 'SecretPurge', { name: 'purged' });
    await plane.send('DELETE', `${plane.scope(old)}/providers/Microsoft.Authorization/roleAssignments/${id}`);
    const pending = (await ask('get')).pending as string[];
    assert.deepEqual(pending.filter((name) => name.startsWith('secrets')).sort(), [
      'secrets purged',
      'secrets/added',
      'secrets/changed',
      'secrets/deleted',
      'secrets/same',
    ]);
    const done = await ask('finish');
    assert.deepEqual([done.state, done.overruled, done.left], ['finished', [], []]);
    assert.deepEqual(await stored(fresh), await stored(old));
    const { body } = await plane.send('GET', `${plane.scope(fresh)}/providers/Microsoft.Authorization/roleAssignments`);
    assert.ok(!JSON.stringify(body).includes(reader), 'what was revoked holds nowhere');
  });
});

describe('keys of a vault that is moved', () => {
  const create = (name: string, body: object = { kty: 'EC' }) => plane.data(old, 'KeyCreate', { name }, body);
  const key = async (vault: string, name: string) => (await plane.data(vault, 'KeyGet', { name })).key;

  it('are copied with every version: what was encrypted before is read there', async () => {
    await create('wrap', { kty: 'RSA' });
    const value = Buffer.from('plain').toString('base64url');
    const sealed = await plane.data(old, 'KeyEncrypt', { name: 'wrap' }, { alg: 'RSA-OAEP-256', value });
    await create('wrap', { kty: 'RSA' });
    await apply();
    const [, version] = /\/keys\/wrap\/(\w+)$/.exec(sealed.kid)!;
    const order = { alg: 'RSA-OAEP-256', value: sealed.value };
    const read = await plane.data(fresh, 'KeyDecrypt', { name: 'wrap', version: version! }, order);
    assert.equal(read.value, value);
    assert.deepEqual((await key(fresh, 'wrap')).n, (await key(old, 'wrap')).n);
  });

  it('are taken in version by version, the provider being asked for each', async () => {
    await create('sign');
    await create('sign');
    await apply({ sku: 'standard', keys: 'import' });
    const [a, b] = [await key(old, 'sign'), await key(fresh, 'sign')];
    assert.deepEqual([b.x, b.y, b.kid.split('/').pop()], [a.x, a.y, a.kid.split('/').pop()]);
    const versions = (await plane.data(fresh, 'KeyListVersions', { name: 'sign' })).value;
    assert.equal(versions.length, 2);
    await create('sign');
    await plane.data(old, 'KeyUpdate', { name: 'sign' }, { tags: { a: 'b' } });
    await apply({ sku: 'standard', keys: 'import' });
    assert.equal((await plane.data(fresh, 'KeyListVersions', { name: 'sign' })).value.length, 3);
    await ask('finish');
    await plane.data(
      fresh,
      'KeySign',
      { name: 'sign' },
      { alg: 'ES256', value: Buffer.alloc(32).toString('base64url') },
    );
  });

  it('are made anew with attributes, operations and policy; ending needs the word that the old ones go', async () => {
    await create('anew', {
      kty: 'EC',
      crv: 'P-384',
      key_ops: ['sign'],
      attributes: { exp: 2_000_000_000 },
      tags: { a: 'b' },
    });
    const policy = { lifetimeActions: [{ trigger: { timeAfterCreate: 'P30D' }, action: { type: 'Rotate' } }] };
    await plane.data(old, 'KeyRotationPolicySet', { name: 'anew' }, policy);
    await apply({ sku: 'standard', keys: 'generate' });
    const [a, b] = [
      await plane.data(old, 'KeyGet', { name: 'anew' }),
      await plane.data(fresh, 'KeyGet', { name: 'anew' }),
    ];
    assert.notEqual(a.key.x, b.key.x);
    assert.deepEqual(
      [b.key.crv, b.key.key_ops, b.attributes.exp, b.tags],
      ['P-384', ['sign'], 2_000_000_000, { a: 'b' }],
    );
    const rotates = (await plane.data(fresh, 'KeyRotationPolicyGet', { name: 'anew' })).lifetimeActions[0];
    assert.equal(rotates.trigger.timeAfterCreate, 'P30D');
    await plane.data(old, 'KeyUpdate', { name: 'anew' }, { attributes: { enabled: false } });
    await refused(ask('finish'), 'vault-move-leaves');
    const done = await ask('finish', { keep: true });
    assert.deepEqual(done.left, [{ name: 'keys/anew', reason: 'made-anew' }]);
    const after = await plane.data(fresh, 'KeyGet', { name: 'anew' });
    assert.deepEqual([after.attributes.enabled, after.key.x], [false, b.key.x]);
    assert.equal((await plane.vault(old))!.deleted, null);
  });

  it('are carried whole with the next step where a version comes after the others were taken in', async () => {
    await create('late');
    const order = { sku: 'standard', keys: 'import' };
    // Between taking in and storing: the steps are beginning and carrying.
    const done = await apply(order, { meanwhile: { step: 1, act: () => create('late') } });
    assert.deepEqual(done.behind, ['keys/late']);
    const again = await apply(order);
    assert.deepEqual([again.behind, again.conflicts], [[], []]);
    assert.equal((await plane.data(fresh, 'KeyListVersions', { name: 'late' })).value.length, 2);
  });

  it('are made anew with the next step where the key is of another kind by then than the one that was made', async () => {
    await create('other', { kty: 'EC' });
    const order = { sku: 'standard', keys: 'generate' };
    const act = () => create('other', { kty: 'oct', key_size: 256 });
    const done = await apply(order, { meanwhile: { step: 1, act } });
    assert.deepEqual(done.behind, ['keys/other']);
    assert.deepEqual((await apply(order)).behind, []);
    const { kty, x } = await key(fresh, 'other');
    assert.deepEqual([kty, x], ['oct', undefined]);
  });

  it('get a version more where the key is of another kind than the one made anew: what was made is not used as it', async () => {
    await create('turned', { kty: 'EC', key_ops: ['verify'] });
    const order = { sku: 'standard', keys: 'generate' };
    await apply(order);
    const made = await key(fresh, 'turned');
    await create('turned', { kty: 'oct', key_size: 256, key_ops: ['wrapKey'] });
    const again = await apply(order);
    assert.deepEqual([again.behind, again.conflicts], [[], []]);
    const versions = (await plane.data(fresh, 'KeyListVersions', { name: 'turned' })).value;
    assert.equal(versions.length, 2);
    const now = await key(fresh, 'turned');
    assert.deepEqual([now.kty, now.key_ops], ['oct', ['wrapKey']]);
    const version = made.kid.split('/').pop() as string;
    const before = (await plane.data(fresh, 'KeyGet', { name: 'turned', version })).key;
    assert.deepEqual([before.kty, before.x, before.key_ops], ['EC', made.x, ['verify']]);
    await ask('finish', { keep: true });
  });

  it('rotate by their policies again once the move has ended, not before', async () => {
    await create('due');
    const policy = { lifetimeActions: [{ trigger: { timeAfterCreate: 'P30D' }, action: { type: 'Rotate' } }] };
    await plane.data(old, 'KeyRotationPolicySet', { name: 'due' }, policy);
    await apply();
    const due = async () => {
      const { id } = (await plane.vault(fresh))!;
      const { rows } = await plane.store.reader.run<{ rotate_at: number | null }>(
        `select rotate_at from keys where vault_id = '${id}'`,
        [],
      );
      return rows[0]!.rotate_at;
    };
    assert.equal(await due(), null);
    await ask('finish');
    assert.ok((await due())! > plane.clock.now());
  });

  it('cannot be made in hardware yet: it is refused before anything is made, and the plan says so', async () => {
    await create('hsm');
    for (const keys of ['generate', 'import']) {
      await refused(apply({ keys }), 'key-token-not-configured');
      const { blockers } = await ask('plan', { to: fresh, keys });
      assert.deepEqual(
        blockers.map(({ code }: { code: string }) => code),
        ['key-token-not-configured'],
      );
    }
    assert.equal(await plane.vault(fresh), null);
    await apply({ keys: 'copy' });
    assert.equal((await plane.vault(fresh))!.settings.sku, 'premium');
    assert.equal((await key(fresh, 'hsm')).kty, 'EC');
  });
});

describe('a move between falls and writes', () => {
  it('leaves the old vault untouched wherever it falls, and the same request goes on', async () => {
    await plane.grant(await plane.principal(), 'Key Vault Secrets User', plane.scope(old));
    for (let index = 0; index < 120; index++) await set(old, `secret-${index}`, `value ${index}`);
    const before = [await plane.vault(old), await stored(old)];
    for (let step = 0, hasFallen = true; hasFallen; step++) {
      for (const when of ['before', 'after'] as const) {
        hasFallen = false;
        await apply(standard, { fall: { step, when } }).catch((error) => {
          assert.ok(error instanceof Fallen, String(error));
          hasFallen = true;
        });
        assert.deepEqual([await plane.vault(old), await stored(old)], before);
        assert.equal((await apply()).state, 'carried');
        assert.deepEqual(await stored(fresh), await stored(old));
        await ask('abandon');
        assert.equal(await plane.vault(fresh), null);
      }
    }
  });

  it('ends from wherever it falls at its end; given up instead, the old vault is open again', async () => {
    const isClosed = async () => (await plane.vault(old))!.deleted !== null;
    await set(old, 'one', 'a');
    await apply();
    await set(old, 'one', 'b');
    // Carrying, closing, and the end itself, which is one transaction.
    await assert.rejects(ask('finish', {}, { fall: { step: 0, when: 'after' } }), Fallen);
    assert.equal(await isClosed(), false);
    await assert.rejects(ask('finish', {}, { fall: { step: 0, when: 'after' } }), Fallen);
    assert.equal(await isClosed(), true);
    await refused(plane.move('plan', { to: 'other' }, { vault: old }), 'vault-resource-deleted');
    assert.equal((await ask('get')).state, 'closing');
    await ask('abandon');
    assert.equal(await isClosed(), false);
    assert.equal(await get(old, 'one'), 'b');

    await apply();
    await assert.rejects(ask('finish', {}, { fall: { step: 1, when: 'before' } }), Fallen);
    assert.equal(await isClosed(), true);
    assert.equal((await apply()).state, 'closing');
    assert.equal((await ask('finish')).state, 'finished');
    assert.equal(await get(fresh, 'one'), 'b');
    await refused(ask('finish'), 'vault-resource-deleted');
  });

  it('carries what became durable in the moment the old vault was closed', async () => {
    await set(old, 'one', 'a');
    await apply();
    const act = () => set(old, 'last', 'written before the end');
    const done = await ask('finish', {}, { meanwhile: { step: 1, act } });
    assert.deepEqual([done.state, done.carried], ['finished', 1]);
    assert.equal(await get(fresh, 'last'), 'written before the end');
  });

  it('opens the old vault again where the end would lose something, and says what', async () => {
    const isClosed = async () => (await plane.vault(old))!.deleted !== null;
    await plane.data(old, 'KeyCreate', { name: 'k' }, { kty: 'EC' });
    const order = { sku: 'standard', keys: 'import' };
    await apply(order);
    const late = () => plane.data(old, 'KeyCreate', { name: 'late' }, { kty: 'EC' });
    await assert.rejects(ask('finish', {}, { meanwhile: { step: 1, act: late } }), (error: Refusal) => {
      assert.equal(error.code, 'vault-move-behind');
      assert.match(error.message, /keys\/late/);
      return true;
    });
    assert.equal(await isClosed(), false);
    const recover = async () => {
      const { location } = (await plane.vault(old))!;
      const properties = { createMode: 'recover', tenantId: plane.tenantId, sku: { family: 'A', name: 'standard' } };
      assert.equal((await plane.send('PUT', plane.scope(old), { body: { location, properties } })).status, 200);
    };
    await refused(ask('finish', {}, { meanwhile: { step: 2, act: recover } }), 'vault-move-behind');
    assert.equal(await isClosed(), false);
    assert.equal((await ask('finish')).state, 'finished');
  });

  it('does not overwrite what clients wrote to the new vault, and says where both were written', async () => {
    await set(old, 'both', 'first');
    await set(old, 'theirs', 'first');
    await apply();
    await set(fresh, 'theirs', 'of the new vault');
    await set(fresh, 'both', 'of the new vault');
    await set(old, 'both', 'of the old vault');
    assert.deepEqual((await apply()).conflicts, ['secrets/both']);
    await refused(ask('finish'), 'vault-move-conflict');
    await refused(ask('abandon'), 'vault-move-used');
    await set(old, 'taken', 'old');
    await set(fresh, 'taken', 'new');
    assert.deepEqual((await apply()).conflicts, ['secrets/both', 'secrets/taken']);
    await plane.data(fresh, 'SecretDelete', { name: 'taken' });
    await plane.data(fresh, 'SecretPurge', { name: 'taken' });
    assert.deepEqual((await apply()).conflicts, ['secrets/both']);
    assert.equal(await get(fresh, 'taken'), 'old');
    const done = await ask('finish', { acceptLosses: true });
    assert.deepEqual(done.overruled, ['secrets/both']);
    assert.equal(await get(fresh, 'both'), 'of the new vault');
    assert.equal(await get(fresh, 'theirs'), 'of the new vault');
  });
});

describe('who may move what whither', () => {
  it('lets nobody into the new vault whom the old one keeps out, at no moment', async () => {
    const group = `${plane.subscription}/resourceGroups/apps`;
    const denied = await plane.principal('Key Vault Secrets User', group);
    const denial = `${plane.scope(old)}/providers/Microsoft.Authorization/denyAssignments/${randomUUID()}`;
    const action = 'Microsoft.KeyVault/vaults/secrets/getSecret/action';
    const permissions = [{ actions: [], dataActions: [action] }];
    const properties = { denyAssignmentName: `none of ${old}`, permissions, principals: [{ id: denied }] };
    assert.equal((await plane.send('PUT', denial, { body: { properties } })).status, 201);
    await set(old, 'one', 'a');
    const need = { kind: 'data', dataAction: action, permission: { of: 'secrets', name: 'get' } } as const;
    const isLetIn = async (vault: string) => {
      const found = await plane.vault(vault);
      const object = { kind: 'secrets', name: 'one' } as const;
      if (!found || (await stored(vault)).length === 0) return false;
      try {
        await new Access(plane.store).authoriseData(plane.caller(denied), found, need, object);
        return true;
      } catch (error) {
        assert.equal((error as Refusal).code, 'rbac-denied');
        return false;
      }
    };
    for (let step = 0, hasFallen = true; hasFallen; step++) {
      hasFallen = false;
      await apply(standard, { fall: { step, when: 'after' } }).catch(() => {
        hasFallen = true;
      });
      assert.ok(!(await isLetIn(fresh)), `after step ${step}`);
    }
    assert.equal((await stored(fresh)).length, 1);
    await plane.send('DELETE', denial);
    await ask('finish');
    assert.equal(await isLetIn(fresh), true);
  });

  it('is one move where two begin it at once', async () => {
    for (let index = 0; index < 60; index++) await set(old, `s-${index}`, `${index}`);
    const both = await Promise.allSettled([apply(), apply()]);
    for (const one of both) {
      if (one.status === 'rejected') assert.match((one.reason as Refusal).code, /^vault-(name-in-use|move-open)$/);
    }
    const again = await Promise.all([apply(), apply()]);
    assert.deepEqual(
      again.map(({ conflicts }) => conflicts),
      [[], []],
    );
    assert.deepEqual(await stored(fresh), await stored(old));
    const ends = await Promise.allSettled([ask('finish'), ask('finish')]);
    assert.ok(
      ends.some(({ status }) => status === 'fulfilled'),
      String(ends.map((one) => JSON.stringify(one))),
    );
    assert.ok((await plane.vault(old))!.deleted !== null);
    assert.equal((await plane.vault(fresh))!.deleted, null);
  });

  it('works for a vault under access policies, whose policies go along', async () => {
    const objectId = await plane.principal();
    const accessPolicies = [{ tenantId: plane.tenantId, objectId, permissions: { secrets: ['get'] } }];
    await plane.makeVault(old, { enableRbacAuthorization: false, accessPolicies });
    await apply();
    const to = (await plane.vault(fresh))!.settings;
    assert.deepEqual([to.enableRbacAuthorization, to.accessPolicies[0]!.objectId], [false, objectId]);
    await plane.makeVault(old, { enableRbacAuthorization: false, accessPolicies: [] });
    await ask('finish');
    assert.deepEqual((await plane.vault(fresh))!.settings.accessPolicies, []);
  });

  it('takes Owner rights on both: no role below them copies a value it may not read', async () => {
    await set(old, 'one', 'a');
    const group = `${plane.subscription}/resourceGroups/apps`;
    const tries: readonly (readonly [string, string, RefusalCode])[] = [
      ['Contributor', group, 'authorization-failed'],
      ['Key Vault Contributor', group, 'authorization-failed'],
      ['Key Vault Administrator', group, 'authorization-failed'],
      ['User Access Administrator', group, 'authorization-failed'],
      ['Key Vault Data Access Administrator', group, 'permission-model-protected'],
      ['Owner', plane.scope(old), 'authorization-failed'],
    ];
    for (const [role, at, code] of tries) {
      const climber = await plane.principal(role, at);
      await refused(apply(standard, { as: climber }), code);
      assert.equal(await plane.vault(fresh), null, role);
    }
    await apply(standard, { as: await plane.principal('Owner', group) });
    const other = await plane.principal('Contributor', group);
    await refused(ask('finish', {}, { as: other }), 'authorization-failed');
    await refused(ask('abandon', {}, { as: other }), 'authorization-failed');
  });

  it('never pours into a vault that is there, live or deleted, nor under a name that none can have', async () => {
    await plane.makeVault(fresh);
    await refused(apply(), 'vault-name-in-use');
    await plane.send('DELETE', plane.scope(fresh));
    await refused(apply(), 'vault-name-deleted');
    await refused(ask('apply', { to: 'no--name', ...standard }), 'vault-name-invalid');
    await refused(ask('apply', { to: old, ...standard }), 'vault-name-in-use');
  });

  it('keeps to the move that was begun', async () => {
    await apply();
    await refused(ask('apply', { to: `${fresh}-b`, ...standard }), 'vault-move-open');
    await refused(apply({ sku: 'standard', keys: 'generate' }), 'vault-move-open');
    await refused(plane.move('apply', { to: `${fresh}-b`, ...standard }, { vault: fresh }), 'vault-move-open');
    await refused(ask('finish', {}, { vault: fresh }), 'vault-move-none');
  });

  it('obeys locks on either vault, and takes them along', async () => {
    const lock = (vault: string, level: string) =>
      plane.send('PUT', `${plane.scope(vault)}/providers/Microsoft.Authorization/locks/held`, {
        body: { properties: { level } },
        version: '2016-09-01',
      });
    await set(old, 'one', 'a');
    await apply();
    await lock(fresh, 'ReadOnly');
    await set(old, 'one', 'b');
    await refused(apply(), 'scope-locked');
    await refused(ask('abandon'), 'scope-locked');
    await plane.send('DELETE', `${plane.scope(fresh)}/providers/Microsoft.Authorization/locks/held`, {
      version: '2016-09-01',
    });
    await lock(old, 'CanNotDelete');
    await refused(ask('finish'), 'scope-locked');
    assert.equal((await ask('finish', { keep: true })).state, 'finished');
    const { status } = await plane.send('GET', `${plane.scope(fresh)}/providers/Microsoft.Authorization/locks/held`, {
      version: '2016-09-01',
    });
    assert.equal(status, 200);
  });

  it('gives the new vault purge protection at the end alone, so that a move can be given up', async () => {
    await plane.makeVault(old, { enablePurgeProtection: true });
    await apply();
    assert.equal((await plane.vault(fresh))!.settings.enablePurgeProtection, false);
    await ask('abandon');
    await apply();
    await ask('finish');
    assert.equal((await plane.vault(fresh))!.settings.enablePurgeProtection, true);
  });

  it('never takes back a purge protection that the new vault was given meanwhile', async () => {
    await apply();
    const { location, settings, tags } = (await plane.vault(fresh))!;
    const properties = { ...settings, sku: { family: 'A', name: settings.sku }, tenantId: plane.tenantId };
    const body = { location, tags, properties: { ...properties, enablePurgeProtection: true } };
    assert.equal((await plane.send('PUT', plane.scope(fresh), { body })).status, 200);
    const { status } = await plane.send('PATCH', plane.scope(old), { body: { tags: { team: 'another' } } });
    assert.equal(status, 200);
    assert.deepEqual((await apply()).conflicts, []);
    const after = (await plane.vault(fresh))!;
    assert.deepEqual([after.settings.enablePurgeProtection, after.tags], [true, { team: 'another' }]);
  });

  it('notices that the new vault was deleted, and forgets the move when it is purged', async () => {
    await apply();
    await plane.send('DELETE', plane.scope(fresh));
    await refused(apply(), 'vault-move-target-gone');
    await ask('abandon');
    await refused(ask('get'), 'vault-move-none');
    await apply();
    await plane.send('DELETE', plane.scope(fresh));
    const purge = `${plane.subscription}/providers/Microsoft.KeyVault/locations/local/deletedVaults/${fresh}/purge`;
    assert.equal((await plane.send('POST', purge)).status, 202);
    await refused(ask('get'), 'vault-move-none');
    await apply();
  });

  it('refuses orders that make no sense', async () => {
    for (const order of [{ to: 5 }, { sku: 'basic' }, { keys: 'all' }, { days: -1 }, { purgeProtection: 'yes' }]) {
      await refused(ask('apply', { to: fresh, ...order }), 'vault-move-order-invalid');
    }
    await refused(ask('finish', { keep: 1 }), 'vault-move-order-invalid');
  });
});
