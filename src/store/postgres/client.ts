import { createHash } from 'node:crypto';
import type { Client, ClientConfig, QueryResult } from 'pg';
import { StoreFault } from '../fault.ts';
import type { Result, Value } from '../port.ts';
import { assertStorable } from '../value.ts';
import { unreachable } from './faults.ts';
import { columnTypes } from './values.ts';

/** Where the database is and how to sign in: a `postgres://` URL, or its parts; what is missing comes from `PG*` variables. */
export interface PostgresOptions {
  readonly connectionString?: string;
  readonly host?: string;
  readonly port?: number;
  readonly database?: string;
  readonly user?: string;
  readonly password?: string;
  /** Connections for reads, 1 to 100; 8 by default. One more writes. */
  readonly poolSize?: number;
  /** After how many milliseconds the server gives up a statement; 30,000 by default. */
  readonly statementTimeoutMs?: number;
}

/** The module `pg`, which is loaded only where PostgreSQL is used. */
export type Pg = typeof import('pg')['default'];

/** What every connection is opened with. */
export interface Target {
  readonly config: ClientConfig;
  /** `postgres://host:port/database`: never a user or a password. */
  readonly place: string;
  readonly statementTimeoutMs: number;
}

const CONNECT_TIMEOUT_MS = 5000;
const NETWORK_GRACE_MS = 5000;
const NAMED_STATEMENTS = 500;

/**
 * Reads the options without connecting.
 * @throws StoreFault `store-unreachable` where they cannot be read
 */
export function targetOf(pg: Pg, options: PostgresOptions): Target {
  const { statementTimeoutMs = 30_000, poolSize: _, ...given } = options;
  const { connectionString } = given;
  if (connectionString && !(/^postgres(ql)?:/.test(connectionString) && URL.canParse(connectionString))) {
    throw unreadable();
  }
  const config: ClientConfig = {
    ...given,
    types: columnTypes as NonNullable<ClientConfig['types']>,
    application_name: 'strongroom',
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    // The server's own limit is of no help where the network swallows its answer.
    query_timeout: statementTimeoutMs + NETWORK_GRACE_MS,
    keepAlive: true,
    keepAliveInitialDelayMillis: 10_000,
  };
  const { host, port, database = '' } = parsed(pg, config);
  // An unescaped `/` in a password moves its rest and the host into the name of the database.
  if (database.includes('@')) throw unreadable();
  return { config, place: `postgres://${host}:${port}/${database}`, statementTimeoutMs };
}

function parsed(pg: Pg, config: ClientConfig): Client {
  try {
    return new pg.Client(config);
  } catch (error) {
    // A URL that cannot be read is quoted in the error, with the password.
    throw (error as { code?: string }).code === 'ENOENT' ? unreachable(error, 'of the configuration') : unreadable();
  }
}

function unreadable(): StoreFault {
  return new StoreFault(
    'store-unreachable',
    'The PostgreSQL connection string cannot be read. Its form is postgres://user:password@host:port/database, ' +
      'with special characters of the password percent-encoded.',
  );
}

/** Opens one connection for `purpose`. */
export async function connect(pg: Pg, target: Target, purpose: 'read' | 'write'): Promise<Client> {
  const client = new pg.Client(target.config);
  // Without a listener a connection lost while idle would end the process; the next query on it tells.
  client.on('error', () => {});
  try {
    await client.connect();
    await prepare(client, target, purpose);
    return client;
  } catch (error) {
    discard(client);
    throw unreachable(error, target.place);
  }
}

/** Closes a connection whose state is not known. */
export function discard(client: Client): void {
  client.end().catch(() => {});
}

/** Sets what the session must not inherit from the server's or the role's defaults. */
export async function prepare(client: Client, target: Target, purpose: 'read' | 'write'): Promise<void> {
  const shared = `set statement_timeout = ${target.statementTimeoutMs}; set bytea_output = 'hex';
    set idle_in_transaction_session_timeout = ${2 * target.statementTimeoutMs}; `;
  if (purpose === 'read') {
    await client.query(
      `${shared} set default_transaction_read_only = on; set default_transaction_isolation = 'read committed'`,
    );
    return;
  }
  await client.query(`${shared} set default_transaction_read_only = off`);
  const setting = await client.query<{ synchronous_commit: string }>('show synchronous_commit');
  // Anything but `off` waits for the log at least here; `remote_apply` and such are the operator's choice and stay.
  if (setting.rows[0]?.synchronous_commit === 'off') await client.query('set synchronous_commit = on');
  const version = await client.query<{ version: string }>('select version()');
  // CockroachDB would commit what came before each change of the schema (its manual, session variables).
  if (version.rows[0]?.version.includes('CockroachDB')) await client.query('set autocommit_before_ddl = off');
}

const names = new Map<string, string>();

/** Runs one statement, prepared under a name of its own where it is one that comes again and names are asked for. */
export async function query<Row>(
  client: Client,
  sql: string,
  values: readonly Value[],
  naming: 'named' | 'unnamed' = 'named',
): Promise<Result<Row>> {
  const result = await send(client, sql, values, naming === 'named' ? nameOf(sql) : undefined);
  // `returning` gives rows; what was changed is then told by them.
  return { rows: result.rows as Row[], changed: result.fields.length > 0 ? 0 : (result.rowCount ?? 0) };
}

/** Sends one statement by the extended protocol, which takes no second statement behind a semicolon. */
export async function send(
  client: Client,
  sql: string,
  values: readonly Value[],
  name?: string | undefined,
): Promise<QueryResult> {
  assertStorable(values);
  const config = { text: sql, values: values as Value[], queryMode: 'extended', ...(name ? { name } : {}) };
  return await client.query(config);
}

/** A digest of the text as name: the same on every node, so that a connection pooler between may share it. */
function nameOf(sql: string): string | undefined {
  const known = names.get(sql);
  if (known) return known;
  if (names.size >= NAMED_STATEMENTS || !/^(select|insert|update|delete|with)\b/i.test(sql)) return undefined;
  const name = createHash('sha256').update(sql).digest('hex').slice(0, 32);
  names.set(sql, name);
  return name;
}
