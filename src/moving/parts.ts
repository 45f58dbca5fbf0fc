import type { Access } from '../access/authorise.ts';
import type { Clock, Random } from '../base/ports.ts';
import type { KeyProviders } from '../crypto/key-provider.ts';
import type { Keyring } from '../crypto/keyring.ts';
import type { Operation } from '../operations/operation.ts';
import type { Store } from '../store/store.ts';

/** What moving a vault to another is made of. */
export interface MovingParts {
  readonly store: Store;
  readonly keyring: Keyring;
  readonly clock: Clock;
  readonly random: Random;
  /** Where the keys of the new vault are made and taken in. */
  readonly providers: KeyProviders;
  readonly tenantId: string;
  readonly domain: string;
  readonly access: Pick<Access, 'grantsOf' | 'grantsFor' | 'reachOf' | 'authoriseManagement'>;
  /** The operations of the data plane, whose calls are looked for in the log. */
  readonly dataOperations: readonly Operation[];
}
