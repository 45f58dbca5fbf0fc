import { foldName } from '../base/ids.ts';

/** One condition of a `$filter`: a comparison, or a function with its text argument. Names are folded. */
export type Condition =
  | { readonly kind: 'equals'; readonly name: string; readonly value: string }
  | { readonly kind: 'call'; readonly name: string; readonly value: string | null };

const MAX_FILTER = 2048;
const term = /^\s*([A-Za-z][A-Za-z0-9_./]*)\s*(?:(eq)\s+'((?:[^']|'')*)'|\(\s*(?:'((?:[^']|'')*)')?\s*\))/i;

/**
 * Reads the part of OData's filter language that ARM clients send: comparisons `name eq 'text'` and functions `atScope()`,
 * `assignedTo('id')`, joined by `and`. A doubled quote stands for one.
 * @returns null for anything else; no conditions for an empty text
 */
export function parseFilter(text: string): readonly Condition[] | null {
  if (text.trim() === '') return [];
  if (text.length > MAX_FILTER) return null;
  const conditions: Condition[] = [];
  let rest = text;
  for (;;) {
    const match = term.exec(rest);
    if (!match) return null;
    const [whole, name, eq, compared, argument] = match;
    conditions.push(
      eq
        ? { kind: 'equals', name: foldName(name!), value: unquote(compared!) }
        : { kind: 'call', name: foldName(name!), value: argument === undefined ? null : unquote(argument) },
    );
    rest = rest.slice(whole.length);
    if (rest.trim() === '') return conditions;
    const and = /^\s+and\s+/i.exec(rest);
    if (!and) return null;
    rest = rest.slice(and[0].length);
  }
}

function unquote(text: string): string {
  return text.replace(/''/g, "'");
}
