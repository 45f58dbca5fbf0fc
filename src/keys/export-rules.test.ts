import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { checkExport, policyAfter, policyOfVersion, readRelease } from './export-rules.ts';

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
const first = (value: string, immutable = false) => policyOfVersion(asked(true, value, immutable), undefined)!;

describe('the first version of a key', () => {
  it('is exportable with a policy, and neither without the other', () => {
    assert.deepEqual(JSON.parse(first('y')), {
      contentType: 'application/json; charset=utf-8',
      data: data('y'),
      immutable: false,
    });
    assert.equal(policyOfVersion(asked(), undefined), null);
    assert.equal(policyOfVersion(asked(false), undefined), null);
    assert.throws(() => policyOfVersion(asked(true), undefined), { code: 'key-release-policy-missing' });
    assert.throws(() => policyOfVersion(asked(undefined, 'y'), undefined), { code: 'key-release-policy-unneeded' });
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
    assert.equal(policyOfVersion(asked(), first('y')), first('y'));
    assert.equal(policyOfVersion(asked(true), first('y')), first('y'));
    assert.equal(policyOfVersion(asked(true, 'y'), first('y', true)), first('y', true));
    assert.equal(policyOfVersion(asked(), null), null);
    assert.throws(() => policyOfVersion(asked(true, 'z'), first('y')), { code: 'key-release-policy-of-key' });
    assert.throws(() => policyOfVersion(asked(false), first('y')), { code: 'key-export-fixed' });
    assert.throws(() => policyOfVersion(asked(true, 'y'), null), { code: 'key-export-fixed' });
    assert.throws(() => policyOfVersion(asked(undefined, 'y'), null), { code: 'key-release-policy-unneeded' });
  });
});

describe('an update', () => {
  it('changes a policy that may be changed, of the key and not of a version', () => {
    assert.equal(policyAfter(asked(undefined, 'z'), first('y'), false), first('z'));
    assert.equal(policyAfter(asked(true, 'y', true), first('y'), false), first('y', true));
    assert.equal(policyAfter(asked(), first('y'), true), first('y'));
    assert.equal(policyAfter(asked(undefined, 'y'), first('y'), true), first('y'));
    assert.throws(() => policyAfter(asked(undefined, 'z'), first('y'), true), { code: 'key-release-policy-of-key' });
    assert.throws(() => policyAfter(asked(undefined, 'z'), null, false), { code: 'key-release-policy-unneeded' });
  });

  it('changes nothing of an immutable policy, not even that it is immutable', () => {
    const there = first('y', true);
    assert.equal(policyAfter(asked(undefined, 'y'), there, false), there);
    for (const change of [asked(undefined, 'z'), asked(undefined, 'z', true), asked(undefined, 'y', false)]) {
      assert.throws(() => policyAfter(change, there, false), { code: 'key-release-policy-immutable' });
    }
  });

  it('never changes whether a key leaves', () => {
    assert.throws(() => policyAfter(asked(false), first('y'), false), { code: 'key-export-fixed' });
    assert.throws(() => policyAfter(asked(true, 'y'), null, false), { code: 'key-export-fixed' });
  });
});
