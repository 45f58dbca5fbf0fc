import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { readSources } from './sources.ts';

/** Columns of bytes that no rotation of keys has to seal anew, with the reason. */
const others: Readonly<Record<string, string>> = {
  'root_keys.wrapped': 'under the seal, not under a key',
  'vault_keys.wrapped': 'put under another root key by their id, not by their envelope',
  'audit_batches.records': 'packed, not sealed; a MAC names their root key',
  'vault_authorities.certificate': 'public',
  'vault_authorities.crl': 'public',
  'authority_certificates.certificate': 'public',
};

describe('the rotation of keys', () => {
  it('knows every table that holds something sealed', () => {
    const sources = readSources('src/store/*.ts');
    const columns = sources.flatMap(({ text }) => {
      const made = [...text.matchAll(/create\(\s*'(\w+)',\s*\{([^}]*)\}/g)];
      return made.flatMap(([, table, body]) =>
        [...body!.matchAll(/(\w+): 'bytes'/g)].map(([, column]) => `${table}.${column}`),
      );
    });
    const declared = readSources('src/**/*.ts').flatMap(({ text }) =>
      [...text.matchAll(/: (?:VaultEnvelopes|RootSealed) = \{\s*table: '(\w+)'/g)].map(([, table]) => table!),
    );
    assert.ok(columns.length >= 7, `${columns}`);
    const unknown = columns.filter((name) => !(name in others) && !declared.includes(name.split('.')[0]!));
    assert.deepEqual(unknown, [], 'declare them as VaultEnvelopes or RootSealed, and list them in src/server.ts');
    assert.deepEqual(
      Object.keys(others).filter((name) => !columns.includes(name)),
      [],
    );
  });
});
