import assert from 'node:assert/strict';
import { it } from 'node:test';
import { CommandError } from './command.ts';
import { command } from './signing-keys.ts';

it('strongroom signing-keys takes list, rotate, or revoke and one key, before it asks anybody', async () => {
  const io = { stdout: () => {}, stderr: () => {}, env: {} };
  const wrong = [[], ['none'], ['list', 'x'], ['rotate', 'x'], ['revoke'], ['revoke', 'a/b'], ['revoke', 'a', 'b']];
  for (const positionals of wrong) {
    await assert.rejects(
      command.run({ values: {}, positionals }, io),
      (error: unknown) => error instanceof CommandError && error.exitCode === 2,
      positionals.join(' '),
    );
  }
});
