import type { Client, Pool } from 'pg';
import type { Connection, Driver, Result, Value } from '../port.ts';
import {
  connect,
  discard,
  type Pg,
  type PostgresOptions,
  prepare,
  query,
  send,
  type Target,
  targetOf,
} from './client.ts';
import { explained, type Meaning, meaningOf } from './faults.ts';
import { PostgresWriter } from './writer.ts';

const DEFAULT_POOL_SIZE = 8;

/**
 * The store for several nodes: PostgreSQL, or an engine that speaks its protocol. Writes are serialisable transactions on one
 * connection, reads are single statements on a small pool at read committed, and a snapshot has a connection of its own.
 * Nothing beyond the protocol and common SQL is used: no extensions, no advisory locks, no notifications.
 *
 * @throws StoreFault `store-unreachable`, naming host and database and never the password
 */
export async function openPostgres(options: PostgresOptions): Promise<Driver> {
  const { default: pg } = await import('pg');
  const target = targetOf(pg, options);
  const { place } = target;
  const openWriter = () => connect(pg, target, 'write');
  const write = new PostgresWriter(await openWriter(), openWriter, place);
  let closing: Promise<void> | null = null;
  const pool = openPool(pg, target, options.poolSize ?? DEFAULT_POOL_SIZE);
  return {
    dialect: 'postgres',
    place,
    read: { run: (sql, values) => readOn(pool, place, sql, values) },
    write,
    isRetryable: (error) => {
      const meaning = meaningOf(error);
      return meaning === 'retry' || meaning === 'stale';
    },
    snapshot: (work) => snapshot(pg, target, work),
    close: () => {
      closing ??= Promise.all([pool.end(), write.close()]).then(() => {});
      return closing;
    },
  };
}

function openPool(pg: Pg, target: Target, size: number): Pool {
  const pool = new pg.Pool({
    ...target.config,
    max: size,
    idleTimeoutMillis: 60_000,
    onConnect: (client) => prepare(client as Client, target, 'read'),
  });
  // A connection lost while idle leaves the pool by itself; without a listener it would end the process.
  pool.on('error', () => {});
  return pool;
}

async function readOn<Row>(pool: Pool, place: string, sql: string, values: readonly Value[]): Promise<Result<Row>> {
  for (let again = false; ; again = true) {
    const client = await pool.connect().catch((error: unknown) => {
      throw explained(error, place);
    });
    const ignore = () => {};
    client.on('error', ignore);
    let meaning: Meaning | null = null;
    try {
      return await query<Row>(client as unknown as Client, sql, values, again ? 'unnamed' : 'named');
    } catch (error) {
      meaning = meaningOf(error);
      // A connection that died unseen, or a plan from before a change of the schema: a read may be asked again.
      if (again || (meaning !== 'lost' && meaning !== 'stale')) throw explained(error, place);
    } finally {
      client.off('error', ignore);
      client.release(meaning !== null && meaning !== 'other');
    }
  }
}

async function snapshot<T>(pg: Pg, target: Target, work: (connection: Connection) => Promise<T>): Promise<T> {
  const client = await connect(pg, target, 'read');
  const run = async <Row>(sql: string, values: readonly Value[]): Promise<Result<Row>> => {
    try {
      return await query<Row>(client, sql, values);
    } catch (error) {
      throw explained(error, target.place);
    }
  };
  try {
    await send(client, 'begin isolation level repeatable read read only', []);
    return await work({ run });
  } finally {
    discard(client);
  }
}
