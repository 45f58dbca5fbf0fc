import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { networkInterfaces, tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ClientRun, runClient } from './reading-client.ts';

/** Where the cloud serves the identities of a virtual machine: a constant in guides, and in the library for Go. */
export const MACHINE_ADDRESS = '169.254.169.254';

/**
 * Runs a script with this Node in a network of its own, which holds loopback and `MACHINE_ADDRESS` alone: what the script asks
 * there reaches no real network. Needs Linux and root.
 */
export function runAtMachineAddress(script: string): Promise<ClientRun> {
  assert.equal(process.getuid?.(), 0, 'a network namespace takes root');
  const setUp = `ip link set lo up && ip address add ${MACHINE_ADDRESS}/32 dev lo && exec "$0" "$@"`;
  const args = ['--net', 'sh', '-c', setUp, process.execPath, script];
  const { PATH = '', STRONGROOM_CACHE, STRONGROOM_EXCHANGES } = process.env;
  return runClient('unshare', args, {
    PATH,
    ...(STRONGROOM_CACHE === undefined ? {} : { STRONGROOM_CACHE }),
    ...(STRONGROOM_EXCHANGES === undefined ? {} : { STRONGROOM_EXCHANGES }),
  });
}

/**
 * Runs something with the options of a server that serves `MACHINE_ADDRESS`. Fails outside of `runAtMachineAddress`, so that
 * nothing is ever asked of a real network.
 */
export async function withMachineAddress<T>(run: (args: readonly string[]) => Promise<T>): Promise<T> {
  const addresses = Object.values(networkInterfaces()).flatMap((entries) => entries ?? []);
  assert.ok(
    addresses.every((entry) => entry.internal),
    'run this by runAtMachineAddress: the machine has a real network here',
  );
  assert.ok(addresses.some((entry) => entry.address === MACHINE_ADDRESS));
  const folder = mkdtempSync(join(tmpdir(), 'strongroom-machine-'));
  try {
    const config = join(folder, 'strongroom.json');
    writeFileSync(config, JSON.stringify({ imdsAddresses: [MACHINE_ADDRESS] }));
    return await run(['--config', config, '--imds-port', '80']);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
