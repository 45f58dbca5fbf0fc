import { resolve } from 'node:path';
import { systemClock } from '../base/system.ts';
import { backupServer } from '../recovery/server-backup.ts';
import { type Command, type CommandArguments, CommandError, type CommandIo, EXIT_USAGE } from './command.ts';
import { DATA_DIR_USAGE, dataDirOption } from './data-dir.ts';
import { openKeys, withStore } from './offline.ts';
import { configOf } from './start.ts';

/** `strongroom backup`: the whole server into one file, while it runs. */
export const command: Command = {
  name: 'backup',
  summary: 'write everything into one encrypted file, also while the server runs',
  usage: [
    'strongroom backup FILE [--data-dir DIR] [--config FILE]',
    '',
    '  FILE                a new file; it holds nothing that opens it: keep what opens the seal elsewhere, you need both',
    DATA_DIR_USAGE,
  ].join('\n'),
  options: { ...dataDirOption, config: { type: 'string' } },
  run,
};

async function run(args: CommandArguments, io: CommandIo): Promise<number> {
  const [name] = args.positionals;
  if (name === undefined) throw new CommandError(command.usage, EXIT_USAGE);
  const file = resolve(name);
  const config = configOf(args, io);
  const { rows, kind } = await withStore(config, async (store) => {
    const keyring = await openKeys(config, store, io);
    const created = new Date(systemClock.now()).toISOString();
    return { rows: await backupServer(store.driver, keyring, file, created), kind: keyring.roots.sealKind };
  });
  io.stdout(`Backed up ${rows} rows to ${file}.`);
  io.stdout(
    kind === 'key-file'
      ? `It opens only with the seal key ${config.sealKeyFile}, which is not in it: keep a copy of that elsewhere.`
      : `It opens only with what opens the seal now (${kind}): keep that as long as the backup.`,
  );
  return 0;
}
