import { DUE_USAGE, dueOptions, listDue } from './certificates-due.ts';
import { type Command, CommandError, EXIT_USAGE } from './command.ts';
import { DATA_DIR_USAGE, dataDirOption } from './data-dir.ts';

/** What the first word asks for. */
const actions: Readonly<Record<string, Command['run']>> = {
  due: listDue,
};

/** `strongroom certificates`: what is done about certificates beside the API. */
export const command: Command = {
  name: 'certificates',
  summary: 'list the certificates that are at risk, and why',
  usage: `strongroom certificates due [--days N] [--data-dir DIR]

${DUE_USAGE}
${DATA_DIR_USAGE}`,
  options: { ...dataDirOption, ...dueOptions },
  async run(args, io) {
    const [name = ''] = args.positionals;
    const action = Object.hasOwn(actions, name) ? actions[name] : undefined;
    if (action) return action(args, io);
    throw new CommandError(`strongroom certificates takes ${Object.keys(actions).join(', ')}.`, EXIT_USAGE);
  },
};
