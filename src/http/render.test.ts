import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { catalogue, type RefusalCode } from '../refusals/catalogue.ts';
import { Refusal } from '../refusals/refusal.ts';
import type { RefusalRow } from '../refusals/row.ts';
import { type Frame, renderRefusal } from './render.ts';

const frame: Frame = {
  plane: 'data',
  requestId: 'request-id',
  clientRequestId: '',
  origin: 'https://v.vault.test:8443',
  authority: 'https://login.test:8443/tenant',
  resource: 'https://vault.test:8443',
  now: Date.UTC(2026, 0, 2, 3, 4, 5, 678),
};
const codes = Object.keys(catalogue) as RefusalCode[];

describe('a refusal on the wire', () => {
  it('has the status of its row and the body of its plane, for every row there is', () => {
    for (const code of codes) {
      for (const plane of ['data', 'management', 'login', 'graph', 'logs', 'imds', 'unknown'] as const) {
        const { status, body } = renderRefusal(new Refusal(code), { ...frame, plane });
        assert.equal(status, catalogue[code].status);
        const { error } = body as { error: unknown };
        const expected =
          plane === 'login' || plane === 'imds' ? catalogue[code].error : (error as { code: string }).code;
        const row: RefusalRow = catalogue[code];
        assert.equal(expected, plane === 'management' ? (row.management ?? row.error) : row.error);
      }
    }
  });

  it("is Key Vault's error object on the data plane, with the inner code where there is one", () => {
    assert.deepEqual(renderRefusal(new Refusal('version-missing'), frame).body, {
      error: { code: 'BadParameter', message: 'api-version must be specified' },
    });
    const { body } = renderRefusal(new Refusal('secret-disabled', { operation: 'get' }), frame);
    assert.deepEqual(body, {
      error: {
        code: 'Forbidden',
        message: 'Operation get is not allowed on a disabled secret.\r\nTo learn why: strongroom explain request-id',
        innererror: { code: 'SecretDisabled' },
      },
    });
  });

  it('points to the diagnosis for 403 and 409 alone', () => {
    for (const code of codes) {
      const { error } = renderRefusal(new Refusal(code), frame).body as { error: { message: string } };
      assert.equal(
        error.message.includes('strongroom explain request-id'),
        [403, 409].includes(catalogue[code].status),
        code,
      );
    }
  });

  it('challenges with 401 where tokens are taken, and says where one was wrong', () => {
    const base = 'Bearer authorization="https://login.test:8443/tenant", resource="https://vault.test:8443"';
    const challenge = (code: RefusalCode, plane: Frame['plane'] = 'data') =>
      renderRefusal(new Refusal(code), { ...frame, plane }).headers['www-authenticate'];
    assert.equal(challenge('token-missing'), base);
    assert.equal(challenge('token-expired'), `${base}, error="invalid_token"`);
    assert.equal(challenge('token-missing', 'management'), base);
    assert.equal(challenge('client-secret-wrong', 'login'), undefined);
    assert.equal(challenge('rbac-no-role'), undefined);
  });

  it('says when to come back, and which methods there are', () => {
    assert.equal(renderRefusal(new Refusal('audit-unavailable'), frame).headers['retry-after'], '1');
    const refusal = new Refusal('method-not-allowed', { method: 'PUT', allowed: ['GET', 'DELETE'] });
    assert.equal(renderRefusal(refusal, frame).headers['allow'], 'GET, DELETE');
  });

  it("is Entra's error at the token endpoint", () => {
    const { body } = renderRefusal(new Refusal('client-secret-wrong', { clientId: 'x' }), { ...frame, plane: 'login' });
    const error = body as Record<string, unknown>;
    assert.equal(error['error'], 'invalid_client');
    assert.deepEqual(error['error_codes'], [7000215]);
    assert.equal(error['timestamp'], '2026-01-02 03:04:05Z');
    assert.equal(error['trace_id'], 'request-id');
    assert.match(
      String(error['error_description']),
      /^AADSTS7000215: .* Trace ID: request-id Correlation ID: request-id Timestamp: 2026-01-02 03:04:05Z$/,
    );
  });

  it("carries the caller's own id where it sent one", () => {
    const graph = renderRefusal(new Refusal('token-missing'), { ...frame, plane: 'graph', clientRequestId: 'mine' });
    const { innerError } = (graph.body as { error: { innerError: Record<string, string> } }).error;
    assert.deepEqual(innerError, {
      date: '2026-01-02T03:04:05',
      'request-id': 'request-id',
      'client-request-id': 'mine',
    });
  });

  it('tells none of the evidence that its message does not name', () => {
    const facts = {
      roles: ['Secret Role'],
      scopes: ['/hidden/scope'],
      rules: 17,
      oid: 'o',
      appid: 'a',
      iss: 'i',
      action: 'act',
      resource: 'r',
      vault: 'v',
      location: 'l',
    };
    for (const code of codes.filter((name) => /^(rbac|policy|firewall|public)-/.test(name))) {
      const text = JSON.stringify(renderRefusal(new Refusal(code, facts), frame));
      for (const hidden of ['Secret Role', '/hidden/scope', '17'])
        assert.ok(!text.includes(hidden), `${code} tells ${hidden}`);
    }
  });
});
