import type { Session, Transaction } from '../store/port.ts';
import type { PrivateEndpointConnectionTable } from '../store/schema.ts';
import { statement } from '../store/statement.ts';
import type { ConnectionStatus, EndpointConnection } from './endpoint-connection.ts';

type Row = PrivateEndpointConnectionTable;
type Key = { vaultId: string; nameKey: string };

const one = statement<Key, Row>((db, p) =>
  db
    .selectFrom('private_endpoint_connections')
    .selectAll()
    .where('vault_id', '=', p('vaultId'))
    .where('name_key', '=', p('nameKey')),
);
const page = statement<{ vaultId: string; after: string; limit: number }, Row>((db, p) =>
  db
    .selectFrom('private_endpoint_connections')
    .selectAll()
    .where('vault_id', '=', p('vaultId'))
    .where('name_key', '>', p('after'))
    .orderBy('name_key')
    .limit(p('limit')),
);
const insert = statement<Row>((db, p) =>
  db.insertInto('private_endpoint_connections').values({
    vault_id: p('vault_id'),
    name_key: p('name_key'),
    name: p('name'),
    endpoint_id: p('endpoint_id'),
    status: p('status'),
    description: p('description'),
    etag: p('etag'),
    created: p('created'),
    updated: p('updated'),
  }),
);
const remove = statement<Key>((db, p) =>
  db
    .deleteFrom('private_endpoint_connections')
    .where('vault_id', '=', p('vaultId'))
    .where('name_key', '=', p('nameKey')),
);

/** The connection of this folded name, or null. */
export async function findConnection(session: Session, key: Key): Promise<EndpointConnection | null> {
  const row = await one.first(session, key);
  return row && toConnection(row);
}

/** A page of a vault's connections, by folded name. */
export async function listConnections(
  session: Session,
  selection: { readonly vaultId: string; readonly after: string; readonly limit: number },
): Promise<readonly EndpointConnection[]> {
  return (await page.all(session, selection)).map(toConnection);
}

/** Every connection of some vaults, by vault and name. */
export async function connectionsOf(
  session: Session,
  vaultIds: readonly string[],
): Promise<readonly EndpointConnection[]> {
  if (vaultIds.length === 0) return [];
  const rows = await session.db
    .selectFrom('private_endpoint_connections')
    .selectAll()
    .where('vault_id', 'in', [...vaultIds])
    .orderBy('vault_id')
    .orderBy('name_key')
    .execute();
  return rows.map(toConnection);
}

/** Stores a connection, in place of the one of its name. */
export async function storeConnection(transaction: Transaction, connection: EndpointConnection): Promise<void> {
  await removeConnection(transaction, connection);
  await insert.change(transaction, {
    vault_id: connection.vaultId,
    name_key: connection.nameKey,
    name: connection.name,
    endpoint_id: connection.endpointId,
    status: connection.status,
    description: connection.description,
    etag: connection.etag,
    created: connection.created,
    updated: connection.updated,
  });
}

/** Removes a connection. */
export async function removeConnection(transaction: Transaction, { vaultId, nameKey }: Key): Promise<void> {
  await remove.change(transaction, { vaultId, nameKey });
}

function toConnection(row: Row): EndpointConnection {
  return {
    vaultId: row.vault_id,
    name: row.name,
    nameKey: row.name_key,
    endpointId: row.endpoint_id,
    status: row.status as ConnectionStatus,
    description: row.description,
    etag: row.etag,
    created: row.created,
    updated: row.updated,
  };
}
