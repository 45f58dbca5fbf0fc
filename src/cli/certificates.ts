import { listDue } from './certificates-due.ts';
import { type Command, CommandError, EXIT_USAGE } from './command.ts';
import { DATA_DIR_USAGE, dataDirOption } from './data-dir.ts';

/** `strongroom certificates`: what the operator does about certificates. */
export const command: Command = {
  name: 'certificates',
  summary: 'list the certificates that are at risk, and why',
  usage: `strongroom certificates due [--days N] [--data-dir DIR]

Asks the running server, as its first administrator, which certificates of all vaults need somebody: those that have ended, whose
renewal failed or does not get on, that wait for an answer for more than two days, or that end soon and nobody renews.

  --days N    how far ahead an end is looked for; 30 unless told otherwise

Ends with 0 where there is none, with 3 where there is one.
${DATA_DIR_USAGE}`,
  options: { ...dataDirOption, days: { type: 'string' } },
  async run(args, io) {
    if (args.positionals[0] === 'due') return listDue(args, io);
    throw new CommandError('strongroom certificates takes due.', EXIT_USAGE);
  },
};
