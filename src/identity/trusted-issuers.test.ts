import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { readTrustedIssuers } from './trusted-issuers.ts';

const faultOf = (value: unknown) => {
  const result = readTrustedIssuers([value]);
  return 'fault' in result ? result.fault : null;
};

describe('the setting trustedIssuers', () => {
  const issuer = 'https://token.ci.example';

  it('takes keys from a file, from a URL, or by discovery', () => {
    const kinds = [{ issuer, jwksFile: '/keys.json' }, { issuer, jwksUri: 'https://ci.example/keys' }, { issuer }].map(
      (entry) => {
        const result = readTrustedIssuers([entry]);
        assert.ok('issuers' in result);
        return result.issuers[0]!.keys.kind;
      },
    );
    assert.deepEqual(kinds, ['file', 'url', 'discovery']);
  });

  it('refuses what would trust more, or other things, than was meant', () => {
    assert.match(faultOf({ issuer: 'http://ci.example' })!, /https/);
    assert.match(faultOf({ issuer: 'https://user:pw@ci.example' })!, /https/);
    assert.match(faultOf({ issuer, jwksUri: 'http://ci.example/keys' })!, /jwksUri/);
    assert.match(faultOf({ issuer, jwksUri: 'https://ci.example/keys', jwksFile: 'k' })!, /both/);
    assert.match(faultOf({ issuer, algorithms: ['none'] })!, /algorithms/);
    assert.match(faultOf({ issuer, algorithms: ['HS256'] })!, /algorithms/);
    assert.match(faultOf({ issuer, audience: 'x' })!, /does not exist: audience/);
    assert.match(faultOf('https://ci.example')!, /object/);
    assert.ok('fault' in readTrustedIssuers([{ issuer }, { issuer }]));
  });
});
