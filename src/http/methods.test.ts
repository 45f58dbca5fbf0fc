import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { sampleCall, sampleOperation } from '../../tests/support/samples.ts';
import type { Refusal } from '../refusals/refusal.ts';
import { withMethodRows } from './methods.ts';

const row = (method: 'GET' | 'POST' | 'PUT', path: string) => sampleOperation({ method, path });
const spelled = (operations: readonly { method: string; path: string }[]) =>
  operations.map(({ method, path }) => `${method} ${path}`);

describe('the rows for methods that a path does not have', () => {
  it('are there for each verb, and name those that it has', async () => {
    const made = withMethodRows([row('GET', '/things'), row('POST', '/Things')]);
    assert.deepEqual(spelled(made).slice(2).sort(), ['DELETE /things', 'PATCH /things', 'PUT /things']);
    await assert.rejects(
      made[2]!.run(sampleCall()),
      (error: Refusal) => error.code === 'method-not-allowed' && String(error.facts['allowed']) === 'GET,POST',
    );
  });

  it('leave out what another row serves with a name of that spelling', () => {
    const made = spelled(
      withMethodRows([row('PUT', '/secrets/:name'), row('GET', '/secrets/:id'), row('POST', '/secrets/restore')]),
    );
    assert.ok(!made.includes('PUT /secrets/restore'));
    assert.ok(!made.includes('GET /secrets/restore'));
    assert.ok(made.includes('DELETE /secrets/restore'));
    assert.ok(made.includes('POST /secrets/:name'));
  });

  it('ask for a token where the path does', () => {
    const [, refused] = withMethodRows([sampleOperation({ path: '/a', need: { kind: 'anonymous' } })]);
    assert.equal(refused!.need.kind, 'anonymous');
    assert.equal(withMethodRows([sampleOperation({ path: '/a' })])[1]!.need.kind, 'authenticated');
  });
});
