/** What `pg` asks for the reader of a column's text: one for each type id. */
export interface ColumnTypes {
  getTypeParser(typeId: number): (text: string) => unknown;
}

/**
 * How columns become values of the port; given to each connection, so that `pg`'s own global table is left alone. Whole
 * numbers of any width (also `count` and `sum`, which widen) become numbers, truths 0 and 1 as SQLite has them, `bytea` bytes
 * and the rest text. Type ids are PostgreSQL's `pg_type.oid`, which the engines that speak its protocol share.
 */
export const columnTypes: ColumnTypes = {
  getTypeParser: (typeId) => parsers.get(typeId) ?? asText,
};

const parsers = new Map<number, (text: string) => unknown>([
  [16, (text) => (text === 't' ? 1 : 0)], // boolean
  [17, toBytes], // bytea
  [20, toInteger], // bigint
  [21, toInteger], // smallint
  [23, toInteger], // integer
  [26, toInteger], // oid
  [1700, toInteger], // numeric
]);

function asText(text: string): string {
  return text;
}

function toInteger(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value)) throw new RangeError('A stored number is not a safe integer.');
  return value;
}

/** `bytea` in its hexadecimal output format (PostgreSQL manual §8.4.1), which each connection asks for. */
function toBytes(text: string): Uint8Array {
  if (!text.startsWith('\\x')) throw new RangeError('A stored byte string came in a form other than hexadecimal.');
  return Buffer.from(text.slice(2), 'hex');
}
