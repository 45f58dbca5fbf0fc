import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { sampleIncoming, sampleOperation } from '../../tests/support/samples.ts';
import type { Refusal } from '../refusals/refusal.ts';
import type { ApiVersions, Plane } from './operation.ts';
import { checkVersion, dataPlaneVersions, isVersionAtLeast, noVersions } from './versions.ts';

function check(
  version: string | undefined,
  versions: ApiVersions = dataPlaneVersions,
  acceptNewer = false,
  plane: Plane = 'data',
) {
  const query: Record<string, string> = version === undefined ? {} : { 'api-version': version };
  return checkVersion(sampleIncoming({ operation: sampleOperation({ versions, plane }), query }), acceptNewer);
}

const codeOf = (work: () => unknown): string => {
  try {
    work();
  } catch (error) {
    return (error as Refusal).code;
  }
  return 'none';
};

describe('the api-version of a request', () => {
  it('is taken where it is known', () => {
    for (const version of dataPlaneVersions.known) assert.equal(check(version), version);
  });

  it('is demanded, in the words of its plane', () => {
    for (const version of [undefined, '']) {
      assert.equal(
        codeOf(() => check(version)),
        'version-missing',
      );
      assert.equal(
        codeOf(() => check(version, { known: ['2022-04-01'] }, false, 'management')),
        'arm-version-missing',
      );
    }
  });

  it('is refused where it is unknown, in the words of its plane', () => {
    for (const version of [
      '7.7',
      '7',
      '7.50',
      '2025-07-02',
      '2031-01-01',
      '7.5 ',
      ' 7.5',
      'latest',
      '7.5\u0000',
      '__proto__',
    ]) {
      assert.equal(
        codeOf(() => check(version)),
        'version-unknown',
        version,
      );
    }
    assert.equal(
      codeOf(() => check('2030-01-01', { known: ['2022-04-01'] }, false, 'management')),
      'arm-version-unknown',
    );
  });

  it('is served as the newest known one where the operator says so and it is a later date', () => {
    const newest = dataPlaneVersions.known[dataPlaneVersions.known.length - 1]!;
    assert.equal(check('2031-01-01', dataPlaneVersions, true), newest);
    assert.equal(check('2031-01-01-preview', dataPlaneVersions, true), newest);
    for (const version of ['2024-01-01', '7.99', '2031-99-01', 'z'])
      assert.equal(
        codeOf(() => check(version, dataPlaneVersions, true)),
        'version-unknown',
        version,
      );
  });

  it('may be any date where the row says so', () => {
    const versions = { known: ['2015-11-01'], anyDate: true };
    for (const version of ['2015-11-01', '2013-03-01', '2029-12-31-preview']) {
      assert.equal(check(version, versions, false, 'management'), version);
    }
    assert.equal(
      codeOf(() => check('1999-01-01', versions, false, 'management')),
      'arm-version-unknown',
    );
  });

  it('is passed on where an operation takes none, if it is one at all', () => {
    assert.equal(check(undefined, noVersions), '');
    assert.equal(check('1.0', noVersions), '1.0');
    assert.equal(check('a b"c', noVersions), '');
  });

  it('is told back in at most 64 characters', () => {
    assert.throws(
      () => check('x'.repeat(5000)),
      (error: Refusal) => error.message.length < 300 && error.facts['version'] === 'x'.repeat(64),
    );
  });

  it('is compared by age, not by spelling', () => {
    assert.ok(isVersionAtLeast('2025-07-01', '7.6'));
    assert.ok(isVersionAtLeast('7.1', '7.1'));
    assert.ok(!isVersionAtLeast('2016-10-01', '7.1'));
    assert.ok(!isVersionAtLeast('7.5', '2025-07-01'));
  });
});
