import type { Clock } from '../../../base/ports.ts';
import { type CertificateOrder, type Issuer, IssuerFault, type IssuerHealth, type OrderProgress } from '../issuer.ts';
import { beyondProfile } from './profile.ts';
import { readRequest } from './request.ts';
import { AuthorityFault, type VaultAuthority } from './vault-authority.ts';

const DAY = 86_400_000;
/** The longest that a month can be: the profile's limit is in days, and whoever asks for a month means one. */
const MONTH_DAYS = 31;

/** Orders certificates from an authority of a vault's own: it answers at once. */
export class OwnIssuer implements Issuer {
  readonly provider = 'StrongroomCA';
  readonly #authority: VaultAuthority;
  readonly #clock: Clock;
  /** Keeps orders of different registrations apart. */
  readonly #registration: string;

  constructor(authority: VaultAuthority, clock: Clock, registration: string) {
    this.#authority = authority;
    this.#clock = clock;
    this.#registration = registration;
  }

  async order(order: CertificateOrder, idempotencyKey: string): Promise<OrderProgress> {
    const request = await readRequest(order.csr);
    if (!request) return refused('request-unreadable', 'The request cannot be read, or is not signed by its key.');
    const { profile } = this.#authority.setting;
    const beyond = beyondProfile(profile, request.asked);
    if (beyond) return refused(beyond.code, beyond.details);
    const days = Math.min(profile.longestDays, order.validityMonths * MONTH_DAYS);
    try {
      const open = await this.#authority.open();
      const key = `${this.#registration}/${idempotencyKey}`;
      const certificate = await this.#authority.issue(open, request, key, this.#clock.now() + days * DAY);
      if (!certificate) return refused('order-differs', 'An order was placed before under this name for another key.');
      return { state: 'issued', chain: [certificate, open.certificate, ...open.above] };
    } catch (error) {
      if (error instanceof AuthorityFault) {
        throw new IssuerFault('issuer-unreachable', error.message, { cause: error });
      }
      throw error;
    }
  }

  async poll(reference: string): Promise<OrderProgress> {
    throw new TypeError(`This authority answers at once, and gave no reference ${reference.slice(0, 20)}.`);
  }

  async cancel(): Promise<void> {
    // Nothing is ever pending.
  }

  async check(): Promise<IssuerHealth> {
    try {
      const { certificate } = await this.#authority.open();
      const { X509Certificate } = await import('node:crypto');
      const ends = Date.parse(new X509Certificate(certificate).validTo);
      const days = Math.floor((ends - this.#clock.now()) / DAY);
      if (days >= MONTH_DAYS) return { isGood: true };
      return {
        isGood: false,
        code: 'authority-ends',
        details: `The authority's own certificate ends in ${days} days.`,
      };
    } catch (error) {
      if (!(error instanceof AuthorityFault)) throw error;
      return { isGood: false, code: 'issuer-unreachable', details: error.message };
    }
  }

  async renewalAt(): Promise<number | null> {
    return null;
  }
}

function refused(code: string, details: string): OrderProgress {
  return { state: 'refused', code, details };
}
