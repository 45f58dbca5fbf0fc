import type { Clock, Log } from '../base/ports.ts';
import { ConfigFault } from '../config.ts';
import type { Store } from '../store/store.ts';
import { readAhead } from './repository.ts';

const LOOK_MS = 500;

/** A clock that runs ahead of the machine's, by as much as the data says. It only ever goes forward. */
export interface MovableClock extends Clock {
  /** Whether it may be moved: the setting `movableClock`. */
  readonly isMovable: boolean;
  /** By how many milliseconds it is ahead of the machine's clock. */
  ahead(): number;
  /** Takes over what was committed; an older state changes nothing. */
  follow(ahead: number): void;
  /** Looks twice a second whether another node has moved it, and calls `moved` then. @returns what ends that */
  watch(log: Log, moved: () => void): () => void;
}

/**
 * The clock of an installation: the machine's, unless it was moved.
 * @throws ConfigFault where the data's clock was moved and the setting says that it may not be: its dates would lie in the
 *   future, and nothing would expire or be purged for as long
 */
export async function openClock(machine: Clock, store: Store, isMovable: boolean): Promise<MovableClock> {
  let ahead = await readAhead(store.reader);
  if (ahead > 0 && !isMovable) {
    const days = (ahead / 86_400_000).toFixed(1);
    throw new ConfigFault(
      `The clock of the data in ${store.driver.place} was moved ${days} days ahead for development, and a production server does ` +
        'not run on it. Start it with --dev (or the setting movableClock), or start with a new data directory.',
    );
  }
  const follow = (next: number) => {
    ahead = Math.max(ahead, next);
  };
  return {
    isMovable,
    now: () => machine.now() + ahead,
    ahead: () => ahead,
    follow,
    watch: (log, moved) => {
      if (!isMovable) return () => {};
      const look = async () => {
        const next = await readAhead(store.reader);
        if (next <= ahead) return;
        follow(next);
        moved();
      };
      const timer = setInterval(() => {
        look().catch((error: Error) => log.error('The clock could not be read.', { reason: error.message }));
      }, LOOK_MS).unref();
      return () => clearInterval(timer);
    },
  };
}
