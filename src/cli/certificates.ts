import { AUTHORITIES_USAGE, authorityOptions, listAuthorities, revokeCertificate } from './certificate-authorities.ts';
import { DUE_USAGE, dueOptions, listDue } from './certificates-due.ts';
import { SYNC_USAGE, syncCertificate } from './certificates-sync.ts';
import { type Command, CommandError, EXIT_USAGE } from './command.ts';
import { DATA_DIR_USAGE, dataDirOption } from './data-dir.ts';
import { syncOptions } from './sync/sync-order.ts';

/** What the first word asks for. */
const actions: Readonly<Record<string, Command['run']>> = {
  due: listDue,
  sync: syncCertificate,
  authorities: listAuthorities,
  revoke: revokeCertificate,
};

/** `strongroom certificates`: what is done about certificates beside the API. */
export const command: Command = {
  name: 'certificates',
  summary: 'certificates at risk, and why; certificates in the files of a server; the authorities of vaults',
  usage: `strongroom certificates due [--days N] [--data-dir DIR]
strongroom certificates sync --name NAME [--vault-url URL] FILES [OPTIONS] [-- RELOAD COMMAND…]
strongroom certificates authorities [--data-dir DIR]
strongroom certificates revoke --authority NAME --serial SERIAL [--reason REASON] [--data-dir DIR]

${DUE_USAGE}

${SYNC_USAGE}

${AUTHORITIES_USAGE}
${DATA_DIR_USAGE}`,
  options: { ...dataDirOption, ...dueOptions, ...syncOptions, ...authorityOptions },
  async run(args, io) {
    const [name = ''] = args.positionals;
    const action = Object.hasOwn(actions, name) ? actions[name] : undefined;
    if (action) return action(args, io);
    throw new CommandError(`strongroom certificates takes ${Object.keys(actions).join(', ')}.`, EXIT_USAGE);
  },
};
