import { rows } from './row.ts';

/** Refusals that management locks cause, and of locks themselves. */
export const lockRefusals = rows({
  'scope-locked': {
    check: 'authorise',
    status: 409,
    error: 'ScopeLocked',
    message:
      "The scope '{scope}' cannot perform {verb} operation because following scope(s) are locked: '{locked}'. Please remove the lock and try again.",
    cause: "The management lock '{lock}' ({level}) at {locked} forbids it, whatever roles the caller holds.",
    remedy: ['az lock delete --ids {lockId}', 'Then try again, and put the lock back.'],
  },
  'lock-not-found': {
    check: 'state',
    status: 404,
    error: 'LockNotFound',
    message: "The lock '{lock}' could not be found.",
    cause: 'No lock of this name is at this very scope; locks above are inherited but belong to their own scope.',
    remedy: ['az lock list'],
  },
  'lock-invalid': {
    check: 'body',
    status: 400,
    error: 'InvalidLock',
    message: 'The lock is invalid: {property}: {reason}.',
    cause: 'The name, level, notes or owners of the lock are not what a lock may have.',
    remedy: ['az lock create --name keep --lock-type CanNotDelete --resource-group GROUP'],
  },
});
