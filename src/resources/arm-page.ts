import { foldName } from '../base/ids.ts';
import { fromBase64Url, toBase64Url } from '../base/text.ts';
import type { Call } from '../operations/operation.ts';
import { Refusal } from '../refusals/refusal.ts';

const USUAL_SIZE = 200;
const MAX_SIZE = 1000;

/** A page of a management-plane list. */
export interface ArmPage {
  /** 1 to 1000. */
  readonly size: number;
  /** The key after which it starts; the empty text for the first page. */
  readonly after: string;
}

/**
 * Reads `$top` and `$skiptoken`. The token holds a key alone and gives no right to anything: each page is authorised anew.
 * @throws Refusal `page-invalid`
 */
export function readPage(call: Call): ArmPage {
  const top = queryOf(call, '$top');
  const size = top === undefined ? USUAL_SIZE : Number(top);
  if (top !== undefined && (!/^\d{1,6}$/.test(top) || size < 1)) {
    throw new Refusal('page-invalid', { parameter: '$top', reason: 'a number from 1 to 1000 is expected' });
  }
  const token = queryOf(call, '$skiptoken');
  return { size: Math.min(size, MAX_SIZE), after: token === undefined ? '' : readToken(call, token) };
}

/**
 * A page as it is answered: `value`, and `nextLink` where there is more.
 * @param rows one more than the page's size where there is more
 * @param keyOf the key of a row, which the next page starts after
 */
export function pageBody<Row>(
  call: Call,
  page: ArmPage,
  rows: readonly Row[],
  keyOf: (row: Row) => string,
  toWire: (row: Row) => unknown | null,
): { readonly value: readonly unknown[]; readonly nextLink?: string } {
  const shown = rows.slice(0, page.size);
  const value = shown.map(toWire).filter((item) => item !== null);
  const last = shown[shown.length - 1];
  return rows.length > page.size && last !== undefined ? { value, nextLink: nextLink(call, keyOf(last)) } : { value };
}

function readToken(call: Call, token: string): string {
  const text = token.length > 2048 ? undefined : fromBase64Url(token)?.toString('utf8');
  const list = `${call.operation.id} `;
  if (!text?.startsWith(list)) {
    throw new Refusal('page-invalid', { parameter: '$skiptoken', reason: 'it was not made for this list' });
  }
  return text.slice(list.length);
}

/** A query parameter whose name is compared without regard to case, as ARM does. */
export function queryOf(call: Call, name: string): string | undefined {
  const exact = call.query[name];
  if (exact !== undefined) return exact;
  const key = foldName(name);
  const found = Object.keys(call.query).find((candidate) => foldName(candidate) === key);
  return found === undefined ? undefined : call.query[found];
}

function nextLink(call: Call, last: string): string {
  const query = Object.entries(call.query).filter(([name]) => foldName(name) !== '$skiptoken');
  const token = toBase64Url(Buffer.from(`${call.operation.id} ${last}`));
  const parts = [...query, ['$skiptoken', token]].map(
    ([name, value]) => `${encodeURIComponent(name!)}=${encodeURIComponent(value!)}`,
  );
  return `${call.origin}${call.path.replace(/\/{2,}/g, '/')}?${parts.join('&')}`;
}
