import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { withMachineAddress } from '../machine-address.ts';
import { openReadingServer, runClient, type Way } from '../reading-client.ts';

/** Run by `machine.test.ts` in a network of its own: the Go client with the identities of a machine, as JSON. */
const cache = process.env['STRONGROOM_CACHE'] ?? fileURLToPath(new URL('../../../.cache', import.meta.url));
const program = join(cache, 'compat-go', 'read-secret');
const asked: readonly Way[] = ['managed identity of a virtual machine', 'identity of the machine itself'];

await withMachineAddress(async (options) => {
  const at = await openReadingServer(options);
  try {
    for (const way of asked) {
      const trust = { SSL_CERT_FILE: at.server.env['SSL_CERT_FILE']!, SSL_CERT_DIR: '/nowhere' };
      const run = await runClient(program, [], { ...trust, ...at.environment(way) });
      console.log(JSON.stringify({ way, wanted: at.value(way), ...run }));
    }
  } finally {
    await at.close();
  }
});
