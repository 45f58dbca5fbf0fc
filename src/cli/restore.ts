import { chmodSync, copyFileSync, existsSync, mkdirSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { systemClock, systemRandom } from '../base/system.ts';
import { openKeyFile } from '../crypto/seal.ts';
import { restoreServer } from '../recovery/server-restore.ts';
import { openDriver } from '../server.ts';
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
    'strongroom restore FILE --seal-key FILE [--data-dir DIR] [--config FILE]',
    '',
    '  --seal-key FILE     the seal key of the server that was backed up',
    DATA_DIR_USAGE,
  ].join('\n'),
  options: { ...dataDirOption, config: { type: 'string' }, 'seal-key': { type: 'string' } },
  run,
};

async function run(args: CommandArguments, io: CommandIo): Promise<number> {
  const [name] = args.positionals;
  const sealKey = textOption(args, 'seal-key');
  if (name === undefined || sealKey === undefined) throw new CommandError(command.usage, EXIT_USAGE);
  const config = configOf(args, io);
  const database = join(config.dataDir, 'strongroom.db');
  if (config.store.kind === 'sqlite' && existsSync(database)) {
    throw new CommandError(`${config.dataDir} holds data already; a backup is restored into an empty directory only.`);
  }
  const random = systemRandom();
  const seal = openKeyFile(resolve(sealKey), random);
  mkdirSync(config.dataDir, { recursive: true, mode: 0o700 });
  chmodSync(config.dataDir, 0o700);
  const driver = await openDriver(config);
  try {
    const rows = await restoreServer(driver, seal, resolve(name), { now: systemClock.now(), random });
    await driver.close();
    if (resolve(sealKey) !== config.sealKeyFile) {
      copyFileSync(resolve(sealKey), config.sealKeyFile);
      chmodSync(config.sealKeyFile, 0o600);
    }
    io.stdout(`Restored ${rows} rows into ${config.dataDir}. Start it: strongroom start --data-dir ${config.dataDir}`);
    return 0;
  } catch (error) {
    await driver.close().catch(() => {});
    if (config.store.kind === 'sqlite') for (const end of ['', '-wal', '-shm']) rmSync(database + end, { force: true });
    throw error;
  }
}
