import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { sampleCall, sampleOperation } from '../../tests/support/samples.ts';
import type { Refusal } from '../refusals/refusal.ts';
import { methodRefuser } from './methods.ts';

const row = (method: 'GET' | 'POST' | 'PUT', path: string) => sampleOperation({ method, path });

describe('the row for a method that a path does not have', () => {
  it('refuses with the methods that it has', async () => {
    const find = methodRefuser([row('GET', '/things'), row('POST', '/Things')]);
    const found = find('data', 'DELETE', '/things');
    assert.deepEqual([found?.id, found?.method], ['MethodNotAllowed', 'DELETE']);
    await assert.rejects(
      found!.run(sampleCall()),
      (error: Refusal) => error.code === 'method-not-allowed' && String(error.facts['allowed']) === 'GET,POST',
    );
  });

  it('is found as routes are: in any case, with a slash too many, by whatever name', () => {
    const find = methodRefuser([row('PUT', '/secrets/:name'), row('GET', '/secrets/:id')]);
    for (const path of ['/secrets/a', '/SECRETS/a', '//secrets//a/', '/secrets/%2e']) {
      assert.equal(find('data', 'POST', path)?.path, '/secrets/:name', path);
    }
  });

  it('is not there for an unknown path, another plane, or a verb that no path has', () => {
    const find = methodRefuser([row('GET', '/things'), row('GET', '/things/:name/parts')]);
    for (const path of ['/', '/thing', '/things/a', '/things/a/parts/b', '/things/a/part']) {
      assert.equal(find('data', 'PUT', path), null, path);
    }
    assert.equal(find('management', 'PUT', '/things'), null);
    assert.equal(find('data', 'GET', '/things'), null);
    assert.equal(find('data', 'OPTIONS', '/things'), null);
  });

  it('asks for a token where the path does', () => {
    const open = methodRefuser([sampleOperation({ path: '/a', need: { kind: 'anonymous' } })]);
    assert.equal(open('data', 'DELETE', '/a')?.need.kind, 'anonymous');
    const closed = methodRefuser([sampleOperation({ path: '/a' })]);
    assert.equal(closed('data', 'DELETE', '/a')?.need.kind, 'authenticated');
  });
});
