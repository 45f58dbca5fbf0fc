import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseActivityFilter } from './activity-filter.ts';

const start = "eventTimestamp ge '2026-01-01T00:00:00Z'";
const from = Date.UTC(2026, 0, 1);
const none = {
  to: null,
  resourceGroup: null,
  resource: null,
  provider: null,
  correlationId: null,
  caller: null,
  status: null,
};

describe('the filter of the activity log', () => {
  it('takes times with and without quotes, zone, fraction and time of day', () => {
    for (const [text, instant] of [
      ["'2026-01-01T00:00:00Z'", from],
      ["'2026-01-01T00:00:00.1234567Z'", from + 123],
      ['2026-01-01T00:00:00.123456', from + 123],
      ['2026-01-01T01:00:00+01:00', from],
      ['2026-01-01', from],
      ['2026-01-01T00:00Z', from],
    ] as const) {
      assert.deepEqual(parseActivityFilter(`eventTimestamp ge ${text}`), { ...none, from: instant }, text);
    }
  });

  it('takes each comparison of the service once, names in any case, and a doubled quote as one', () => {
    const text = `${start} AND eventtimestamp LE 2026-01-02 and ResourceGroupName eq 'it''s' and status eq Failed`;
    const expected = { ...none, from, to: from + 86_400_000, resourceGroup: "it's", status: 'Failed' };
    assert.deepEqual(parseActivityFilter(text), expected);
    for (const [name, member] of [
      ['resourceUri', 'resource'],
      ['resourceId', 'resource'],
      ['resourceProvider', 'provider'],
      ['correlationId', 'correlationId'],
      ['caller', 'caller'],
    ] as const) {
      assert.deepEqual(parseActivityFilter(`${start} and ${name} eq 'x'`), { ...none, from, [member]: 'x' });
    }
  });

  it('refuses everything else, and says why', () => {
    for (const text of [
      '',
      "resourceGroupName eq 'x'",
      "eventTimestamp le '2026-01-01'",
      `${start} and ${start}`,
      `${start} and`,
      `${start} or status eq 'x'`,
      `and ${start}`,
      `${start} and status ne 'x'`,
      `${start} and status ge 'x'`,
      `${start} and levels eq 'x'`,
      `${start} and resourceUri eq 'x' and resourceId eq 'x'`,
      `${start} and constructor eq 'x'`,
      `${start}and status eq 'x'`,
      "eventTimestamp ge 'yesterday'",
      "eventTimestamp ge '2026-13-01'",
      "eventTimestamp eq '2026-01-01'",
      `${start} and caller eq '${'x'.repeat(5000)}'`,
    ]) {
      assert.equal(typeof parseActivityFilter(text), 'string', text.slice(0, 80));
    }
  });
});
