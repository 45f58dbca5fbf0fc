import { foldName } from '../../base/ids.ts';
import type { Comparison } from './condition.ts';

/** What an attribute holds, which decides the operators that it takes. */
export type AttributeType = 'text' | 'guid';

/** An operator of conditions. */
export interface Operator {
  readonly type: AttributeType;
  readonly comparison: Comparison;
  readonly isNegated: boolean;
}

const equals: Comparison = (found, wanted) => found === wanted;
const startsWith: Comparison = (found, wanted) => found.startsWith(wanted);

const comparisons: Readonly<Record<string, Comparison>> = {
  Equals: equals,
  EqualsIgnoreCase: ignoringCase(equals),
  StartsWith: startsWith,
  StartsWithIgnoreCase: ignoringCase(startsWith),
  Like: isLike,
  LikeIgnoreCase: ignoringCase(isLike),
};

/** The operators by their folded names (Azure "role assignment condition format", string and GUID comparison operators). */
export const operators: ReadonlyMap<string, Operator> = new Map<string, Operator>([
  ...Object.entries(comparisons).flatMap(([name, comparison]) => [
    operator(`string${name}`, { type: 'text', comparison, isNegated: false }),
    operator(`stringnot${name}`, { type: 'text', comparison, isNegated: true }),
  ]),
  operator('guidequals', { type: 'guid', comparison: ignoringCase(equals), isNegated: false }),
  operator('guidnotequals', { type: 'guid', comparison: ignoringCase(equals), isNegated: true }),
]);

/** Whether the text has the form of the pattern, in which `*` stands for any text and `?` for one character. */
export function isLike(text: string, pattern: string): boolean {
  let at = 0;
  let textAt = 0;
  let star = -1;
  let mark = 0;
  while (textAt < text.length) {
    if (pattern[at] === '*') {
      star = at++;
      mark = textAt;
    } else if (at < pattern.length && (pattern[at] === '?' || pattern[at] === text[textAt])) {
      at++;
      textAt++;
    } else if (star >= 0) {
      at = star + 1;
      textAt = ++mark;
    } else return false;
  }
  while (pattern[at] === '*') at++;
  return at === pattern.length;
}

function operator(name: string, row: Operator): readonly [string, Operator] {
  return [name.toLowerCase(), row];
}

function ignoringCase(comparison: Comparison): Comparison {
  return (found, wanted) => comparison(foldName(found), foldName(wanted));
}
