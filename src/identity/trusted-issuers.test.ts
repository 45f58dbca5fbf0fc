import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { readTrustedIssuers } from './trusted-issuers.ts';

const faultOf = (value: unknown) => {
  const result = readTrustedIssuers([value], 'vaults.example');
  return 'fault' in result ? result.fault : null;
};

describe('the setting trustedIssuers', () => {
  const issuer = 'https://token.ci.example';

  it('takes keys from a file, from a URL, or by discovery', () => {
    const kinds = [{ issuer, jwksFile: '/keys.json' }, { issuer, jwksUri: 'https://ci.example/keys' }, { issuer }].map(
      (entry) => {
        const result = readTrustedIssuers([entry], 'vaults.example');
        assert.ok('issuers' in result);
        return result.issuers[0]!.keys.kind;
      },
    );
    assert.deepEqual(kinds, ['file', 'url', 'discovery']);
  });

  it('reads on what terms tokens are bearer tokens, the strict ones where nothing is said', () => {
    const objectId = '11111111-1111-4111-8111-11111111111A';
    const audiences = { data: ['api://vault'] };
    const result = readTrustedIssuers(
      [{ issuer, bearer: { audiences, principals: [{ subject: 'ci', objectId }] } }],
      'vaults.example',
    );
    assert.ok('issuers' in result);
    assert.deepEqual(result.issuers[0]!.bearer, {
      audiences,
      subjectClaim: 'sub',
      principals: new Map([['ci', objectId.toLowerCase()]]),
      federatedCredentials: false,
      maxLifetimeSeconds: 86_400,
      clockSkewSeconds: 60,
    });
    const bearer = (terms: object) => faultOf({ issuer, bearer: { audiences, federatedCredentials: true, ...terms } });
    assert.equal(bearer({}), null);
    assert.match(bearer({ audiences: {} })!, /at least one/);
    assert.match(bearer({ audiences: { login: ['a'] } })!, /plane that does not exist: login/);
    assert.match(bearer({ audiences: { data: [] } })!, /list of texts/);
    assert.match(bearer({ audiences: { data: [''] } })!, /list of texts/);
    assert.match(bearer({ federatedCredentials: false })!, /needs principals/);
    assert.match(bearer({ federatedCredentials: 'yes' })!, /true or false/);
    assert.match(bearer({ subjectClaim: 'email' })!, /sub or oid/);
    assert.match(bearer({ groups: {} })!, /does not exist: groups/);
    assert.match(bearer({ maxLifetimeMinutes: 0 })!, /1 to 10080/);
    assert.match(bearer({ clockSkewSeconds: 301 })!, /0 to 300/);
    assert.match(bearer({ principals: [{ subject: 'a', objectId: 'admin' }] })!, /subject and objectId/);
    assert.match(bearer({ principals: [{ subject: 'a', objectId, role: 'Owner' }] })!, /subject and objectId/);
    const twice = [
      { subject: 'a', objectId },
      { subject: 'a', objectId },
    ];
    assert.match(bearer({ principals: twice })!, /twice/);
    assert.match(faultOf({ issuer, bearer: true })!, /must be an object/);
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
    for (const own of ['https://sts.vaults.example/t/', 'https://login.vaults.example/t/v2.0']) {
      assert.match(faultOf({ issuer: own })!, /own authority/);
    }
    assert.equal(faultOf({ issuer: 'https://idp.vaults.example' }), null);
    for (const path of [
      '{tenantid}/v2.0',
      '%7Btenantid%7D/v2.0',
      'common/v2.0',
      'organizations/v2.0',
      '',
      'contoso.com/v2.0',
    ]) {
      assert.match(faultOf({ issuer: `https://login.microsoftonline.com/${path}` })!, /template|names no tenant/);
    }
    assert.match(faultOf({ issuer: 'https://sts.windows.net/common/' })!, /names no tenant/);
    assert.ok('fault' in readTrustedIssuers([{ issuer }, { issuer }], 'vaults.example'));
  });
});
