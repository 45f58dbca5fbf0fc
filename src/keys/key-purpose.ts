import { Refusal } from '../refusals/refusal.ts';

/**
 * What a key is for, as its operations say. What one closes for a purpose must be opened for no other: who may decrypt with a key
 * exchange key could read what others send in (Bring your own key specification).
 */
export type KeyPurpose = 'use' | 'exchange';

/** The purpose of a key with these operations. */
export function purposeOf(operations: readonly string[]): KeyPurpose {
  return operations.includes('import') ? 'exchange' : 'use';
}

/** The purpose of a stored version. */
export function purposeOfRow({ key_ops: operations }: { readonly key_ops: string }): KeyPurpose {
  return purposeOf(JSON.parse(operations) as string[]);
}

/**
 * Whether a version of one purpose may follow the current one. Senders take the newest version of a key exchange key for one.
 * @throws Refusal `key-purpose-fixed`
 */
export function checkSuccessor(name: string, current: KeyPurpose, next: KeyPurpose): void {
  if (current === 'exchange' && next !== 'exchange')
    throw new Refusal('key-purpose-fixed', { name, operations: 'import' });
}
