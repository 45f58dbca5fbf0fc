import { listAuthorities, revokeCertificate } from './certificate-authorities.ts';
import { DUE_USAGE, dueOptions, listDue } from './certificates-due.ts';
import { SYNC_USAGE, syncCertificate } from './certificates-sync.ts';
import { type Command, CommandError, EXIT_USAGE } from './command.ts';
import { DATA_DIR_USAGE, dataDirOption } from './data-dir.ts';
import { syncOptions } from './sync/sync-order.ts';

/** What each word after `certificates` does. */
const actions: Readonly<Record<string, Command['run']>> = {
  due: listDue,
  authorities: listAuthorities,
  revoke: revokeCertificate,
  sync: syncCertificate,
};

/** `strongroom certificates`: what the operator does about certificates. */
export const command: Command = {
  name: 'certificates',
  summary: 'certificates at risk; the files of a server; the authorities of vaults',
  usage: `strongroom certificates due [--days N] [--data-dir DIR]
strongroom certificates authorities [--data-dir DIR]
strongroom certificates revoke --authority NAME --serial SERIAL [--reason REASON] [--data-dir DIR]
strongroom certificates sync --name NAME [--vault-url URL] FILES [OPTIONS] [-- RELOAD COMMAND…]

${DUE_USAGE}

authorities lists the authorities whose keys are in vaults, with their certificates; revoke revokes what one of them has
issued (unspecified, keyCompromise, affiliationChanged, superseded, cessationOfOperation, privilegeWithdrawn).
All three ask the running server as its first administrator.
${DATA_DIR_USAGE}

${SYNC_USAGE}`,
  options: {
    ...syncOptions,
    ...dueOptions,
    ...dataDirOption,
    authority: { type: 'string' },
    serial: { type: 'string' },
    reason: { type: 'string' },
  },
  async run(args, io) {
    const action = args.positionals[0] ?? '';
    if (Object.hasOwn(actions, action)) return actions[action]!(args, io);
    throw new CommandError(`strongroom certificates takes ${Object.keys(actions).join(', ')}.`, EXIT_USAGE);
  },
};
