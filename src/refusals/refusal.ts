import type { CheckName, Facts } from '../operations/decision.ts';
import { catalogue, type RefusalCode } from './catalogue.ts';

/**
 * A request is refused: thrown by checks and service functions, rendered by `http` alone. The facts fill the templates of the
 * catalogue row and are the evidence that `explain` shows.
 */
export class Refusal extends Error {
  readonly code: RefusalCode;
  readonly facts: Facts;

  constructor(code: RefusalCode, facts: Facts = {}, options?: ErrorOptions) {
    super(fill(catalogue[code].message, facts), options);
    this.name = 'Refusal';
    this.code = code;
    this.facts = facts;
  }

  /** The check at which the request was stopped. */
  get check(): CheckName {
    return catalogue[this.code].check;
  }

  get status(): number {
    return catalogue[this.code].status;
  }
}

/** Fills `{name}` from the facts; a fact that is missing shows as `(unknown)`. */
export function fill(template: string, facts: Facts): string {
  return template.replace(/\{(\w+)\}/g, (_, name: string) => {
    const fact = facts[name];
    if (fact === undefined || fact === null) return '(unknown)';
    return Array.isArray(fact) ? fact.join(', ') : String(fact);
  });
}
