import assert from 'node:assert/strict';
import { it } from 'node:test';
import { command } from './certificates.ts';
import { CommandError } from './command.ts';

it('strongroom certificates takes due and a number of days, before it asks anybody', async () => {
  const io = { stdout: () => {}, stderr: () => {}, env: {} };
  for (const [positionals, values] of [
    [[], {}],
    [['none'], {}],
    [['due', 'x'], {}],
    [['due'], { days: 'x' }],
    [['due'], { days: '-1' }],
  ] as const) {
    await assert.rejects(
      command.run({ values, positionals }, io),
      (error: unknown) => error instanceof CommandError && error.exitCode === 2,
      positionals.join(' '),
    );
  }
});
