import type { CompiledQuery, DatabaseConnection, Dialect } from 'kysely';
import {
  Kysely,
  PostgresAdapter,
  PostgresIntrospector,
  PostgresQueryCompiler,
  SqliteAdapter,
  SqliteIntrospector,
  SqliteQueryCompiler,
} from './kysely.ts';
import type { Connection, DialectName, Session, Value } from './port.ts';
import type { Tables } from './schema.ts';

/** A session over a connection: Kysely and prepared statements on the same connection. */
export function openSession(dialect: DialectName, connection: Connection): Session {
  let db: Kysely<Tables> | null = null;
  return {
    dialect,
    run: (sql, values) => connection.run(sql, values),
    get db() {
      db ??= new Kysely<Tables>({ dialect: dialectOver(dialect, connection) });
      return db;
    },
  };
}

/** A Kysely dialect that can build and compile queries and has nothing to run them on. */
export function compileOnlyDialect(dialect: DialectName): Dialect {
  return dialectOver(dialect, {
    run: () => Promise.reject(new Error('This Kysely instance only compiles; run the statement on a session.')),
  });
}

function dialectOver(dialect: DialectName, connection: Connection): Dialect {
  const database: DatabaseConnection = {
    async executeQuery<Row>(query: CompiledQuery) {
      const { rows, changed } = await connection.run<Row>(query.sql, query.parameters as Value[]);
      return { rows, numAffectedRows: BigInt(changed) };
    },
    // biome-ignore lint/correctness/useYield: the interface asks for a generator; nothing here streams through Kysely.
    async *streamQuery() {
      throw new Error('Streaming is not offered through Kysely; page by key instead.');
    },
  };
  const unsupported = () => Promise.reject(new Error('Transactions are opened by the store, not by Kysely.'));
  const driver = {
    init: async () => {},
    acquireConnection: async () => database,
    beginTransaction: unsupported,
    commitTransaction: unsupported,
    rollbackTransaction: unsupported,
    releaseConnection: async () => {},
    destroy: async () => {},
  };
  return dialect === 'sqlite'
    ? {
        createAdapter: () => new SqliteAdapter(),
        createDriver: () => driver,
        createIntrospector: (db) => new SqliteIntrospector(db),
        createQueryCompiler: () => new SqliteQueryCompiler(),
      }
    : {
        createAdapter: () => new PostgresAdapter(),
        createDriver: () => driver,
        createIntrospector: (db) => new PostgresIntrospector(db),
        createQueryCompiler: () => new PostgresQueryCompiler(),
      };
}
