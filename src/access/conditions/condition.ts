import { matchesAction } from '../pattern.ts';

/** Where an attribute comes from: what is asked for, or what is there. */
export type AttributeSource = 'request' | 'resource';

/** How a text of the request is compared with a text of the condition. */
export type Comparison = (found: string, wanted: string) => boolean;

/** A role assignment condition, read. */
export type Expression =
  | { readonly kind: 'and' | 'or'; readonly left: Expression; readonly right: Expression }
  | { readonly kind: 'not'; readonly operand: Expression }
  | { readonly kind: 'action-matches'; readonly pattern: string }
  | { readonly kind: 'exists'; readonly attribute: string }
  | {
      readonly kind: 'compare';
      /** `resource:` or `request:` and the folded name of the attribute. */
      readonly attribute: string;
      readonly comparison: Comparison;
      readonly isNegated: boolean;
      /** Whether one of the values suffices, or every one has to hold. */
      readonly values: 'any' | 'all';
      readonly wanted: readonly string[];
    }
  /** What could not be read: it never holds. */
  | { readonly kind: 'unreadable' };

/** What a condition is judged by: the action, and the attributes that this request has. */
export interface ConditionContext {
  readonly action: string;
  /** By the key of {@link attributeKey}; what is not in it is absent. */
  readonly attributes: ReadonlyMap<string, string>;
}

/** Whether a condition holds; `unknown` where that hangs on an attribute that the request does not have. */
export type Truth = 'yes' | 'no' | 'unknown';

/** The key of an attribute in a context. Attribute names are compared without regard to case. */
export function attributeKey(source: AttributeSource, name: string): string {
  return `${source}:${name.toLowerCase()}`;
}

/** The attribute of a secret's name (Key Vault's attribute-based access control, preview). */
export const secretName = attributeKey('resource', 'Microsoft.KeyVault/vaults/secrets:name');

/**
 * Judges a condition with three values: an absent attribute makes a comparison unknown, its negation too, so that neither
 * `StringNotEquals` nor `!` turns "there is no name" into a right. Only a whole `yes` lets anybody in.
 */
export function judgeCondition(expression: Expression, context: ConditionContext): Truth {
  switch (expression.kind) {
    case 'and':
    case 'or':
      return join(expression.kind, judgeCondition(expression.left, context), judgeCondition(expression.right, context));
    case 'not':
      return negate(judgeCondition(expression.operand, context));
    case 'action-matches':
      return matchesAction(expression.pattern, context.action) ? 'yes' : 'no';
    case 'exists':
      return context.attributes.has(expression.attribute) ? 'yes' : 'no';
    case 'compare': {
      const found = context.attributes.get(expression.attribute);
      if (found === undefined) return 'unknown';
      const holds = (wanted: string) => expression.comparison(found, wanted) !== expression.isNegated;
      const { wanted } = expression;
      return (expression.values === 'any' ? wanted.some(holds) : wanted.every(holds)) ? 'yes' : 'no';
    }
    default:
      return 'unknown';
  }
}

function join(kind: 'and' | 'or', left: Truth, right: Truth): Truth {
  const strong: Truth = kind === 'and' ? 'no' : 'yes';
  if (left === strong || right === strong) return strong;
  return left === 'unknown' || right === 'unknown' ? 'unknown' : left;
}

function negate(truth: Truth): Truth {
  return truth === 'yes' ? 'no' : truth === 'no' ? 'yes' : 'unknown';
}
