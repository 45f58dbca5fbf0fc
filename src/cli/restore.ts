import { chmodSync, copyFileSync, existsSync, mkdirSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { systemClock, systemRandom } from '../base/system.ts';
import { restoreServer } from '../recovery/server-restore.ts';
import { openDriver } from '../server.ts';
import type { Session } from '../store/port.ts';
import { askSeal } from './ask-seal.ts';
import {
  type Command,
  type CommandArguments,
  CommandError,
  type CommandIo,
  EXIT_USAGE,
  textOption,
} from './command.ts';
import { DATA_DIR_USAGE, dataDirOption } from './data-dir.ts';
import { configOf } from './start.ts';

/** `strongroom restore`: a backup into an empty data directory or database. */
export const command: Command = {
  name: 'restore',
  summary: 'read a backup into an empty data directory or database',
  usage: [
    'strongroom restore FILE [--seal-key FILE] [--data-dir DIR] [--config FILE]',
    '',
    '  --seal-key FILE     the seal key of the server that was backed up; a passphrase or shares are asked for instead',
    DATA_DIR_USAGE,
  ].join('\n'),
  options: { ...dataDirOption, config: { type: 'string' }, 'seal-key': { type: 'string' } },
  run,
};

async function run(args: CommandArguments, io: CommandIo): Promise<number> {
  const [name] = args.positionals;
  const sealKey = textOption(args, 'seal-key');
  if (name === undefined) throw new CommandError(command.usage, EXIT_USAGE);
  const config = configOf(args, io);
  const database = join(config.dataDir, 'strongroom.db');
  if (config.store.kind === 'sqlite' && existsSync(database)) {
    throw new CommandError(`${config.dataDir} holds data already; a backup is restored into an empty directory only.`);
  }
  const random = systemRandom();
  mkdirSync(config.dataDir, { recursive: true, mode: 0o700 });
  chmodSync(config.dataDir, 0o700);
  const driver = await openDriver(config);
  try {
    let kind = '';
    const find = async (session: Session) => {
      const seal = await askSeal({ session, random, io, config: { ...config, sealKeyFile: sealKeyOf(sealKey) } });
      kind = seal.kind;
      return seal;
    };
    const rows = await restoreServer(driver, find, resolve(name), { now: systemClock.now(), random });
    await driver.close();
    if (kind === 'key-file' && sealKey !== undefined && resolve(sealKey) !== config.sealKeyFile) {
      copyFileSync(resolve(sealKey), config.sealKeyFile);
      chmodSync(config.sealKeyFile, 0o600);
    }
    io.stdout(`Restored ${rows} rows into ${config.dataDir}. Start it: strongroom start --data-dir ${config.dataDir}`);
    if (kind !== 'key-file') io.stdout(`Its seal is as it was. The configuration has to say so: "seal": "${kind}".`);
    return 0;
  } catch (error) {
    await driver.close().catch(() => {});
    if (config.store.kind === 'sqlite') for (const end of ['', '-wal', '-shm']) rmSync(database + end, { force: true });
    throw error;
  }
}

/** Where the seal key is; without one the backup's own description says what else opens it. */
function sealKeyOf(given: string | undefined): string {
  return given === undefined ? '(none: name it with --seal-key FILE)' : resolve(given);
}
