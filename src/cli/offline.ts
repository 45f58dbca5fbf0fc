import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { systemClock, systemRandom } from '../base/system.ts';
import type { Config } from '../config.ts';
import { Keyring } from '../crypto/keyring.ts';
import { openDriver } from '../server.ts';
import { openSqliteReader } from '../store/sqlite/driver.ts';
import { type Store, storeOver } from '../store/store.ts';
import { askSeal } from './ask-seal.ts';
import { CommandError, type CommandIo } from './command.ts';

/**
 * Runs something on the store itself, read-only, beside a running server or without one. What an operator needs when the
 * server is down must not need the server; whoever may read the data directory may read this too.
 */
export async function withStore<T>(config: Config, work: (store: Store) => Promise<T>): Promise<T> {
  const file = join(config.dataDir, 'strongroom.db');
  if (config.store.kind === 'sqlite' && !existsSync(file)) {
    throw new CommandError(
      `There is no data in ${config.dataDir}. Name another with --data-dir, or run: strongroom start`,
    );
  }
  const driver = config.store.kind === 'sqlite' ? openSqliteReader(file) : await openDriver(config);
  const store = await storeOver(driver);
  try {
    return await work(store);
  } finally {
    await store.close();
  }
}

/** The store's keys, opened with the seal: a passphrase or shares that nobody configured are asked for. */
export async function openKeys(config: Config, store: Store, io: CommandIo): Promise<Keyring> {
  const random = systemRandom();
  const seal = await askSeal({ session: store.reader, config, random, io });
  return Keyring.open(store, seal, random, systemClock.now());
}
