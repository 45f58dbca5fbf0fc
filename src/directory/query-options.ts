import { isUuid } from '../base/ids.ts';
import { fromBase64Url, toBase64Url } from '../base/text.ts';
import type { Call } from '../operations/operation.ts';
import { Refusal } from '../refusals/refusal.ts';
import { type Filter, parseFilter } from './filter.ts';

/** What a list request asks for beyond the collection. */
export interface QueryOptions {
  readonly filter: Filter | null;
  /** 1 to 999. */
  readonly top: number;
  /** The id after which the page starts, or null for the first page. */
  readonly after: string | null;
  /** The properties asked for, or null for all. */
  readonly select: readonly string[] | null;
  readonly count: boolean;
}

const DEFAULT_TOP = 100;
const MAX_TOP = 999;
const known = ['$filter', '$top', '$skiptoken', '$select', '$count'];
const ignored = ['api-version', 'client-request-id'];

/**
 * Reads the OData query options of a list. One that is not understood is refused: to leave out a filter or an order
 * would answer another question than was asked.
 * @throws Refusal `graph-query-unsupported`, `graph-query-invalid`
 */
export function readQueryOptions(call: Call): QueryOptions {
  const { query } = call;
  const unknown = Object.keys(query).find((name) => !known.includes(name) && !ignored.includes(name.toLowerCase()));
  if (unknown !== undefined)
    throw new Refusal('graph-query-unsupported', { reason: `the option ${shown(unknown)} is not` });
  const filter = query['$filter'] === undefined ? null : parseFilter(query['$filter']);
  if (query['$filter'] !== undefined && !filter)
    throw new Refusal('graph-query-unsupported', { reason: 'this $filter is not' });
  const count = query['$count'];
  if (count !== undefined && count !== 'true' && count !== 'false') throw invalid('$count');
  return {
    filter,
    top: readTop(query['$top']),
    after: readSkipToken(query['$skiptoken']),
    select: readSelect(query['$select']),
    count: count === 'true',
  };
}

/** `$select` of a request for one object; other options do not apply to it. */
export function readSelection(call: Call): readonly string[] | null {
  return readSelect(call.query['$select']);
}

/** The link to the page after `last`, with everything else as the caller wrote it. */
export function nextLink(call: Call, last: string): string {
  const options = new URLSearchParams();
  for (const name of known) {
    const value = call.query[name];
    if (value !== undefined && name !== '$skiptoken') options.set(name, value);
  }
  options.set('$skiptoken', toBase64Url(Buffer.from(last)));
  return `${call.origin}${call.path.replace(/\/{2,}/g, '/')}?${options.toString().replaceAll('%24', '$')}`;
}

function readTop(text: string | undefined): number {
  if (text === undefined) return DEFAULT_TOP;
  const top = /^[0-9]{1,3}$/.test(text) ? Number(text) : 0;
  if (top < 1 || top > MAX_TOP) throw invalid('$top');
  return top;
}

function readSkipToken(text: string | undefined): string | null {
  if (text === undefined) return null;
  const id = fromBase64Url(text)?.toString('latin1') ?? '';
  if (!isUuid(id)) throw invalid('$skiptoken');
  return id;
}

function readSelect(text: string | undefined): readonly string[] | null {
  if (text === undefined) return null;
  const names = text.split(',').map((name) => name.trim());
  if (names.some((name) => !/^[A-Za-z][A-Za-z0-9]{0,99}$/.test(name))) throw invalid('$select');
  return names;
}

function invalid(option: string): Refusal {
  return new Refusal('graph-query-invalid', { option });
}

function shown(text: string): string {
  return /^[$\w-]{1,50}$/.test(text) ? text : '(not a name)';
}
