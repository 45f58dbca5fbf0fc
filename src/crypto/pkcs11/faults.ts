import type { TokenFailure } from './messages.ts';

/** What a return value of Cryptoki means (PKCS #11 v2.40, §5.1), where it does not mean that the token is lost. */
const meanings: Readonly<Record<string, TokenFailure>> = Object.freeze({
  CKR_DATA_INVALID: 'input',
  CKR_DATA_LEN_RANGE: 'input',
  CKR_ENCRYPTED_DATA_INVALID: 'input',
  CKR_ENCRYPTED_DATA_LEN_RANGE: 'input',
  CKR_WRAPPED_KEY_INVALID: 'input',
  CKR_WRAPPED_KEY_LEN_RANGE: 'input',
  CKR_MECHANISM_INVALID: 'unsupported',
  CKR_MECHANISM_PARAM_INVALID: 'unsupported',
  CKR_ARGUMENTS_BAD: 'unsupported',
  CKR_ATTRIBUTE_TYPE_INVALID: 'unsupported',
  CKR_ATTRIBUTE_VALUE_INVALID: 'unsupported',
  CKR_ATTRIBUTE_READ_ONLY: 'unsupported',
  CKR_TEMPLATE_INCOMPLETE: 'unsupported',
  CKR_TEMPLATE_INCONSISTENT: 'unsupported',
  CKR_CURVE_NOT_SUPPORTED: 'unsupported',
  CKR_DOMAIN_PARAMS_INVALID: 'unsupported',
  CKR_FUNCTION_NOT_SUPPORTED: 'unsupported',
  CKR_KEY_FUNCTION_NOT_PERMITTED: 'unsupported',
  CKR_KEY_SIZE_RANGE: 'unsupported',
  CKR_KEY_NOT_WRAPPABLE: 'unsupported',
  CKR_KEY_UNEXTRACTABLE: 'unsupported',
  CKR_KEY_TYPE_INCONSISTENT: 'unsupported',
  CKR_UNWRAPPING_KEY_TYPE_INCONSISTENT: 'unsupported',
  CKR_KEY_HANDLE_INVALID: 'missing',
  CKR_OBJECT_HANDLE_INVALID: 'missing',
  CKR_UNWRAPPING_KEY_HANDLE_INVALID: 'missing',
  CKR_WRAPPING_KEY_HANDLE_INVALID: 'missing',
});

/** What some tokens answer to a ciphertext that does not open, and others to a defect. */
const ambiguous: readonly string[] = ['CKR_GENERAL_ERROR', 'CKR_FUNCTION_FAILED'];

/** The name of a return value, where an error of the binding has one. */
export function returnValueOf(error: unknown): string | null {
  const { message } = (error ?? {}) as { message?: unknown };
  return typeof message === 'string' ? (/^CKR_\w+/.exec(message)?.[0] ?? null) : null;
}

/** What follows from an error of the binding. */
export function failureOf(error: unknown): TokenFailure {
  const known = (error as { failure?: TokenFailure } | null)?.failure;
  if (known) return known;
  const name = returnValueOf(error);
  return (name !== null && meanings[name]) || 'lost';
}

/** Whether it takes another question to tell a wrong ciphertext from a token that has failed. */
export function isAmbiguous(error: unknown): boolean {
  const name = returnValueOf(error);
  return name !== null && ambiguous.includes(name);
}

/** A failure that is known before Cryptoki says it; its message is for the operator. */
export class KnownFailure extends Error {
  readonly failure: TokenFailure;
  constructor(failure: TokenFailure, message: string) {
    super(message);
    this.name = 'KnownFailure';
    this.failure = failure;
  }
}
