import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type AskedFor, type AuthorityProfile, beyondProfile } from './profile.ts';

const SERVER = '1.3.6.1.5.5.7.3.1';
const CODE = '1.3.6.1.5.5.7.3.3';
const profile: AuthorityProfile = {
  permittedDomains: ['inside.example'],
  permittedAddresses: ['10.1.0.0/16', 'fd00::/8'],
  purposes: [SERVER],
  longestDays: 90,
};
const asked = (names: readonly [string, string][], more: Partial<AskedFor> = {}): AskedFor => ({
  commonNames: [],
  names: names.map(([kind, value]) => ({ kind, value })),
  purposes: [SERVER],
  key: { family: 'EC', bits: 256 },
  ...more,
});
const codeOf = (request: AskedFor, of = profile) => beyondProfile(of, request)?.code ?? 'permitted';

describe('the profile of an authority', () => {
  it('permits names in its domains and below, and addresses in its ranges', () => {
    const good: readonly [string, string][] = [
      ['dns', 'inside.example'],
      ['dns', 'A.b.Inside.Example'],
      ['dns', '*.inside.example'],
      ['ip', '10.1.2.3'],
      ['ip', 'fd12::1'],
    ];
    for (const name of good) assert.equal(codeOf(asked([name])), 'permitted', name[1]);
    assert.equal(codeOf(asked(good)), 'permitted');
  });

  it('refuses every other name, of whatever kind, also beside good ones', () => {
    const bad: readonly [string, string][] = [
      ['dns', 'example'],
      ['dns', 'notinside.example'],
      ['dns', 'inside.example.evil'],
      ['dns', 'x.*.inside.example'],
      ['dns', '*'],
      ['dns', '*.'],
      ['dns', ''],
      ['dns', 'inside.example.'],
      ['dns', '.inside.example'],
      ['dns', 'a b.inside.example'],
      ['dns', 'a\u0000.inside.example'],
      ['dns', 'evil.example\u0000.inside.example'],
      ['dns', '10.1.2.3'],
      ['ip', '10.2.0.1'],
      ['ip', '::ffff:10.1.2.3'],
      ['ip', '0.0.0.0'],
      ['ip', 'inside.example'],
      ['email', 'anna@inside.example'],
      ['url', 'https://inside.example/'],
      ['upn', 'anna@inside.example'],
      ['dn', 'CN=inside.example'],
    ];
    for (const name of bad) {
      assert.equal(codeOf(asked([['dns', 'inside.example'], name])), 'name-not-permitted', JSON.stringify(name));
    }
    assert.equal(codeOf(asked([['ip', '10.1.2.3']]), { ...profile, permittedAddresses: [] }), 'name-not-permitted');
  });

  it('refuses a common name that looks like one of a host and is not among the names', () => {
    const name = ['dns', 'a.inside.example'] as [string, string];
    for (const common of ['evil.example', '10.1.2.3', 'b.inside.example']) {
      assert.equal(codeOf(asked([name], { commonNames: [common] })), 'common-name-not-proven', common);
    }
    for (const common of ['a.inside.example', 'A.INSIDE.example', 'Payments', 'Dr. Nova']) {
      assert.equal(codeOf(asked([name], { commonNames: [common] })), 'permitted', common);
    }
  });

  it('refuses weak and unknown keys, other purposes, no names and too many', () => {
    const name = ['dns', 'a.inside.example'] as [string, string];
    for (const key of [
      { family: 'RSA', bits: 1024 },
      { family: 'RSA', bits: 16_384 },
      { family: 'EC', bits: 0 },
      { family: 'other', bits: 256 },
    ]) {
      assert.equal(codeOf(asked([name], { key })), 'key-too-weak');
    }
    assert.equal(codeOf(asked([name], { purposes: [SERVER, CODE] })), 'purpose-not-permitted');
    assert.equal(codeOf(asked([name], { purposes: [] })), 'permitted');
    assert.equal(codeOf(asked([])), 'no-names');
    assert.equal(codeOf(asked(Array.from({ length: 101 }, () => name))), 'too-many-names');
  });

  it('tells the reason without what a terminal would act on', () => {
    const { details } = beyondProfile(profile, asked([['dns', '\u001b[31mevil\r\n.example']]))!;
    assert.match(details, /^The authority does not sign this request: /);
    assert.doesNotMatch(details, /[\u0000-\u001f]/);
  });
});
