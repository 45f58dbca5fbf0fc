import assert from 'node:assert/strict';
import { it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { runAtMachineAddress } from '../machine-address.ts';

it('the official Go modules read a secret with the identities of a virtual machine, at the cloud’s own address', async () => {
  const script = fileURLToPath(new URL('read-at-machine-address.ts', import.meta.url));
  const { code, stdout, stderr } = await runAtMachineAddress(script);
  assert.equal(code, 0, stdout + stderr);
  const runs = stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  assert.deepEqual(
    runs.map((run) => run.way),
    ['managed identity of a virtual machine', 'identity of the machine itself'],
  );
  for (const run of runs) assert.deepEqual([run.stderr, run.code, run.stdout], ['', 0, `${run.wanted}\n`]);
});
