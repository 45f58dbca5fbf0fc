/** A filter of the OData language, as far as the directory understands it. */
export type Filter =
  | { readonly kind: 'and'; readonly terms: readonly Filter[] }
  | { readonly kind: 'or'; readonly terms: readonly Filter[] }
  | { readonly kind: 'eq'; readonly property: string; readonly value: string | boolean }
  | { readonly kind: 'startswith'; readonly property: string; readonly value: string }
  /** Some element of a collection equals the value. */
  | { readonly kind: 'any'; readonly property: string; readonly value: string };

const MAX_LENGTH = 4000;
const MAX_TERMS = 50;
const MAX_DEPTH = 10;
const TOKEN = /\s*(?:('(?:[^']|'')*')|([A-Za-z_][A-Za-z0-9_]*)|([()/:,]))/y;

type Token = { readonly kind: 'text' | 'word' | 'sign'; readonly text: string };

/**
 * Reads a `$filter` (OData 4.01, part 2, §5.1.1): `eq`, `startswith`, `any` with `eq` on collections of text, joined by
 * `and`, `or` and parentheses. Keywords are lower case, texts in single quotes, a quote doubled.
 * @returns null for anything else, so that the caller refuses it: half a filter would show more than was asked for
 */
export function parseFilter(text: string): Filter | null {
  const isText = text.length <= MAX_LENGTH && text.isWellFormed() && !text.includes('\u0000');
  const tokens = isText ? readTokens(text) : null;
  if (!tokens) return null;
  const reader = new Reader(tokens);
  const filter = reader.either(0);
  return filter && reader.isAtEnd ? filter : null;
}

function readTokens(text: string): Token[] | null {
  const tokens: Token[] = [];
  const end = text.trimEnd().length;
  TOKEN.lastIndex = 0;
  while (TOKEN.lastIndex < end) {
    const match = TOKEN.exec(text);
    if (!match) return null;
    const [, quoted, word, sign] = match;
    if (quoted !== undefined) tokens.push({ kind: 'text', text: quoted.slice(1, -1).replaceAll("''", "'") });
    else if (word !== undefined) tokens.push({ kind: 'word', text: word });
    else tokens.push({ kind: 'sign', text: sign! });
  }
  return tokens;
}

class Reader {
  readonly #tokens: readonly Token[];
  #next = 0;
  #terms = 0;

  constructor(tokens: readonly Token[]) {
    this.#tokens = tokens;
  }

  get isAtEnd(): boolean {
    return this.#next === this.#tokens.length;
  }

  either(depth: number): Filter | null {
    return this.#joined('or', () => this.#joined('and', () => this.#term(depth)));
  }

  #joined(kind: 'and' | 'or', read: () => Filter | null): Filter | null {
    const terms: Filter[] = [];
    do {
      const term = read();
      if (!term) return null;
      terms.push(term);
    } while (this.#take('word', kind));
    return terms.length === 1 ? terms[0]! : { kind, terms };
  }

  #term(depth: number): Filter | null {
    if (depth > MAX_DEPTH || ++this.#terms > MAX_TERMS) return null;
    if (this.#take('sign', '(')) {
      const inner = this.either(depth + 1);
      return inner && this.#take('sign', ')') ? inner : null;
    }
    const property = this.#value('word');
    if (property === null) return null;
    if (property === 'startswith') return this.#startsWith();
    if (this.#take('sign', '/')) return this.#any(property);
    if (!this.#take('word', 'eq')) return null;
    const value = this.#literal();
    return value === null ? null : { kind: 'eq', property, value };
  }

  #startsWith(): Filter | null {
    if (!this.#take('sign', '(')) return null;
    const property = this.#value('word');
    const comma = this.#take('sign', ',');
    const value = this.#value('text');
    if (property === null || !comma || value === null || !this.#take('sign', ')')) return null;
    return { kind: 'startswith', property, value };
  }

  /** `any(c:c eq 'x')`, the property and slash being read. */
  #any(property: string): Filter | null {
    if (!this.#take('word', 'any') || !this.#take('sign', '(')) return null;
    const name = this.#value('word');
    if (name === null || !this.#take('sign', ':') || !this.#take('word', name) || !this.#take('word', 'eq'))
      return null;
    const value = this.#value('text');
    return value !== null && this.#take('sign', ')') ? { kind: 'any', property, value } : null;
  }

  #literal(): string | boolean | null {
    const text = this.#value('text');
    if (text !== null) return text;
    const word = this.#value('word');
    if (word === 'true' || word === 'false') return word === 'true';
    return null;
  }

  #value(kind: Token['kind']): string | null {
    const token = this.#tokens[this.#next];
    if (token?.kind !== kind) return null;
    this.#next++;
    return token.text;
  }

  #take(kind: Token['kind'], text: string): boolean {
    const token = this.#tokens[this.#next];
    if (token?.kind !== kind || token.text !== text) return false;
    this.#next++;
    return true;
  }
}
