import type { Clock, Random } from '../../base/ports.ts';
import type { Operation } from '../../operations/operation.ts';
import type { Store } from '../../store/store.ts';
import type { Access } from '../authorise.ts';

/** What moving between the permission models is made of. */
export interface MoveParts {
  readonly store: Store;
  readonly clock: Clock;
  readonly random: Random;
  readonly tenantId: string;
  readonly access: Pick<Access, 'grantsOf' | 'grantsFor' | 'reachOf' | 'authoriseManagement'>;
  /** The operations of the data plane, whose calls are replayed. */
  readonly dataOperations: readonly Operation[];
}
