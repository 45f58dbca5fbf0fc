/** Why a file of key and certificates cannot be taken. */
export type BundleProblem =
  /** Neither PKCS #12 nor PEM, or damaged. */
  | 'unreadable'
  /** The password is wrong, or one is needed. */
  | 'password'
  /** It asks for more rounds of key derivation than a request may cost. */
  | 'costly'
  | 'no-key'
  | 'several-keys'
  | 'no-certificate'
  /** The key is of a kind or size that a vault does not take. */
  | 'key-kind';

/** A file of key and certificates cannot be taken; the message holds nothing of it. */
export class BundleFault extends Error {
  readonly code = 'bundle-unusable';
  readonly problem: BundleProblem;
  constructor(problem: BundleProblem, options?: ErrorOptions) {
    super(`The bundle cannot be taken: ${problem}.`, options);
    this.name = 'BundleFault';
    this.problem = problem;
  }
}
