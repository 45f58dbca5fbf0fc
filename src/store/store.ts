import { Committer } from './committer.ts';
import { migrate } from './migrate.ts';
import type { Driver, Journal, JournalEntry, Session, Transaction } from './port.ts';
import { openSession } from './session.ts';
import { statement } from './statement.ts';

const readGeneration = statement<object, { value: number }>((db) =>
  db.selectFrom('generations').select('value').where('topic', '=', 'decisions'),
);
const raiseGeneration = statement<object>((db) =>
  db
    .updateTable('generations')
    .set((eb) => ({ value: eb('value', '+', 1) }))
    .where('topic', '=', 'decisions'),
);

/** The data of one installation. Everything that lasts goes through here. */
export interface Store {
  /** Reads of committed data. Two statements may see different states; take a transaction where that matters. */
  readonly reader: Session;
  /** See {@link Committer.write}. */
  write<T>(work: (transaction: Transaction) => Promise<T>): Promise<T>;
  /** See {@link Committer.append}. */
  append(entry: JournalEntry): Promise<void>;
  useJournal(journal: Journal): void;
  /**
   * A number that differs once any node has committed a change of vault settings, principals or grants: what was cached
   * under another number is void. On SQLite the process owns the file and answers from memory.
   */
  generation(): Promise<number> | number;
  /**
   * Calls the listener when {@link generation} has found a number that this process did not know, before that call resolves:
   * what other nodes changed is followed before the request goes on that noticed. On SQLite there is no other node.
   */
  onGeneration(listener: () => Promise<void>): void;
  snapshot<T>(work: (session: Session) => Promise<T>): Promise<T>;
  readonly driver: Driver;
  close(): Promise<void>;
}

/**
 * Opens the store over a driver and brings its schema up to date.
 * @throws StoreFault `store-newer` where a later release has written the data
 */
export async function openStore(driver: Driver, options: { readonly now: number }): Promise<Store> {
  await migrate(driver, options.now);
  return storeOver(driver);
}

/** A store over data whose schema is known to be right; {@link openStore} is what a server uses. */
export async function storeOver(driver: Driver): Promise<Store> {
  const reader = openSession(driver.dialect, driver.read);
  const owned = driver.dialect === 'sqlite';
  let generation = (await readGeneration.first(reader, {}))?.value ?? 0;
  const committer = new Committer(driver, async (session) => {
    await raiseGeneration.change(session, {});
    // Raised before the commit: an entry computed in between is void at once, never stale.
    generation++;
  });
  const shared = sharedGeneration(reader, generation);
  return {
    driver,
    reader,
    write: async (work) => {
      let touched = false;
      try {
        return await committer.write((transaction) =>
          work({
            ...transaction,
            touch: () => {
              touched = true;
              transaction.touch();
            },
          }),
        );
      } finally {
        // And after it, also where nobody knows how it ended: what was cached meanwhile rests on the old state.
        if (touched) generation++;
      }
    },
    append: (entry) => committer.append(entry),
    useJournal: (journal) => committer.useJournal(journal),
    generation: () => (owned ? generation : shared.read()),
    onGeneration: shared.listen,
    snapshot: (work) => driver.snapshot((connection) => work(openSession(driver.dialect, connection))),
    close: async () => {
      await committer.close();
      await driver.close();
    },
  };
}

/** The generation as the database has it, with those who follow what other nodes changed. */
function sharedGeneration(reader: Session, known: number) {
  const listeners: (() => Promise<void>)[] = [];
  let seen = known;
  let following: Promise<unknown> = Promise.resolve();
  return {
    listen: (listener: () => Promise<void>): void => {
      listeners.push(listener);
    },
    read: async (): Promise<number> => {
      const found = (await readGeneration.first(reader, {}))?.value ?? 0;
      if (found !== seen) {
        seen = found;
        following = Promise.all(listeners.map((listener) => listener()));
      }
      // Also who comes while others are still following.
      await following;
      return found;
    },
  };
}
