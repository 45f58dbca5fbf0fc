import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { type TestParts, testParts } from '../../tests/support/parts.ts';
import { sampleCall, sampleOperation, sampleVault } from '../../tests/support/samples.ts';
import type { Refusal } from '../refusals/refusal.ts';
import type { Call } from './operation.ts';
import { Pager } from './paging.ts';

describe('the pages of a list', () => {
  let parts: TestParts;
  let pager: Pager;

  before(async () => {
    parts = await testParts();
    pager = new Pager(parts.keyring);
  });
  after(() => parts.cleanup());

  const list = (given: Partial<Call> = {}) =>
    sampleCall({ path: '/secrets', operation: sampleOperation({ id: 'SecretList' }), ...given });
  const refused = { code: 'query-invalid' };

  /** The query of the link to the page after `last`. */
  function following(call: Call, last: string): Record<string, string> {
    return Object.fromEntries(new URL(pager.nextLink(call, last)).searchParams);
  }

  it('has 25 items, or as many as are asked for', () => {
    assert.deepEqual(pager.read(list()), { size: 25, after: '' });
    for (const size of [1, 7, 25]) assert.equal(pager.read(list({ query: { maxresults: String(size) } })).size, size);
    for (const size of ['0', '26', '-1', '', 'x', '1.5', ' 5', '1e1', '0x5', '100']) {
      assert.throws(() => pager.read(list({ query: { maxresults: size } })), refused, size);
    }
  });

  it('goes on after the item that the link names', () => {
    for (const last of ['a', 'zz-9', 'x'.repeat(127), '0'.repeat(32)]) {
      assert.deepEqual(pager.read(list({ query: following(list(), last) })), { size: 25, after: last });
    }
    const small = list({ query: { maxresults: '3' } });
    assert.deepEqual(pager.read(list({ query: following(small, 'b') })), { size: 3, after: 'b' });
  });

  it("has a link of the caller's own host, port, path and version", () => {
    const call = list({
      origin: 'https://v.vault.test:9000',
      apiVersion: '2025-07-01',
      path: '//secrets//A/versions/',
    });
    assert.match(
      pager.nextLink(call, 'x'),
      /^https:\/\/v\.vault\.test:9000\/secrets\/A\/versions\?api-version=2025-07-01&\$skiptoken=[\w-]+$/,
    );
  });

  it('is refused with a token of another vault, list or name, and taken with the name in another case', () => {
    const versions = (name: string, vault = sampleVault()) =>
      list({ vault, parameters: { name }, operation: sampleOperation({ id: 'SecretListVersions' }) });
    const query = following(versions('one'), 'v1');
    assert.equal(pager.read({ ...versions('ONE'), query }).after, 'v1');
    for (const other of [
      versions('two'),
      versions('one', sampleVault({ id: '99999999-3333-4333-8333-333333333333' })),
      list(),
      { ...versions('one'), operation: sampleOperation({ id: 'SecretListDeleted' }) },
    ]) {
      assert.throws(() => pager.read({ ...other, query }), refused);
    }
  });

  it('is refused with a token that was changed at any place, cut or made up', () => {
    const token = following(list(), 'name')['$skiptoken']!;
    for (let at = 0; at < token.length; at++) {
      const changed = token.slice(0, at) + (token[at] === 'A' ? 'B' : 'A') + token.slice(at + 1);
      assert.throws(() => pager.read(list({ query: { $skiptoken: changed } })), refused, String(at));
      assert.throws(() => pager.read(list({ query: { $skiptoken: token.slice(0, at) } })), refused, `cut at ${at}`);
    }
    for (const made of [`${token}A`, `${token}=`, 'null', 'x'.repeat(3000)]) {
      assert.throws(
        () => pager.read(list({ query: { $skiptoken: made } })),
        (error: Refusal) => !error.message.includes(made),
      );
    }
  });

  it('is refused with a token of another installation', async () => {
    const other = await testParts();
    try {
      const link = new URL(new Pager(other.keyring).nextLink(list(), 'name'));
      const query = Object.fromEntries(link.searchParams);
      assert.throws(() => pager.read(list({ query })), refused);
    } finally {
      await other.cleanup();
    }
  });
});
