import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { capabilities } from '../../src/access/move/capabilities.ts';
import { moveOperations } from '../../src/access/move/operations.ts';
import { accessOperations } from '../../src/access/role-operations.ts';
import { authorityOperations } from '../../src/certificates/issuers/authority/operations.ts';
import { encryptionKeyOperations } from '../../src/crypto/operations.ts';
import { graphOperations } from '../../src/directory/operations.ts';
import { imdsOperations } from '../../src/identity/imds-operations.ts';
import { keyOperations as signingKeyOperations } from '../../src/identity/key-operations.ts';
import { loginOperations } from '../../src/identity/operations.ts';
import { clockOperations } from '../../src/jobs/clock-operations.ts';
import { keyOperations } from '../../src/keys/operations.ts';
import { movingOperations } from '../../src/moving/operations.ts';
import type { Operation } from '../../src/operations/operation.ts';
import { resourceOperations } from '../../src/resources/operations.ts';
import { armSecretOperations } from '../../src/secrets/arm-operations.ts';
import { secretOperations } from '../../src/secrets/operations.ts';

// Rows only close over their parts; none is used before an operation runs.
const parts = { domain: 'localhost', subscriptionId: 'none', tenantId: 'none' } as never;
const operations: readonly Operation[] = [
  ...secretOperations(parts),
  ...keyOperations(parts),
  ...armSecretOperations(parts),
  ...resourceOperations(parts),
  ...accessOperations(parts),
  ...moveOperations(parts),
  ...authorityOperations(parts),
  ...movingOperations(parts),
  ...clockOperations(parts),
  ...signingKeyOperations(parts),
  ...encryptionKeyOperations(parts),
  ...loginOperations(parts),
  ...graphOperations(parts),
  ...imdsOperations(parts),
];

describe('the table of operations', () => {
  it('has each plane, method and path once, whatever the parameters are called', () => {
    const shapes = operations.map(
      ({ plane, method, path }) => `${plane} ${method} ${path.toLowerCase().replace(/:[^/]+/g, ':')}`,
    );
    assert.deepEqual(
      shapes.filter((shape, index) => shapes.indexOf(shape) !== index),
      [],
    );
    assert.ok(shapes.length > 100, `it has ${shapes.length}`);
  });

  it('names each operation as the audit log can show it', () => {
    const found = operations.filter(({ id, audit }) => !/^[A-Z][A-Za-z0-9]+$/.test(audit ?? id));
    assert.deepEqual(
      found.map(({ id }) => id),
      [],
    );
  });

  it('lets nothing that changes data go unaudited', () => {
    const found = operations.filter(({ unaudited, method }) => unaudited && method !== 'GET' && method !== 'HEAD');
    assert.deepEqual(
      found.map(({ id }) => id),
      [],
    );
  });

  it('asks for a right on every operation of the data plane', () => {
    const found = operations.filter(({ plane, need }) => plane === 'data' && need.kind !== 'data');
    assert.deepEqual(
      found.map(({ id }) => id),
      [],
    );
  });

  it('has every right of the data plane among those that a move between the permission models knows', () => {
    const known = capabilities.map(({ of, name, action }) => `${of} ${name} ${action}`);
    const found = operations.flatMap(({ need }) =>
      need.kind === 'data' ? [`${need.permission.of} ${need.permission.name.toLowerCase()} ${need.dataAction}`] : [],
    );
    assert.deepEqual(
      [...new Set(found)].filter((right) => !known.includes(right)),
      [],
    );
  });

  it('opens anonymous operations for sign-in, metadata and health alone', () => {
    const found = operations.filter(
      ({ plane, need, path }) =>
        need.kind === 'anonymous' && plane !== 'login' && plane !== 'imds' && !path.startsWith('/metadata/'),
    );
    assert.deepEqual(
      found.map(({ id }) => id),
      [],
    );
  });

  it('names at least one success for each', () => {
    assert.deepEqual(
      operations.filter(({ success }) => success.length === 0).map(({ id }) => id),
      [],
    );
  });
});
