import type { Named } from '../objects/object-queries.ts';
import { statement } from '../store/statement.ts';

/** An object of a token, and the version that it is for. */
export interface TokenObject extends Named {
  readonly version: string;
  readonly objectId: string;
  readonly token: string;
}

type NewRow = Named & { version: string; objectId: string; token: string; destroyAt: number | null };

/** Notes an object of a version. */
export const noteObject = statement<NewRow>((db, p) =>
  db
    .insertInto('token_objects')
    .values({
      vault_id: p('vaultId'),
      name_key: p('nameKey'),
      version: p('version'),
      object_id: p('objectId'),
      token: p('token'),
      destroy_at: p('destroyAt'),
    })
    .onConflict((conflict) =>
      conflict.columns(['vault_id', 'name_key', 'version', 'object_id']).doUpdateSet({ destroy_at: p('destroyAt') }),
    ),
);

/** The version of an object is there: the object stays. */
export const keepObject = statement<Named & { version: string; objectId: string }>((db, p) =>
  db
    .updateTable('token_objects')
    .set({ destroy_at: null })
    .where('vault_id', '=', p('vaultId'))
    .where('name_key', '=', p('nameKey'))
    .where('version', '=', p('version'))
    .where('object_id', '=', p('objectId')),
);

/** The key is gone: its objects are due at once. */
export const dropObjectsOfKey = statement<Named>((db, p) =>
  db
    .updateTable('token_objects')
    .set({ destroy_at: 0 })
    .where('vault_id', '=', p('vaultId'))
    .where('name_key', '=', p('nameKey')),
);

/** The version is gone: its objects are due at once. */
export const dropObjectsOfVersion = statement<Named & { version: string }>((db, p) =>
  db
    .updateTable('token_objects')
    .set({ destroy_at: 0 })
    .where('vault_id', '=', p('vaultId'))
    .where('name_key', '=', p('nameKey'))
    .where('version', '=', p('version')),
);

/** Whether a version has the object, so that it is not to be destroyed. */
export const isObjectKept = statement<{ objectId: string }, { object_id: string }>((db, p) =>
  db
    .selectFrom('token_objects')
    .select('object_id')
    .where('object_id', '=', p('objectId'))
    .where('destroy_at', 'is', null)
    .limit(1),
);

/** Objects of a token that are to be destroyed by now. */
export const dueObjects = statement<
  { now: number; token: string; limit: number },
  { vault_id: string; name_key: string; version: string; object_id: string; token: string }
>((db, p) =>
  db
    .selectFrom('token_objects')
    .select(['vault_id', 'name_key', 'version', 'object_id', 'token'])
    .where('token', '=', p('token'))
    .where('destroy_at', 'is not', null)
    .where('destroy_at', '<=', p('now'))
    .orderBy('destroy_at')
    .limit(p('limit')),
);

/** How many wait for their destruction. */
export const countDue = statement<{ now: number }, { count: number | string }>((db, p) =>
  db
    .selectFrom('token_objects')
    .select((of) => of.fn.countAll<number | string>().as('count'))
    .where('destroy_at', 'is not', null)
    .where('destroy_at', '<=', p('now')),
);

/** Forgets an object that was destroyed, unless a version has it again. */
export const forgetObject = statement<Named & { version: string; objectId: string }>((db, p) =>
  db
    .deleteFrom('token_objects')
    .where('vault_id', '=', p('vaultId'))
    .where('name_key', '=', p('nameKey'))
    .where('version', '=', p('version'))
    .where('object_id', '=', p('objectId'))
    .where('destroy_at', 'is not', null),
);
