import { setTimeout as pause } from 'node:timers/promises';
import { systemClock, systemRandom } from '../base/system.ts';
import { type CommandArguments, CommandError, type CommandIo } from './command.ts';
import { syncOnce } from './sync/sync-once.ts';
import { type SyncOrder, syncOrderOf } from './sync/sync-order.ts';

/** How to call {@link syncCertificate}. */
export const SYNC_USAGE = `sync writes the newest version of a certificate where a server reads it, each file as a whole, and runs the reload command
where something changed. Works with every vault that speaks the protocol; signs in as the official clients do (AZURE_CLIENT_ID…,
IDENTITY_ENDPOINT…: strongroom env prints them). Needs the permission to read secrets, and a key that is exportable.

  --vault-url URL     https://NAME.vault.DOMAIN (default: $AZURE_KEYVAULT_URL)
  --ca-file FILE      authorities to trust, PEM (default: $NODE_EXTRA_CA_CERTS, else those that Node trusts)

FILES, at least one:
  --cert-file FILE --key-file FILE
                      certificate with chain, and key: nginx, Apache and most others
  --pem-file FILE     certificate, chain and key in one: HAProxy
  --pkcs12-file FILE --password-file FILE
                      PKCS #12 under the password in the file's first line: Java (needs openssl)

  --mode MODE         of the files with the key (default: 0600)
  --owner UID:GID     of the files, in numbers
  --note-file FILE    where it notes what was reloaded (default: beside the first file, .synced)
  --watch             looks again and again; a failure is told and tried again
  --interval SECONDS  between looks, give or take a tenth (default: 3600)`;

/** `strongroom certificates sync`: a vault's certificate in the files that a server reads. */
export async function syncCertificate(args: CommandArguments, io: CommandIo): Promise<number> {
  const order = syncOrderOf(args, args.positionals.slice(1), io);
  if (order.watchSeconds !== null) return watch(order, order.watchSeconds, io);
  await look(order, io);
  return 0;
}

async function look(order: SyncOrder, io: CommandIo): Promise<void> {
  const { version, written, reloaded } = await syncOnce(order, io, systemClock);
  const what = written.length === 0 ? 'nothing to write' : `wrote ${written.join(', ')}`;
  io.stdout(`${order.name} ${version}: ${what}${reloaded ? '; reloaded' : ''}`);
}

/** Looks for ever; many machines that were started at once do not ask at once. */
async function watch(order: SyncOrder, seconds: number, io: CommandIo): Promise<never> {
  const random = systemRandom();
  for (;;) {
    try {
      await look(order, io);
    } catch (error) {
      // Whatever it is: who watches for years outlives it.
      io.stderr(error instanceof CommandError ? error.message : `An unforeseen failure: ${String(error)}`);
    }
    const share = random.bytes(4).readUInt32BE() / 0x1_0000_0000;
    await pause(seconds * 1000 * (0.9 + 0.2 * share));
  }
}
