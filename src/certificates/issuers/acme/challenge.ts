/** What has to be shown so that the authority believes a name is ours. */
export interface Challenge {
  /** The name without `*.`. */
  readonly domain: string;
  /** base64url; names the challenge. */
  readonly token: string;
  /** What is shown: for dns-01 the digest that goes into the TXT record, else the key authorization (RFC 8555 §8.1). */
  readonly proof: string;
}

/** One way to show it. */
export interface ChallengeSolver {
  readonly type: 'http-01' | 'dns-01' | 'tls-alpn-01';
  /** Whether what was shown stays shown when this process ends; where not, it is shown anew before each look. */
  readonly lasts: boolean;
  /** How long after it was shown the authority may look, e.g. until name servers have followed; seconds. */
  readonly settleSeconds: number;
  /** Shows it; doing so twice does no harm. @throws ChallengeFault */
  present(challenge: Challenge): Promise<void>;
  /** Takes it away; what is not there is no fault. @throws ChallengeFault */
  withdraw(challenge: Challenge): Promise<void>;
}

/** A challenge could not be shown: the setting, the command or the listener is to be mended. */
export class ChallengeFault extends Error {
  readonly code = 'challenge-not-shown';
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'ChallengeFault';
  }
}
