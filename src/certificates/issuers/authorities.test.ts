import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { readAuthorities } from './authorities.ts';

const acme = {
  name: 'public',
  provider: 'ACME',
  directoryUrl: 'https://acme.example/dir',
  challenge: { type: 'http-01' },
};

const digicert = { name: 'digicert', provider: 'DigiCert' };
const own = {
  name: 'inside',
  provider: 'StrongroomCA',
  vault: 'main-vault',
  key: 'ca',
  permittedDomains: ['in.example'],
};

function faultOf(...entries: readonly unknown[]): string {
  const result = readAuthorities(entries);
  return 'fault' in result ? result.fault : '';
}

describe('the setting certificateAuthorities', () => {
  it('takes every way to prove names', () => {
    const challenges = [
      { type: 'http-01' },
      { type: 'http-01', port: 8080, addresses: ['192.0.2.1'] },
      { type: 'http-01', webroot: '/var/www' },
      { type: 'tls-alpn-01', port: 8443 },
      { type: 'dns-01', command: ['/usr/local/bin/dns', '--zone', 'example.com'], settleSeconds: 30 },
      { type: 'dns-01', server: 'ns.example.com', tsigKeyFile: '/etc/tsig.key' },
    ];
    const result = readAuthorities(challenges.map((challenge, index) => ({ ...acme, name: `a${index}`, challenge })));
    assert.ok('authorities' in result, JSON.stringify(result));
    const kinds = result.authorities.map((one) => (one.provider === 'ACME' ? one.challenge.kind : one.provider));
    assert.deepEqual(kinds, [
      'http-listener',
      'http-listener',
      'http-webroot',
      'tls-listener',
      'dns-command',
      'dns-update',
    ]);
  });

  it('refuses what it does not know, and says where', () => {
    const cases: readonly (readonly [unknown, RegExp])[] = [
      ['text', /each entry must be an object/],
      [{ ...acme, name: 'no spaces' }, /name of each entry/],
      [{ ...digicert, url: 'http://x' }, /https URL/],
      [{ ...digicert, apiKey: 'secret' }, /exist: apiKey/],
      [{ name: 'atlas', provider: 'GlobalSign', keyFile: 'k' }, /atlas needs certificateFile/],
      [{ ...own, permittedDomains: [] }, /permittedDomains of inside/],
      [{ ...own, permittedDomains: ['*.in.example'] }, /permittedDomains of inside/],
      [{ ...own, permittedAddresses: ['10.0.0.0'] }, /no address range/],
      [{ ...own, purposes: ['anything'] }, /anything in purposes/],
      [{ ...own, publicUrl: 'https://pki.example' }, /publicUrl of inside/],
      [{ ...own, longestDays: 0 }, /1 to 3650/],
      [{ ...acme, provider: 'acme' }, /provider of public is one of ACME/],
      [{ ...acme, provider: 'toString' }, /provider of public/],
      [{ ...acme, directoryUrl: 'http://acme.example/dir' }, /https URL/],
      [{ ...acme, directoryUrl: 'https://user:password@acme.example/dir' }, /https URL/],
      [{ ...acme, insecure: true }, /public has a member that does not exist: insecure/],
      [{ ...acme, challenge: { type: 'dns-02' } }, /not dns-02/],
      [{ ...acme, challenge: { type: 'http-01', webroot: '/w', port: 80 } }, /challenge of public .* exist: port/],
      [{ ...acme, challenge: { type: 'dns-01', command: ['hook.sh'] } }, /absolute path/],
      [{ ...acme, challenge: { type: 'dns-01', server: 'ns;evil', tsigKeyFile: '/k' } }, /server of challenge/],
      [{ ...acme, challenge: { type: 'http-01', port: 0 } }, /1 to 65535/],
      [{ ...acme, contacts: ['anna@example.com'] }, /contacts of public/],
      [{ ...acme, caFile: '/nonexistent/ca.pem' }, /cannot be read: ENOENT/],
    ];
    for (const [entry, fault] of cases) assert.match(faultOf(entry), fault);
    assert.match(faultOf(acme, acme), /public is in it twice/);
  });
});
