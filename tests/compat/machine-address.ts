import assert from 'node:assert/strict';
import { networkInterfaces } from 'node:os';
import { type ClientRun, type ReadingServerOptions, runClient } from './reading-client.ts';

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
 * Runs something with what a server needs to serve `MACHINE_ADDRESS`. Fails outside of `runAtMachineAddress`, so that
 * nothing is ever asked of a real network.
 */
export async function withMachineAddress<T>(run: (server: Required<ReadingServerOptions>) => Promise<T>): Promise<T> {
  const addresses = Object.values(networkInterfaces()).flatMap((entries) => entries ?? []);
  assert.ok(
    addresses.every((entry) => entry.internal),
    'run this by runAtMachineAddress: the machine has a real network here',
  );
  assert.ok(addresses.some((entry) => entry.address === MACHINE_ADDRESS));
  return run({ settings: { imdsAddresses: [MACHINE_ADDRESS] }, args: ['--imds-port', '80'] });
}
