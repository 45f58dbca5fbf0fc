import type { TableMaker } from './migrations.ts';

/** A step of the schema: the last change of each vault's permission model, so that it can be continued and undone. */
export async function createModelChangeTable(create: TableMaker): Promise<void> {
  await create(
    'model_changes',
    {
      vault_id: 'text',
      id: 'text',
      to_model: 'text',
      state: 'text',
      digest: 'text',
      options: 'text',
      was_rbac: 'integer',
      policies_before: 'text',
      policies_after: 'text',
      roles: 'text',
      assignments: 'text',
      created: 'integer',
      updated: 'integer',
      created_by: 'text',
    },
    ['vault_id'],
  );
}
