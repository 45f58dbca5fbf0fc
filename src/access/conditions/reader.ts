import { isUuid } from '../../base/ids.ts';
import { type AttributeSource, attributeKey, type Expression } from './condition.ts';
import { type AttributeType, operators } from './operators.ts';
import { type Token, tokensOf } from './tokens.ts';

/** The longest condition, in characters (Azure: 8 KB). */
export const MAX_CONDITION = 8192;
const MAX_DEPTH = 32;
const MAX_VALUES = 500;

/** The attributes there are, each with what it holds and where it may come from. */
const attributes: Readonly<Record<string, { readonly type: AttributeType; readonly from: readonly string[] }>> = {
  'microsoft.keyvault/vaults/secrets:name': { type: 'text', from: ['resource'] },
  'microsoft.authorization/roleassignments:roledefinitionid': { type: 'guid', from: ['request', 'resource'] },
  'microsoft.authorization/roleassignments:principalid': { type: 'guid', from: ['request', 'resource'] },
  'microsoft.authorization/roleassignments:principaltype': { type: 'text', from: ['request', 'resource'] },
};

/** What reading a condition gave. */
export type ReadCondition = { readonly expression: Expression } | { readonly problem: string };

class Problem extends Error {}

/**
 * Reads a condition of version 2.0 (Azure "role assignment condition format and syntax"): functions, comparisons, `!`/`NOT`,
 * `&&`/`AND`, `||`/`OR` in this order of binding, parentheses. What is not understood is a problem, never left out.
 */
export function readCondition(text: string): ReadCondition {
  if (text.length > MAX_CONDITION) return { problem: `it is longer than ${MAX_CONDITION} characters` };
  const tokens = tokensOf(text);
  if (!Array.isArray(tokens)) return tokens as { readonly problem: string };
  try {
    const reader = new Reader(tokens);
    const expression = reader.either(0);
    reader.expectEnd();
    return { expression };
  } catch (error) {
    if (error instanceof Problem) return { problem: error.message };
    throw error;
  }
}

/** A condition as it is judged; one that cannot be read never holds. */
export function conditionOf(text: string): Expression {
  const read = readCondition(text);
  return 'expression' in read ? read.expression : { kind: 'unreadable' };
}

class Reader {
  readonly #tokens: readonly Token[];
  #at = 0;

  constructor(tokens: readonly Token[]) {
    this.#tokens = tokens;
  }

  either(depth: number): Expression {
    let left = this.#both(depth);
    for (let more = 0; this.#take('||', 'OR'); more++) {
      left = { kind: 'or', left, right: this.#both(deeper(depth, more)) };
    }
    return left;
  }

  expectEnd(): void {
    if (this.#at < this.#tokens.length) throw this.#unexpected();
  }

  #both(depth: number): Expression {
    let left = this.#unary(depth);
    for (let more = 0; this.#take('&&', 'AND'); more++) {
      left = { kind: 'and', left, right: this.#unary(deeper(depth, more)) };
    }
    return left;
  }

  #unary(depth: number): Expression {
    if (this.#take('!', 'NOT')) return { kind: 'not', operand: this.#unary(deeper(depth, 0)) };
    if (this.#take('(')) {
      const inner = this.either(deeper(depth, 0));
      this.#expect(')');
      return inner;
    }
    if (this.#take('ActionMatches')) {
      this.#expect('{');
      const pattern = this.#next('text', 'an action in quotes');
      this.#expect('}');
      return { kind: 'action-matches', pattern };
    }
    if (this.#take('Exists')) return { kind: 'exists', attribute: this.#attribute().key };
    return this.#comparison();
  }

  #comparison(): Expression {
    const attribute = this.#attribute();
    let name = this.#next('word', 'an operator');
    let values: 'any' | 'all' = 'any';
    const crossed = /^for(?:any|all)of(any|all)values:(.+)$/i.exec(name);
    if (crossed) {
      values = crossed[1]!.toLowerCase() as 'any' | 'all';
      name = crossed[2]!;
    }
    const operator = operators.get(name.toLowerCase());
    if (!operator) throw new Problem(`'${name.slice(0, 60)}' is not an operator that is known here`);
    if (operator.type !== attribute.type) {
      throw new Problem(`the operator '${name}' does not go with the attribute '${attribute.name}'`);
    }
    const wanted = crossed ? this.#set(operator.type) : [this.#value(operator.type)];
    const { comparison, isNegated } = operator;
    return { kind: 'compare', attribute: attribute.key, comparison, isNegated, values, wanted };
  }

  #attribute(): { readonly key: string; readonly name: string; readonly type: AttributeType } {
    const token = this.#tokens[this.#at];
    if (token?.kind !== 'attribute') throw this.#unexpected();
    this.#at++;
    const [source, name] = [token.source.toLowerCase(), token.text];
    const known = Object.hasOwn(attributes, name.toLowerCase()) ? attributes[name.toLowerCase()]! : null;
    if (!known?.from.includes(source)) {
      throw new Problem(`there is no attribute '@${token.source}[${name.slice(0, 200)}]' here`);
    }
    return { key: attributeKey(source as AttributeSource, name), name, type: known.type };
  }

  #set(type: AttributeType): readonly string[] {
    this.#expect('{');
    const values = [this.#value(type)];
    while (this.#take(',')) values.push(this.#value(type));
    this.#expect('}');
    if (values.length > MAX_VALUES) throw new Problem(`a set has more than ${MAX_VALUES} values`);
    return values;
  }

  #value(type: AttributeType): string {
    const token = this.#tokens[this.#at];
    const isValue = token?.kind === 'text' || (type === 'guid' && token?.kind === 'word');
    if (!token || !isValue) throw this.#unexpected();
    if (type === 'guid' && !isUuid(token.text)) throw new Problem(`'${token.text.slice(0, 60)}' is not a GUID`);
    this.#at++;
    return token.text;
  }

  #next(kind: Token['kind'], what: string): string {
    const token = this.#tokens[this.#at];
    if (token?.kind !== kind) throw new Problem(`${what} is expected ${place(token)}`);
    this.#at++;
    return token.text;
  }

  #take(...texts: readonly string[]): boolean {
    const token = this.#tokens[this.#at];
    if (!token || token.kind === 'text' || token.kind === 'attribute') return false;
    if (!texts.some((text) => text.toLowerCase() === token.text.toLowerCase())) return false;
    this.#at++;
    return true;
  }

  #expect(text: string): void {
    if (!this.#take(text)) throw new Problem(`'${text}' is expected ${place(this.#tokens[this.#at])}`);
  }

  #unexpected(): Problem {
    return new Problem(`what is there is not understood ${place(this.#tokens[this.#at])}`);
  }
}

/** A chain of joined terms counts too: it is judged by recursion into its left side. */
function deeper(depth: number, more: number): number {
  if (depth >= MAX_DEPTH) throw new Problem(`it is nested more than ${MAX_DEPTH} deep`);
  if (more >= MAX_VALUES) throw new Problem(`more than ${MAX_VALUES} terms are joined`);
  return depth + 1;
}

function place(token: Token | undefined): string {
  return token ? `at character ${token.at + 1}, before '${token.text.slice(0, 40)}'` : 'at its end';
}
