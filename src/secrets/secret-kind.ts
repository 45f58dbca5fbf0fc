import type { ObjectKind } from '../objects/lifecycle.ts';
import { type SecretRow, secretQueries } from './repository.ts';
import { secretBundle, secretItem } from './wire.ts';

/** Secrets as the life of objects sees them; a bundle of theirs tells no value. */
export const secretKind: ObjectKind<SecretRow> = {
  collection: 'secrets',
  queries: secretQueries,
  refusals: {
    notFound: 'secret-not-found',
    deleted: 'secret-deleted',
    deletedNotFound: 'deleted-secret-not-found',
    nameDeleted: 'secret-name-deleted',
    managed: 'secret-managed',
  },
  bundle: (call, row) => secretBundle(call, row),
  item: secretItem,
};
