import type { Random } from '../base/ports.ts';
import type { Store } from '../store/store.ts';

/** What the directory is made of. */
export interface DirectoryParts {
  readonly store: Store;
  readonly random: Random;
  readonly tenantId: string;
  readonly domain: string;
}
