/** A word of a condition. */
export type Token =
  | { readonly kind: 'sign' | 'word' | 'text'; readonly text: string; readonly at: number }
  | { readonly kind: 'attribute'; readonly source: string; readonly text: string; readonly at: number };

const patterns = {
  space: /\s+/y,
  // A quote inside is written with a backslash before it, as is a backslash.
  text: /'((?:[^'\\]|\\['\\])*)'/y,
  attribute: /@([A-Za-z]+)\s*\[\s*([A-Za-z0-9./_-]+:[A-Za-z0-9._-]+)\s*\]/y,
  sign: /&&|\|\||[!(){},]/y,
  word: /[A-Za-z0-9][A-Za-z0-9:-]*/y,
} as const;

/** The words of a condition, or what is in the way of reading them. */
export function tokensOf(text: string): readonly Token[] | { readonly problem: string } {
  const tokens: Token[] = [];
  let at = 0;
  const match = (pattern: RegExp) => {
    pattern.lastIndex = at;
    return pattern.exec(text);
  };
  while (at < text.length) {
    const space = match(patterns.space);
    if (space) {
      at += space[0].length;
      continue;
    }
    const attribute = match(patterns.attribute);
    const quoted = match(patterns.text);
    const other = match(patterns.sign) ?? match(patterns.word);
    if (attribute) tokens.push({ kind: 'attribute', source: attribute[1]!, text: attribute[2]!, at });
    else if (quoted) tokens.push({ kind: 'text', text: quoted[1]!.replace(/\\(['\\])/g, '$1'), at });
    else if (other) tokens.push({ kind: /^[A-Za-z0-9]/.test(other[0]) ? 'word' : 'sign', text: other[0], at });
    else return { problem: `the text at character ${at + 1} is not understood` };
    at += (attribute ?? quoted ?? other)![0].length;
  }
  return tokens;
}
