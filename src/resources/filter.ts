import { foldName } from '../base/ids.ts';

/** One condition of a `$filter`: a comparison, the beginning of a member, or a function with its text argument. Names are folded. */
export type Condition =
  | { readonly kind: 'equals' | 'starts'; readonly name: string; readonly value: string }
  | { readonly kind: 'call'; readonly name: string; readonly value: string | null };

const MAX_FILTER = 2048;
const starts = /^\s*startswith\(\s*([A-Za-z]+)\s*,\s*'((?:[^']|'')*)'\s*\)/i;
const term = /^\s*([A-Za-z][A-Za-z0-9_./]*)\s*(?:(eq)\s+'((?:[^']|'')*)'|\(\s*(?:'((?:[^']|'')*)')?\s*\))/i;

/**
 * Reads the part of OData's filter language that ARM clients send: comparisons `name eq 'text'` and functions `atScope()`,
 * `assignedTo('id')`, `startswith(name, 'text')`, joined by `and`. A doubled quote stands for one.
 * @returns null for anything else; no conditions for an empty text
 */
export function parseFilter(text: string): readonly Condition[] | null {
  if (text.trim() === '') return [];
  if (text.length > MAX_FILTER) return null;
  const conditions: Condition[] = [];
  let rest = text;
  for (;;) {
    const read = readCondition(rest);
    if (!read) return null;
    conditions.push(read.condition);
    rest = rest.slice(read.length);
    if (rest.trim() === '') return conditions;
    const and = /^\s+and\s+/i.exec(rest);
    if (!and) return null;
    rest = rest.slice(and[0].length);
  }
}

function readCondition(text: string): { readonly condition: Condition; readonly length: number } | null {
  const beginning = starts.exec(text);
  if (beginning) {
    const [{ length }, name, value] = beginning;
    return { condition: { kind: 'starts', name: foldName(name!), value: unquote(value!) }, length };
  }
  const match = term.exec(text);
  if (!match) return null;
  const [{ length }, name, eq, compared, argument] = match;
  const condition: Condition = eq
    ? { kind: 'equals', name: foldName(name!), value: unquote(compared!) }
    : { kind: 'call', name: foldName(name!), value: argument === undefined ? null : unquote(argument) };
  return { condition, length };
}

function unquote(text: string): string {
  return text.replace(/''/g, "'");
}
