import { StoreFault } from '../fault.ts';

/** What an error means for the transaction and for the connection it came from. */
export type Meaning = 'retry' | 'stale' | 'lost' | 'slow' | 'other';

interface DatabaseError extends Error {
  code: string;
  severity: string;
}

// SQLSTATE (PostgreSQL manual, appendix A). 25006: after a failover this is no longer the node that writes.
const LOST = /^(08...|53...|57P0[1-5]|25006|25P0[34])$/;
// What `pg-pool` says where every connection stayed in use for too long.
const POOL_WAIT = /^timeout exceeded when trying to connect$/;
// YugabyteDB reports some conflicts as an internal error with these texts.
const CONFLICT = /restart read required|conflicts with|(expired or )?aborted by a conflict|restart transaction/i;

/**
 * Tells errors apart: `retry` where the same transaction may succeed (serialisation 40001, deadlock 40P01), `stale` where a
 * statement prepared before a change of the schema must be prepared anew, `lost` where the connection is of no more use,
 * `slow` where the time for a statement or for a free connection was over, `other` for the rest.
 */
export function meaningOf(error: unknown): Meaning {
  if (error instanceof StoreFault || error instanceof RangeError || error instanceof TypeError) return 'other';
  if (!isDatabaseError(error)) return POOL_WAIT.test(String((error as Error).message)) ? 'slow' : 'lost';
  if (error.code === '40001' || error.code === '40P01') return 'retry';
  if (error.code === 'XX000' && CONFLICT.test(error.message)) return 'retry';
  if (error.code === '0A000' && error.message.includes('cached plan')) return 'stale';
  if (error.code === '57014') return 'slow';
  return LOST.test(error.code) ? 'lost' : 'other';
}

/**
 * The error as the store throws it: a {@link StoreFault} `store-unreachable` or `store-busy` where that is what happened,
 * otherwise the database's own error without the parts that quote rows and values.
 */
export function explained(error: unknown, place: string): unknown {
  const meaning = meaningOf(error);
  if (meaning === 'lost') return unreachable(error, place);
  if (meaning === 'slow') {
    return new StoreFault('store-busy', `The database ${place} did not answer in time.`, { cause: error });
  }
  return isDatabaseError(error) ? withoutData(error) : error;
}

/** A fault that names the database and the reason, and holds no password. */
export function unreachable(error: unknown, place: string): StoreFault {
  return new StoreFault('store-unreachable', `The database ${place} cannot be reached: ${reasonOf(error)}.`, {
    cause: isDatabaseError(error) ? withoutData(error) : error,
  });
}

function reasonOf(error: unknown): string {
  if (error instanceof AggregateError && error.errors.length > 0) return reasonOf(error.errors[0]);
  const { message, code } = error as { message?: string; code?: string };
  return (message || code || 'unknown reason').replace(/\.$/, '');
}

function isDatabaseError(error: unknown): error is DatabaseError {
  return error instanceof Error && 'severity' in error && /^[0-9A-Z]{5}$/.test(String((error as DatabaseError).code));
}

/** `detail`, `where` and the like quote rows; class 22 messages (data exceptions) quote the value itself. */
function withoutData(error: DatabaseError): DatabaseError {
  Object.assign(error, { detail: undefined, where: undefined, hint: undefined, internalQuery: undefined });
  if (error.code.startsWith('22')) {
    const message = `The database refused a value (SQLSTATE ${error.code}).`;
    error.stack = error.stack?.replace(error.message, message) ?? message;
    error.message = message;
  }
  return error;
}
