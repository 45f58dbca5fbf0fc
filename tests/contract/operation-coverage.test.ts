import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { unknownPath } from '../../src/http/unknown.ts';
import { armKeyOperations } from '../../src/keys/arm-operations.ts';
import type { Operation } from '../../src/operations/operation.ts';
import { resourceOperations } from '../../src/resources/operations.ts';
import { armSecretOperations } from '../../src/secrets/arm-operations.ts';
import { isObject, openContractFiles } from './contract-files.ts';

// Rows only close over their parts; none is used before an operation runs.
const parts = { domain: 'localhost' } as never;
const table: readonly Operation[] = [
  ...resourceOperations(parts),
  ...armSecretOperations(parts),
  ...armKeyOperations(parts),
];
const files = openContractFiles();

/** Operations that the release does not have; each answers 501. Managed HSMs have rows of their own, which do the same. */
const missing: readonly string[] = [];

const shapeOf = (method: string, path: string): string =>
  `${method.toUpperCase()} ${path.toLowerCase().replace(/:[^/]+|\{[^/]+\}/g, '*')}`;
const shapes = new Set(table.map(({ method, path }) => shapeOf(method, path)));

for (const version of ['2023-07-01', '2026-02-01']) {
  const folder = `keyvault-resource-manager/${version}`;
  const published = files
    .list(folder)
    .filter((name) => name.endsWith('.json'))
    .flatMap((name) => Object.entries(files.load(`${folder}/${name}`)['paths'] ?? {}))
    .flatMap(([path, methods]) =>
      Object.entries(methods as object)
        .filter(([, value]) => isObject(value) && typeof value['operationId'] === 'string')
        .map(([method, value]) => ({ method, path, id: value.operationId as string })),
    );

  describe(`the management operations of ${version}`, () => {
    it('are all in the table, but for those that are known to be missing', () => {
      assert.ok(published.length >= 48, `${published.length} operations`);
      const absent = published.filter(({ method, path }) => !shapes.has(shapeOf(method, path)));
      assert.deepEqual(absent.map(({ id }) => id).sort(), missing);
    });

    it('that are missing say so', () => {
      for (const { method, path, id } of published.filter(({ id }) => missing.includes(id))) {
        assert.equal(unknownPath('management', method, path.replace(/[{}]/g, '')).status, 501, id);
      }
    });

    it('have versions that include it', () => {
      const rows = new Map(table.map((row) => [shapeOf(row.method, row.path), row]));
      for (const { method, path, id } of published) {
        const row = rows.get(shapeOf(method, path));
        if (!row) continue;
        assert.ok(row.versions.anyDate || row.versions.known.includes(version), id);
      }
    });
  });
}
