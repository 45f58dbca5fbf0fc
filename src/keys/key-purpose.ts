import { invalid } from '../objects/attributes.ts';
import { Refusal } from '../refusals/refusal.ts';

/**
 * What a key is for, as its operations say. What one closes for a purpose must be opened for no other: who may decrypt with a key
 * exchange key could read what others send in (Bring your own key specification), and who may unwrap with a key for secure wrapping
 * would need no attestation.
 */
export type KeyPurpose = 'use' | 'exchange' | 'secure-wrap';

/** The api-version that has secure wrapping. */
export const SECURE_WRAP_SINCE = '2026-04-01';

/** The operations of keys for secure wrapping, as the client libraries of the service name them. */
export const secureOperations: readonly string[] = ['secureWrapKey', 'secureUnwrapKey'];

/** The purpose of a key with these operations. */
export function purposeOf(operations: readonly string[]): KeyPurpose {
  if (operations.includes('import')) return 'exchange';
  return operations.some(isSecure) ? 'secure-wrap' : 'use';
}

/** The purpose of a stored version. */
export function purposeOfRow({ key_ops: operations }: { readonly key_ops: string }): KeyPurpose {
  return purposeOf(JSON.parse(operations) as string[]);
}

/** @throws Refusal `property-invalid` where operations of a purpose come with others */
export function checkAlone(operations: readonly string[], property: string): void {
  const purpose = purposeOf(operations);
  if (purpose === 'exchange' && operations.length > 1) throw invalid(property, 'import stands alone');
  if (purpose === 'secure-wrap' && !operations.every(isSecure)) {
    throw invalid(property, `${secureOperations.join(' and ')} stand alone`);
  }
}

/** @throws Refusal `property-invalid` where the purpose needs a later api-version */
export function checkPurposeServed(operations: readonly string[], isServed: (since: string) => boolean): void {
  if (purposeOf(operations) === 'secure-wrap' && !isServed(SECURE_WRAP_SINCE)) {
    throw invalid('key_ops', `${secureOperations.join(' and ')} are there from api-version ${SECURE_WRAP_SINCE} on`);
  }
}

/**
 * Whether a version of one purpose may follow the current one. Senders take the newest version of a key exchange key for one; whether a
 * key for secure wrapping leaves, and on what terms, holds for all its versions.
 * @throws Refusal `key-purpose-fixed`
 */
export function checkSuccessor(name: string, current: KeyPurpose, next: KeyPurpose): void {
  if (current === next || (current === 'use' && next === 'exchange')) return;
  throw new Refusal('key-purpose-fixed', { name, purpose: purposeNames[current] });
}

/**
 * Whether a stored key may leave. The release policy of a key for secure wrapping says for whom it unwraps; the key itself stays.
 */
export function isExportable(row: { readonly release_policy: string | null; readonly key_ops: string }): boolean {
  return row.release_policy !== null && purposeOfRow(row) !== 'secure-wrap';
}

const purposeNames: Readonly<Record<KeyPurpose, string>> = {
  use: 'other operations than import, secureWrapKey and secureUnwrapKey',
  exchange: 'the operation import alone',
  'secure-wrap': 'the operations secureWrapKey and secureUnwrapKey alone',
};

function isSecure(operation: string): boolean {
  return secureOperations.includes(operation);
}
