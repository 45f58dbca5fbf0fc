import type { Compilable } from 'kysely';
import { Kysely } from './kysely.ts';
import type { DialectName, Result, Session, Value } from './port.ts';
import type { Tables } from './schema.ts';
import { compileOnlyDialect } from './session.ts';

class Placeholder {
  readonly name: string;
  constructor(name: string) {
    this.name = name;
  }
}

/** Stands for the parameter `name` while a statement is built. */
export type Parameter<P> = <K extends keyof P & string>(name: K) => P[K];

/** A statement compiled once a database and run many times. */
export interface Statement<P, Row> {
  all(session: Session, parameters: P): Promise<Row[]>;
  /** The first row, or null where there is none. */
  first(session: Session, parameters: P): Promise<Row | null>;
  /** Runs it and tells how many rows it inserted, changed or removed. */
  change(session: Session, parameters: P): Promise<number>;
}

interface Compiled {
  readonly sql: string;
  /** A parameter's name, or a constant. */
  readonly slots: readonly (Placeholder | Value)[];
}

const builders: Record<DialectName, Kysely<Tables>> = {
  sqlite: new Kysely<Tables>({ dialect: compileOnlyDialect('sqlite') }),
  postgres: new Kysely<Tables>({ dialect: compileOnlyDialect('postgres') }),
};

/**
 * Declares a statement with Kysely. `build` runs once for each kind of database, on first use; the parameters are named by
 * `p('name')` where a value would stand. Building the same query anew for each request costs more than SQLite takes to run it.
 */
export function statement<P extends object, Row = never>(
  build: (db: Kysely<Tables>, p: Parameter<P>) => Compilable<Row>,
): Statement<P, Row> {
  const compiled: Partial<Record<DialectName, Compiled>> = {};
  const run = (session: Session, parameters: P): Promise<Result<Row>> => {
    let prepared = compiled[session.dialect];
    if (!prepared) {
      prepared = compile(session.dialect, build);
      compiled[session.dialect] = prepared;
    }
    const values = prepared.slots.map((slot) =>
      slot instanceof Placeholder ? (parameters as Record<string, Value>)[slot.name]! : slot,
    );
    return session.run<Row>(prepared.sql, values);
  };
  return {
    all: async (session, parameters) => (await run(session, parameters)).rows,
    first: async (session, parameters) => (await run(session, parameters)).rows[0] ?? null,
    change: async (session, parameters) => (await run(session, parameters)).changed,
  };
}

function compile<P, Row>(
  dialect: DialectName,
  build: (db: Kysely<Tables>, p: Parameter<P>) => Compilable<Row>,
): Compiled {
  const parameter = ((name: string) => new Placeholder(name)) as unknown as Parameter<P>;
  const query = build(builders[dialect], parameter).compile();
  return { sql: query.sql, slots: query.parameters as readonly (Placeholder | Value)[] };
}
