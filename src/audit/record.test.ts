import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { sampleCaller, sampleTenant, sampleVault } from '../../tests/support/samples.ts';
import { type AuditEvent, auditEntry } from './record.ts';

const event: AuditEvent = {
  time: Date.UTC(2026, 0, 2, 3, 4, 5, 6),
  recorded: Date.UTC(2026, 0, 2, 3, 4, 5, 19),
  requestId: '019b7d0f-0000-7000-8000-000000000000',
  operationName: 'SecretGet',
  operationVersion: '7.5',
  method: 'GET',
  status: 200,
  description: '',
  callerIpAddress: '127.0.0.1',
  tlsVersion: 'TLS1_3',
  clientInfo: 'client/1',
  clientRequestId: '',
  url: 'https://v.vault.test/secrets/a',
  caller: sampleCaller(),
  vault: sampleVault(),
  resourceId: '/tenants/x',
  subject: 'https://v.vault.test/secrets/a/1',
  assignmentId: 'assignment',
  isPolicyMatch: false,
  audit: null,
  refusal: null,
};
// biome-ignore lint/suspicious/noExplicitAny: a record is read member by member.
const record = (given: Partial<AuditEvent> = {}): any => JSON.parse(`${auditEntry({ ...event, ...given }).text}}`);

describe('an audit record', () => {
  it('has the members of the AuditEvent category', () => {
    const { oid, appId, issuer, tokenId } = sampleCaller();
    assert.deepEqual(record(), {
      time: '2026-01-02T03:04:05.006Z',
      category: 'AuditEvent',
      operationName: 'SecretGet',
      resultType: 'Success',
      resultSignature: 'OK',
      resultDescription: '',
      durationMs: '13',
      callerIpAddress: '127.0.0.1',
      correlationId: event.requestId,
      operationVersion: '7.5',
      resourceId: sampleVault().resourceId.toUpperCase(),
      identity: { claim: { oid, appid: appId, appidacr: '1', tid: sampleTenant, iss: issuer, uti: tokenId } },
      properties: {
        id: 'https://v.vault.test/secrets/a/1',
        clientInfo: 'client/1',
        requestUri: 'https://v.vault.test/secrets/a?api-version=7.5',
        httpMethod: 'GET',
        httpStatusCode: 200,
        isAccessPolicyMatch: false,
        tlsVersion: 'TLS1_3',
        isRbacAuthorized: true,
        appliedAssignmentId: 'assignment',
      },
    });
    assert.equal(auditEntry(event).time, event.time);
  });

  it('tells a refusal with its checks, and no identity where there was none', () => {
    const checks = [
      { check: 'authenticate', outcome: 'refused', code: 'token-missing', facts: { resource: 'r' } },
    ] as const;
    const found = record({
      status: 401,
      caller: null,
      vault: null,
      assignmentId: null,
      operationVersion: '',
      description: 'AKV10000',
      refusal: { code: 'token-missing', checks },
    });
    assert.deepEqual(
      [found.resultType, found.resultSignature, found.resultDescription],
      ['Failed', 'Unauthorized', 'AKV10000'],
    );
    assert.deepEqual([found.identity, found.resourceId], [{}, '/TENANTS/X']);
    assert.equal(found.properties.requestUri, 'https://v.vault.test/secrets/a');
    assert.equal(found.properties.refusal, 'token-missing');
    assert.deepEqual(found.properties.checks, checks);
    assert.equal(found.properties.isRbacAuthorized, undefined);
  });

  it('tells users, scopes and managed identities', () => {
    const caller = sampleCaller({ upn: 'a@b', scopes: 'user_impersonation', managedIdentity: '/subscriptions/x' });
    const { claim } = record({ caller }).identity;
    assert.deepEqual([claim.upn, claim.scp, claim.xms_mirid], ['a@b', 'user_impersonation', '/subscriptions/x']);
  });

  it('is one line, whatever callers send', () => {
    const nasty = 'a"b\\c\n\r\u0000\u0085\u2028\u2029\ud800},"sequence":1';
    const given = {
      clientInfo: nasty,
      clientRequestId: nasty,
      description: nasty,
      subject: nasty,
      url: nasty,
      operationVersion: nasty,
      audit: { [nasty]: nasty },
    };
    const { text } = auditEntry({ ...event, ...given });
    assert.doesNotMatch(text, /[\n\r\u0000\u0085\u2028\u2029]/);
    const { properties } = record(given);
    assert.equal(properties.id, nasty);
    assert.deepEqual(properties.details, { [nasty]: nasty });
    assert.doesNotMatch(properties.clientInfo, /[\u0000-\u001f\u007f-\u009f]/);
  });

  it('cuts what callers say of themselves', () => {
    const { properties } = record({ clientInfo: 'x'.repeat(9000), clientRequestId: 'y'.repeat(9000) });
    assert.deepEqual([properties.clientInfo.length, properties.clientRequestId.length], [256, 256]);
  });

  it('never has a negative duration, though clocks may step back', () => {
    assert.equal(record({ recorded: event.time - 5 }).durationMs, '0');
  });
});
