import type { Clock, Random } from '../base/ports.ts';
import type { Keyring } from '../crypto/keyring.ts';
import type { Store } from '../store/store.ts';
import type { AccessPort } from './visibility.ts';

/** What the operations on resources are made of. */
export interface ResourceParts {
  readonly store: Store;
  readonly keyring: Keyring;
  readonly clock: Clock;
  readonly random: Random;
  readonly tenantId: string;
  readonly domain: string;
  readonly access: AccessPort;
}
