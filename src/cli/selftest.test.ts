import assert from 'node:assert/strict';
import { it } from 'node:test';
import { command } from './selftest.ts';

it('the self-test names each answer, and ends with 0 where all are right', async () => {
  const lines: string[] = [];
  const io = { stdout: (line: string) => void lines.push(line), stderr: assert.fail, env: {} };
  assert.equal(await command.run({ values: {}, positionals: [] }, io), 0);
  assert.ok(lines.includes('right  ES256K'), lines.join('\n'));
  assert.match(lines.at(-1)!, /^software: (\d+) of \1 known answers are right\.$/);
  const json: string[] = [];
  const jsonIo = { ...io, stdout: (line: string) => void json.push(line) };
  assert.equal(await command.run({ values: { json: true }, positionals: [] }, jsonIo), 0);
  assert.equal(JSON.parse(json.join('')).results[0].fault, null);
});
