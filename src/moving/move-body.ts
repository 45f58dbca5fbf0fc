import { toIso } from '../base/text.ts';
import type { MoveEnds } from './carrier.ts';
import type { VaultClient, VaultUse } from './clients.ts';
import type { VaultMove } from './repository.ts';

/** A move as the wire has it. */
export function moveBody(move: VaultMove, { from, to }: Pick<MoveEnds, 'from' | 'to'>): object {
  const { state, options, created, updated, createdBy } = move;
  return {
    from: from.resourceId,
    to: to.resourceId,
    state,
    ...options,
    created: toIso(created),
    updated: toIso(updated),
    createdBy,
  };
}

/** What a vault's clients must change, beside the vault's URI, by what they did. */
const changesOf: readonly { readonly change: string; readonly after: RegExp }[] = [
  { change: 'key-ids', after: /^Key/ },
  { change: 'ciphertexts', after: /^Key(Encrypt|Decrypt|Wrap|Unwrap)/ },
  { change: 'signatures', after: /^Key(Sign|Verify)/ },
];

/**
 * The clients of a vault and what each must change: `vault-uri` always; where keys are made anew `key-ids` (they name versions of
 * another key), `ciphertexts` (to be read under the old key and encrypted anew), `signatures` (verified by the old public key).
 */
export function useBody({ since, clients, unlisted, unreadable }: VaultUse, keysAreNew: boolean): object {
  return {
    since: toIso(since),
    unlisted,
    unreadable,
    clients: clients.map((client) => ({ ...client, last: toIso(client.last), changes: changes(client, keysAreNew) })),
  };
}

function changes({ operations }: VaultClient, keysAreNew: boolean): readonly string[] {
  const found = keysAreNew ? changesOf.filter(({ after }) => operations.some((one) => after.test(one))) : [];
  return ['vault-uri', ...found.map(({ change }) => change)];
}
