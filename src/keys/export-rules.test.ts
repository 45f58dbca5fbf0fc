import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type AskedRelease, checkExport, policyAfter, policyOfVersion, readRelease } from './export-rules.ts';

const data = (value: string) =>
  Buffer.from(
    JSON.stringify({
      version: '1.0.0',
      anyOf: [{ authority: 'https://a.example', allOf: [{ claim: 'x', equals: value }] }],
    }),
  ).toString('base64url');
const asked = (exportable?: boolean, value?: string, immutable?: boolean) =>
  readRelease({
    attributes: exportable === undefined ? {} : { exportable },
    ...(value && { release_policy: { data: data(value), ...(immutable !== undefined && { immutable }) } }),
  });
const secure = ['secureWrapKey', 'secureUnwrapKey'];
/** The policy of a version: what is asked, and the policy of what is there. */
const policyOf = (release: AskedRelease, there: string | null | undefined, operations = ['sign'], before = ['sign']) =>
  policyOfVersion({ operations, release }, there === undefined ? null : { name: 'k', ...row(there, before) });
const row = (policy: string | null, operations = ['sign']) => ({
  release_policy: policy,
  key_ops: JSON.stringify(operations),
});
const first = (value: string, immutable = false) => policyOf(asked(true, value, immutable), undefined)!;

describe('the first version of a key', () => {
  it('is exportable with a policy, and neither without the other', () => {
    assert.deepEqual(JSON.parse(first('y')), {
      contentType: 'application/json; charset=utf-8',
      data: data('y'),
      immutable: false,
    });
    assert.equal(policyOf(asked(), undefined), null);
    assert.equal(policyOf(asked(false), undefined), null);
    assert.throws(() => policyOf(asked(true), undefined), { code: 'key-release-policy-missing' });
    assert.throws(() => policyOf(asked(undefined, 'y'), undefined), { code: 'key-release-policy-unneeded' });
  });

  it('is exportable in premium vaults, from 7.3 on', () => {
    checkExport(asked(), false, false);
    checkExport(asked(true, 'y'), true, true);
    for (const [isPremium, isServed] of [
      [false, true],
      [true, false],
    ] as const) {
      assert.throws(() => checkExport(asked(true), isPremium, isServed), { code: 'key-export-unavailable' });
      assert.throws(() => checkExport(asked(undefined, 'y'), isPremium, isServed), { code: 'key-export-unavailable' });
    }
  });
});

describe('a later version', () => {
  it('has the policy of the key, and changes neither it nor whether the key leaves', () => {
    assert.equal(policyOf(asked(), first('y')), first('y'));
    assert.equal(policyOf(asked(true), first('y')), first('y'));
    assert.equal(policyOf(asked(true, 'y'), first('y', true)), first('y', true));
    assert.equal(policyOf(asked(), null), null);
    assert.throws(() => policyOf(asked(true, 'z'), first('y')), { code: 'key-release-policy-of-key' });
    assert.throws(() => policyOf(asked(false), first('y')), { code: 'key-export-fixed' });
    assert.throws(() => policyOf(asked(true, 'y'), null), { code: 'key-export-fixed' });
    assert.throws(() => policyOf(asked(undefined, 'y'), null), { code: 'key-release-policy-unneeded' });
  });
});

describe('an update', () => {
  it('changes a policy that may be changed, of the key and not of a version', () => {
    assert.equal(policyAfter(asked(undefined, 'z'), row(first('y')), false), first('z'));
    assert.equal(policyAfter(asked(true, 'y', true), row(first('y')), false), first('y', true));
    assert.equal(policyAfter(asked(), row(first('y')), true), first('y'));
    assert.equal(policyAfter(asked(undefined, 'y'), row(first('y')), true), first('y'));
    assert.throws(() => policyAfter(asked(undefined, 'z'), row(first('y')), true), {
      code: 'key-release-policy-of-key',
    });
    assert.throws(() => policyAfter(asked(undefined, 'z'), row(null), false), { code: 'key-release-policy-unneeded' });
  });

  it('changes nothing of an immutable policy, not even that it is immutable', () => {
    const there = first('y', true);
    assert.equal(policyAfter(asked(undefined, 'y'), row(there), false), there);
    for (const change of [asked(undefined, 'z'), asked(undefined, 'z', true), asked(undefined, 'y', false)]) {
      assert.throws(() => policyAfter(change, row(there), false), { code: 'key-release-policy-immutable' });
    }
  });

  it('never changes whether a key leaves', () => {
    assert.throws(() => policyAfter(asked(false), row(first('y')), false), { code: 'key-export-fixed' });
    assert.throws(() => policyAfter(asked(true, 'y'), row(null), false), { code: 'key-export-fixed' });
  });
});

describe('a key for secure wrapping', () => {
  it('has a policy, and is not exportable', () => {
    const policy = policyOf(asked(undefined, 'y'), undefined, secure)!;
    assert.equal(JSON.parse(policy).data, data('y'));
    assert.equal(policyOf(asked(false, 'y'), undefined, secure), policy);
    assert.throws(() => policyOf(asked(), undefined, secure), { code: 'key-secure-wrap-policy-missing' });
    assert.throws(() => policyOf(asked(true, 'y'), undefined, secure), { code: 'key-secure-wrap-exportable' });
  });

  it('stays one with every version, under its policy, and no other key becomes one', () => {
    const policy = policyOf(asked(undefined, 'y'), undefined, secure)!;
    assert.equal(policyOf(asked(), policy, secure, secure), policy);
    assert.throws(() => policyOf(asked(true), policy, secure, secure), { code: 'key-export-fixed' });
    assert.throws(() => policyOf(asked(undefined, 'z'), policy, secure, secure), { code: 'key-release-policy-of-key' });
    assert.throws(() => policyOf(asked(), policy, ['sign'], secure), { code: 'key-purpose-fixed' });
    assert.throws(() => policyOf(asked(true), first('y'), secure, ['sign']), { code: 'key-purpose-fixed' });
    assert.throws(() => policyAfter(asked(true), row(policy, secure), false), { code: 'key-export-fixed' });
    const changed = policyAfter(asked(undefined, 'z'), row(policy, secure), false);
    assert.equal(JSON.parse(changed!).data, data('z'));
  });
});
