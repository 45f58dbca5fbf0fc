import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { refusalsPage } from '../../src/doctor/refusals-page.ts';
import { armRequestRefusals } from '../../src/refusals/arm-requests.ts';
import { authorisationRefusals } from '../../src/refusals/authorisation.ts';
import { authorityRefusals } from '../../src/refusals/authorities.ts';
import { catalogue } from '../../src/refusals/catalogue.ts';
import { certificateRefusals } from '../../src/refusals/certificates.ts';
import { clockRefusals } from '../../src/refusals/clock.ts';
import { dataRefusals } from '../../src/refusals/data.ts';
import { encryptionKeyRefusals } from '../../src/refusals/encryption-keys.ts';
import { federationRefusals } from '../../src/refusals/federation.ts';
import { generalRefusals } from '../../src/refusals/general.ts';
import { graphRefusals } from '../../src/refusals/graph.ts';
import { keyReleaseRefusals } from '../../src/refusals/key-release.ts';
import { keyRefusals } from '../../src/refusals/keys.ts';
import { lockRefusals } from '../../src/refusals/locks.ts';
import { loginRefusals } from '../../src/refusals/login.ts';
import { managedIdentityRefusals } from '../../src/refusals/managed-identity.ts';
import { managementRefusals } from '../../src/refusals/management.ts';
import { moveRefusals } from '../../src/refusals/moves.ts';
import { outsideTokenRefusals } from '../../src/refusals/outside-tokens.ts';
import { peopleRefusals } from '../../src/refusals/people.ts';
import { privateEndpointRefusals } from '../../src/refusals/private-endpoints.ts';
import type { RefusalRow } from '../../src/refusals/row.ts';
import { signInRefusals } from '../../src/refusals/sign-in.ts';
import { signingKeyRefusals } from '../../src/refusals/signing-keys.ts';
import { vaultMoveRefusals } from '../../src/refusals/vault-moves.ts';
import { findFiles, productSources, readSources, readText } from './sources.ts';

const rows = Object.entries(catalogue as Readonly<Record<string, RefusalRow>>);
const codes = rows.map(([code]) => code);

const assertions = 'src/identity/client-assertion.test.ts';
const signIn = 'src/identity/operations.test.ts';
const endpoint = 'src/identity/imds-operations.test.ts';
const refresh = 'src/identity/refresh-tokens.test.ts';
const federation = 'src/identity/federated-assertion.test.ts';
const directory = 'src/directory/operations.test.ts';
const applicationParts = 'src/directory/application-parts.test.ts';
const people = 'src/directory/people.test.ts';
const vaults = 'src/resources/vaults.test.ts';
const roles = 'src/access/role-assignments.test.ts';
const keys = 'tests/server/keys.test.ts';
const certificates = 'tests/server/certificates.test.ts';

/** Codes whose answer looks like another's: the suite that sends what leads to them. */
const alikeOnTheWire: Readonly<Record<string, string>> = {
  'assertion-algorithm': assertions,
  'assertion-certificate-expired': assertions,
  'assertion-lifetime': assertions,
  'assertion-malformed': assertions,
  'assertion-signature': assertions,
  'assertion-time': assertions,
  'client-authorization-malformed': signIn,
  'client-secret-expired': signIn,
  'parameter-missing': signIn,
  'refresh-token-unknown': refresh,
  'federated-token-malformed': federation,
  'federated-token-time': federation,
  'identity-disabled': endpoint,
  'identity-host': endpoint,
  'identity-metadata-header': endpoint,
  'identity-resource-missing': endpoint,
  'identity-secret-wrong': endpoint,
  'directory-forbidden': directory,
  'directory-right-missing': people,
  'directory-role-held': applicationParts,
  'graph-federated-full': applicationParts,
  'graph-federated-taken': applicationParts,
  'graph-password-attempts': people,
  'graph-password-policy': people,
  'graph-password-wrong': people,
  'graph-reference-exists': people,
  'graph-user-exists': people,
  'graph-credential-not-found': directory,
  'graph-password-generated-only': directory,
  'graph-principal-exists': directory,
  'graph-property-invalid': directory,
  'graph-property-read-only': directory,
  'graph-query-invalid': directory,
  'graph-segment-unknown': directory,
  'graph-uri-taken': directory,
  'certificate-deleted': certificates,
  'certificate-exists': certificates,
  'certificate-import-password': 'tests/server/certificate-imports.test.ts',
  'certificate-import-unusable': 'tests/server/certificate-imports.test.ts',
  'certificate-issuer-disabled': certificates,
  'certificate-merge-unusable': certificates,
  'certificate-name-deleted': certificates,
  'certificate-not-found': certificates,
  'certificate-pending-ended': certificates,
  'certificate-provider-unknown': certificates,
  'deleted-certificate-not-found': certificates,
  'deleted-key-not-found': keys,
  'key-deleted': keys,
  'key-exists': keys,
  'key-input-unsuitable': keys,
  'key-name-deleted': keys,
  'key-not-found': keys,
  'name-invalid': 'tests/server/bad-input.test.ts',
  'page-invalid': vaults,
  'policy-operation-unknown': vaults,
  'private-endpoint-state': 'src/resources/private-endpoints.test.ts',
  'private-endpoint-changed': 'src/resources/private-endpoints.test.ts',
  'retention-fixed': vaults,
  'tier-upgrade': vaults,
  'vault-property-invalid': vaults,
  'vault-purge-protected': vaults,
  'resource-not-found': roles,
  'role-definition-not-found': roles,
  'role-definition-unknown': roles,
};

/** Codes that no test produces yet. The list may only shrink. */
const unproven = ['vault-key-missing'];

/** Codes that are put together from parts, with the text that does it. */
const assembled: Readonly<Record<string, string>> = {
  'rbac-no-role': "'no-role'",
  'rbac-role-lacks-action': "'role-lacks-action'",
  'rbac-condition-not-met': "'condition-not-met'",
  'rbac-role-out-of-scope': "'role-out-of-scope'",
};

const isQuoted = (text: string, code: string) => text.includes(`'${code}'`) || text.includes(`"${code}"`);

describe('the catalogue of refusals', () => {
  it('is what docs/refusals.md says', () => {
    assert.ok(
      readText('docs/refusals.md') === refusalsPage(),
      'docs/refusals.md is not current; run: node tests/architecture/write-refusals-page.ts',
    );
  });

  it('is whole in docs/refusals.md', () => {
    const page = refusalsPage();
    assert.deepEqual(
      codes.filter((code) => !page.includes(`### ${code}\n`)),
      [],
    );
  });

  it('has each code once', () => {
    const tables = [
      generalRefusals,
      dataRefusals,
      authorisationRefusals,
      keyRefusals,
      keyReleaseRefusals,
      certificateRefusals,
      managementRefusals,
      armRequestRefusals,
      lockRefusals,
      privateEndpointRefusals,
      moveRefusals,
      authorityRefusals,
      vaultMoveRefusals,
      clockRefusals,
      loginRefusals,
      federationRefusals,
      signInRefusals,
      managedIdentityRefusals,
      outsideTokenRefusals,
      graphRefusals,
      peopleRefusals,
      signingKeyRefusals,
      encryptionKeyRefusals,
    ];
    const all = tables.flatMap((table) => Object.keys(table));
    assert.equal(all.length, new Set(all).size);
    assert.equal(all.length, codes.length);
  });

  it('holds whole sentences and at least one remedy', () => {
    const poor = rows.filter(
      ([, row]) =>
        !/[.:)]$/.test(row.cause) || row.remedy.length === 0 || row.remedy.some((step) => step.trim() === ''),
    );
    assert.deepEqual(
      poor.map(([code]) => code),
      [],
    );
    assert.deepEqual(
      codes.filter((code) => !/^[a-z]+(-[a-z]+)*$/.test(code)),
      [],
    );
  });

  it('has placeholders that are filled, and no braces that stay', () => {
    const found = rows.flatMap(([code, row]) =>
      [row.message, row.cause, ...row.remedy].flatMap((text) =>
        (text.match(/\{\{|\}\}|\{[^}]*[^\w{}:,][^}]*\}/g) ?? []).map((brace) => `${code}: ${brace}`),
      ),
    );
    assert.deepEqual(found, []);
  });

  it('asks az for tables of columns that az shows', () => {
    // `az -o table` leaves out keys named id, type and etag.
    const found = rows.filter(([, row]) =>
      row.remedy.some((step) => /--output table/.test(step) && /[{,](id|type|etag):/.test(step)),
    );
    assert.deepEqual(
      found.map(([code]) => code),
      [],
    );
  });

  it('has no code that nothing throws', () => {
    const texts = productSources.filter(({ room }) => room !== 'refusals').map(({ text }) => text);
    const isThrown = (code: string) =>
      texts.some((text) => isQuoted(text, code) || (code in assembled && text.includes(assembled[code]!)));
    assert.deepEqual(
      codes.filter((code) => !isThrown(code)),
      [],
    );
  });

  it('has no code that no test produces', () => {
    const texts = readSources('src/**/*.test.ts', 'tests/**/*.test.ts')
      .filter(({ path }) => !path.startsWith('tests/architecture/'))
      .map(({ text }) => text);
    const plainTexts = texts.map(words);
    const isNamed = (text: string, mark: string) => new RegExp(`(?<![\\w-])${mark}(?![\\w-])`).test(text);
    const isProven = (code: string) =>
      marksOf(code).some((mark) => texts.some((text) => isNamed(text, mark))) ||
      phrasesOf(code).some((phrase) => plainTexts.some((text) => text.includes(phrase)));
    const unnamed = codes.filter((code) => !isProven(code));
    assert.deepEqual(
      unnamed.filter((code) => !(code in alikeOnTheWire) && !unproven.includes(code)),
      [],
    );
    assert.deepEqual(
      Object.values(alikeOnTheWire).filter((path) => findFiles(path).length === 0),
      [],
    );
    assert.deepEqual(
      unproven.filter((code) => !unnamed.includes(code)),
      [],
      'these are proven now: take them off the list',
    );
  });
});

/** What a test can tell a refusal by: its code, or whatever of it on the wire no other refusal has. */
function marksOf(code: string): readonly string[] {
  const row = rows.find(([name]) => name === code)![1];
  const isAlone = (key: 'error' | 'inner' | 'aadsts') =>
    row[key] !== undefined && rows.filter(([, other]) => other[key] === row[key]).length === 1;
  const keys = (['error', 'inner', 'aadsts'] as const).filter(isAlone);
  return [code, ...keys.map((key) => (key === 'aadsts' ? `(AADSTS)?${row.aadsts}` : String(row[key])))];
}

/** Every run of three words of the message that no other refusal's has; a test that asserts the wording has one of them. */
function phrasesOf(code: string): readonly string[] {
  const others = rows.filter(([name]) => name !== code).map(([, row]) => words(row.message));
  const parts = (catalogue as Readonly<Record<string, RefusalRow>>)[code]!.message.split(/\{\w+\}/);
  return parts.flatMap((part) => {
    const list = words(part).trim().split(' ');
    const runs = list.slice(2).map((_, index) => ` ${list.slice(index, index + 3).join(' ')} `);
    return runs.filter((run) => !others.some((other) => other.includes(run)));
  });
}

/** Lower-case words with single spaces between and around them. */
function words(text: string): string {
  return ` ${text
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, ' ')
    .trim()} `;
}
