import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { sampleCaller } from '../../tests/support/samples.ts';
import { auditEntry } from '../audit/record.ts';
import type { Check } from '../operations/decision.ts';
import { catalogue, type RefusalCode } from '../refusals/catalogue.ts';
import { explainRecord, explanationLines } from './explain.ts';

const codes = Object.keys(catalogue) as RefusalCode[];

/** A record as the audit log has it. */
function recordOf(checks: readonly Check[], code: string | null, status = 403, caller = true): string {
  const event = {
    time: Date.UTC(2026, 0, 1),
    recorded: Date.UTC(2026, 0, 1),
    requestId: 'id',
    operationName: 'SecretGet',
    operationVersion: '7.5',
    method: 'GET',
    status,
    description: '',
    callerIpAddress: '::1',
    tlsVersion: 'TLS1_3',
    clientInfo: '',
    clientRequestId: '',
    url: 'https://v.vault.test/secrets/a',
    caller: caller ? sampleCaller() : null,
    vault: null,
    resourceId: '',
    subject: '',
    assignmentId: null,
    isPolicyMatch: false,
    audit: null,
    refusal: code === null ? null : { code, checks },
  };
  return `${auditEntry(event).text}}`;
}

const passed = (check: Check['check'], facts: Check['facts'] = {}): Check => ({ check, outcome: 'passed', facts });
const refused = (check: Check['check'], code: string, facts: Check['facts'] = {}): Check => ({
  check,
  outcome: 'refused',
  code,
  facts,
});

describe('explaining a request', () => {
  it('shows the checks as they ran, and which came no more', () => {
    const facts = { role: 'R', oid: 'o', principalType: 'ServicePrincipal', scope: '/s' };
    const explanation = explainRecord(
      recordOf(
        [
          passed('vault', { vault: 'v' }),
          passed('authenticate'),
          passed('request'),
          passed('network'),
          refused('authorise', 'rbac-no-role', facts),
        ],
        'rbac-no-role',
      ),
    );
    assert.deepEqual(
      explanation.checks.map(({ check, outcome }) => [check, outcome]),
      [
        ['vault', 'passed'],
        ['authenticate', 'passed'],
        ['request', 'passed'],
        ['network', 'passed'],
        ['authorise', 'refused'],
        ['throttle', 'not reached'],
        ['body', 'not reached'],
        ['state', 'not reached'],
        ['record', 'not reached'],
      ],
    );
    assert.deepEqual(explanation.refusal?.remedy, [
      'az role assignment create --role "R" --assignee-object-id o --assignee-principal-type ServicePrincipal --scope /s',
    ]);
    const lines = explanationLines(explanation);
    assert.ok(lines.includes('  ok  vault  vault=v'));
    const refusedAt = lines.indexOf('  NO  authorise');
    assert.deepEqual(
      lines.slice(refusedAt + 1, refusedAt + 5).map((line) => line.trim().split(/\s+/)),
      [
        ['role', 'R'],
        ['oid', 'o'],
        ['principalType', 'ServicePrincipal'],
        ['scope', '/s'],
      ],
    );
    assert.ok(lines.includes('  -   throttle'));
  });

  it('says whose request it was, and from where', () => {
    assert.match(explainRecord(recordOf([], null, 200)).caller, /^object id 4{8}-.*, application 5{8}-/);
    const unknown = explainRecord(recordOf([refused('authenticate', 'token-missing')], 'token-missing', 401, false));
    assert.deepEqual([unknown.caller, unknown.address], ['not authenticated', '::1']);
  });

  it('says of a request that was not refused that it was not', () => {
    const explanation = explainRecord(recordOf([], null, 200));
    assert.deepEqual([explanation.refusal, explanation.checks], [null, []]);
    assert.equal(explanationLines(explanation).at(-1), 'The request was not refused.');
  });

  it('has a cause and a remedy for every refusal there is', () => {
    for (const code of codes) {
      const { refusal } = explainRecord(recordOf([refused(catalogue[code].check, code)], code, catalogue[code].status));
      assert.equal(refusal?.code, code);
      assert.ok(refusal.cause.length > 10 && refusal.remedy.length > 0, code);
      for (const text of [refusal.cause, ...refusal.remedy]) assert.doesNotMatch(text, /\{\w+\}|\{\{|undefined/, code);
    }
  });

  it('shows a record of a release that knew other refusals', () => {
    const explanation = explainRecord(recordOf([refused('state', 'of-the-future')], 'of-the-future'));
    assert.deepEqual(explanation.refusal, {
      code: 'of-the-future',
      cause: 'This release does not know the refusal.',
      remedy: [],
    });
  });

  it('keeps lists and empty facts readable', () => {
    const lines = explanationLines(
      explainRecord(
        recordOf(
          [refused('state', 'internal', { roles: ['a', 'b'], none: null, empty: '', n: 0, no: false })],
          'internal',
        ),
      ),
    );
    const refusedAt = lines.indexOf('  NO  state');
    assert.deepEqual(
      lines.slice(refusedAt + 1, refusedAt + 4).map((line) => line.trim().split(/\s{2,}/)),
      [
        ['roles', 'a, b'],
        ['n', '0'],
        ['no', 'false'],
      ],
    );
  });
});
