import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatTable, isMet, type Row } from './report.ts';

const row: Row = { name: 'GET', figure: '7 against 20', value: 0.35, unit: '', target: { atLeast: 0.35, aim: 0.45 } };

test('a bound includes its own value', () => {
  assert.equal(isMet(row), true);
  assert.equal(isMet({ ...row, value: 0.349 }), false);
  assert.equal(isMet({ ...row, value: 150, unit: 'MB', target: { atMost: 150 } }), true);
  assert.equal(isMet({ ...row, value: 151, unit: 'MB', target: { atMost: 150 } }), false);
  assert.equal(isMet({ ...row, target: null }), null);
});

test('the table shows value, target and verdict of each row', () => {
  const lines = formatTable([row, { ...row, name: 'start', value: 1200, unit: 'ms', target: { atMost: 1000 } }]).split(
    '\n',
  );
  assert.match(lines[2] ?? '', /^GET\s+7 against 20\s+0\.35\s+>= 0\.35 \(aim 0\.45\)\s+yes$/);
  assert.match(lines[3] ?? '', /^start\s+7 against 20\s+1,200 ms\s+<= 1000 ms\s+NO$/);
});
