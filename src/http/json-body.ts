import { Refusal } from '../refusals/refusal.ts';

const MAX_DEPTH = 32;
/** Written out, or with an escape in it. Looking at each member takes longer than all the rest of the reading. */
const mayNamePrototype = /__proto__|\\u/;
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: false });

/**
 * Reads a body as a JSON object: strict UTF-8, nesting counted before anything is built, no `__proto__` member.
 * @throws Refusal `body-malformed`
 */
export function parseJsonObject(bytes: Uint8Array): Readonly<Record<string, unknown>> {
  let text: string;
  try {
    text = decoder.decode(bytes);
  } catch {
    throw new Refusal('body-malformed', { reason: 'it is not UTF-8' });
  }
  if (isDeeperThan(text, MAX_DEPTH))
    throw new Refusal('body-malformed', { reason: `it is nested deeper than ${MAX_DEPTH}` });
  let value: unknown;
  try {
    value = mayNamePrototype.test(text) ? JSON.parse(text, dropPrototype) : JSON.parse(text);
  } catch {
    // The parser's own message quotes the text, which may hold a secret.
    throw new Refusal('body-malformed', { reason: 'it cannot be parsed' });
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new Refusal('body-malformed', { reason: 'it is not an object' });
  }
  return value as Record<string, unknown>;
}

/** Reads a form (application/x-www-form-urlencoded). A field that comes twice is refused: which one counts is nobody's guess. */
export function parseForm(bytes: Uint8Array): Readonly<Record<string, unknown>> {
  const fields: Record<string, unknown> = Object.create(null) as Record<string, unknown>;
  for (const [name, value] of new URLSearchParams(Buffer.from(bytes).toString('utf8'))) {
    if (name in fields) throw new Refusal('body-malformed', { reason: 'a field of the form is repeated' });
    fields[name] = value;
  }
  return fields;
}

function dropPrototype(key: string, value: unknown): unknown {
  return key === '__proto__' ? undefined : value;
}

function isDeeperThan(text: string, limit: number): boolean {
  let depth = 0;
  let inString = false;
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index);
    if (inString) {
      if (code === 0x5c) index++;
      else if (code === 0x22) inString = false;
    } else if (code === 0x22) {
      inString = true;
    } else if (code === 0x7b || code === 0x5b) {
      if (++depth > limit) return true;
    } else if (code === 0x7d || code === 0x5d) {
      depth--;
    }
  }
  return false;
}
