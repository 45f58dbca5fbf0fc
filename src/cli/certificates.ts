import { setTimeout as pause } from 'node:timers/promises';
import { systemClock, systemRandom } from '../base/system.ts';
import { listAuthorities, revokeCertificate } from './certificate-authorities.ts';
import { type Command, CommandError, type CommandIo, EXIT_USAGE } from './command.ts';
import { DATA_DIR_USAGE, dataDirOption } from './data-dir.ts';
import { syncOnce } from './sync/sync-once.ts';
import { type SyncOrder, syncOptions, syncOrderOf } from './sync/sync-order.ts';

/** `strongroom certificates sync`: a vault's certificate in the files that a server reads. */
export const command: Command = {
  name: 'certificates',
  summary: 'write a certificate to the files of a server; the authorities of vaults',
  usage: `strongroom certificates authorities [--data-dir DIR]
strongroom certificates revoke --authority NAME --serial SERIAL [--reason REASON] [--data-dir DIR]
strongroom certificates sync --name NAME [--vault-url URL] FILES [OPTIONS] [-- RELOAD COMMAND…]

authorities lists the authorities whose keys are in vaults, with their certificates; revoke revokes what one of them has
issued (unspecified, keyCompromise, affiliationChanged, superseded, cessationOfOperation, privilegeWithdrawn). Both ask the running
server as its first administrator.
${DATA_DIR_USAGE}

sync writes the newest version of a certificate where a server reads it, each file as a whole, and runs the reload command where
something changed. Works with every vault that speaks the protocol; signs in as the official clients do (AZURE_CLIENT_ID…,
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
  --interval SECONDS  between looks, give or take a tenth (default: 3600)`,
  options: {
    ...syncOptions,
    ...dataDirOption,
    authority: { type: 'string' },
    serial: { type: 'string' },
    reason: { type: 'string' },
  },
  async run(args, io) {
    const [action, ...reload] = args.positionals;
    if (action === 'authorities') return listAuthorities(args, io);
    if (action === 'revoke') return revokeCertificate(args, io);
    if (action !== 'sync') {
      throw new CommandError('strongroom certificates takes sync, authorities or revoke.', EXIT_USAGE);
    }
    const order = syncOrderOf(args, reload, io);
    if (order.watchSeconds === null) {
      await look(order, io);
      return 0;
    }
    return watch(order, order.watchSeconds, io);
  },
};

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
      if (!(error instanceof CommandError)) throw error;
      io.stderr(error.message);
    }
    const share = random.bytes(4).readUInt32BE() / 0x1_0000_0000;
    await pause(seconds * 1000 * (0.9 + 0.2 * share));
  }
}
