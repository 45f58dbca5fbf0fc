import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseFilter } from './filter.ts';

describe('filters of ARM lists', () => {
  it('are comparisons and functions joined by and', () => {
    assert.deepEqual(parseFilter("resourceType eq 'A/b' and name EQ 'it''s'"), [
      { kind: 'equals', name: 'resourcetype', value: 'A/b' },
      { kind: 'equals', name: 'name', value: "it's" },
    ]);
    assert.deepEqual(parseFilter(" atScope() and assignedTo('x')"), [
      { kind: 'call', name: 'atscope', value: null },
      { kind: 'call', name: 'assignedto', value: 'x' },
    ]);
    assert.deepEqual(parseFilter('  '), []);
  });

  it('are not read where they are anything else', () => {
    for (const text of [
      "a eq 'b' or c eq 'd'",
      "a eq 'b",
      'a eq b',
      "a ne 'b'",
      "a eq 'b' and",
      "a eq 'b'and c eq 'd'",
      "a eq 'b' c eq 'd'",
      "not a eq 'b'",
      "(a eq 'b')",
      'a',
      'a(b)',
      "a eq 'x'".padEnd(3000, ' '),
    ]) {
      assert.equal(parseFilter(text), null, text);
    }
  });

  it('are read in time that grows with their length alone', () => {
    const start = process.hrtime.bigint();
    assert.equal(parseFilter(`a eq '${"''".repeat(1000)}`), null);
    assert.equal(parseFilter(`${' '.repeat(2000)}!`), null);
    assert.ok(process.hrtime.bigint() - start < 1_000_000_000n);
  });
});
