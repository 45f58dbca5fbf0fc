import type { Authorization, Client, Order } from 'acme-client';
import type { CertificateOrder, Issuer, IssuerHealth, OrderProgress } from '../issuer.ts';
import { IssuerFault } from '../issuer.ts';
import { jsonOf, type Outgoing } from '../outgoing.ts';
import { chainOfPem, pemBlock } from '../pem-blocks.ts';
import { type AccountPlace, type AccountTerms, accountClient } from './account.ts';
import { type Challenge, ChallengeFault, type ChallengeSolver } from './challenge.ts';
import { renewalId, renewalMoment } from './renewal-information.ts';
import { AcmeRefusal, readProblem, withAuthority } from './transport.ts';

/** What an ACME authority is reached with. */
export interface AcmeParts {
  readonly outgoing: Outgoing;
  readonly terms: AccountTerms;
  readonly account: AccountPlace;
  readonly solver: ChallengeSolver;
}

/** All that polling needs: the order's address and the request that will be signed. */
interface Reference {
  readonly order: string;
  /** base64 of the DER. */
  readonly csr: string;
}

type Proof = Parameters<Client['completeChallenge']>[0] & { readonly error?: unknown };

const SOON_SECONDS = 2;
/** RFC 9773 §5: an authority that knows the certificate but not this link, or has seen it followed already. */
const WITHOUT_LINK = ['alreadyReplaced', 'malformed', 'unauthorized'];

/**
 * An authority that speaks ACME (RFC 8555). Placing an order shows the challenges; the polls that follow let the authority
 * look, hand it the request once all names are proven, and fetch the certificate. Nothing is signed but by a poll, so an
 * order whose reference was lost never becomes a certificate.
 */
export class AcmeIssuer implements Issuer {
  readonly provider = 'ACME';
  readonly #parts: AcmeParts;

  constructor(parts: AcmeParts) {
    this.#parts = parts;
  }

  order(order: CertificateOrder): Promise<OrderProgress> {
    return this.#refusing(async (client) => {
      const names = [...new Set(order.dnsNames.map((name) => name.toLowerCase()))];
      if (names.length === 0) return refused('no-names', 'ACME proves DNS names, and the policy names none.');
      if (names.some((name) => name.startsWith('*.')) && this.#parts.solver.type !== 'dns-01') {
        return refused(
          'wildcard-needs-dns',
          `A wildcard is proven by dns-01 alone, not by ${this.#parts.solver.type}.`,
        );
      }
      const placed = await this.#place(client, names, order.replaces === null ? null : renewalId(order.replaces));
      const reference = JSON.stringify({ order: placed.url, csr: order.csr.toString('base64') } satisfies Reference);
      await this.#show(client, await this.#authorizations(client, placed));
      const { settleSeconds, type } = this.#parts.solver;
      return pending(reference, Math.max(1, settleSeconds), `Challenges of type ${type} are shown.`);
    });
  }

  poll(reference: string): Promise<OrderProgress> {
    const { order: url, csr } = readReference(reference);
    return this.#refusing(async (client) => {
      let order = await this.#get(client, url);
      if (order.status === 'pending') {
        const stop = await this.#prove(client, order);
        if (stop) return stop;
        order = await this.#get(client, url);
      }
      if (order.status === 'ready') {
        const ready = order;
        const request = pemBlock('CERTIFICATE REQUEST', Buffer.from(csr, 'base64'));
        order = await this.#ask(() => client.finalizeOrder(ready, request));
      }
      if (order.status === 'processing') return this.#pollAgain(client, url, reference);
      if (order.status === 'valid') return this.#fetch(client, order);
      if (order.status === 'invalid') return this.#invalid(client, order);
      return pending(reference, SOON_SECONDS, 'The authority looks at the challenges.');
    });
  }

  async cancel(reference: string): Promise<void> {
    const { order: url } = readReference(reference);
    try {
      const client = await this.#client();
      const authorizations = await this.#authorizations(client, await this.#get(client, url));
      await this.#hide(client, authorizations);
      const open = authorizations.filter(({ status }) => status === 'pending');
      // ACME knows no cancelling of orders: without its authorizations one can only expire (RFC 8555 §7.5.2).
      await Promise.all(open.map((one) => this.#ask(() => client.deactivateAuthorization(one))));
    } catch (error) {
      // An order that the authority has forgotten is given up.
      if (!(error instanceof AcmeRefusal)) throw error;
    }
  }

  async check(): Promise<IssuerHealth> {
    try {
      const client = await this.#client();
      const { status } = await this.#ask(() => client.updateAccount());
      if (status === 'valid') return { isGood: true };
      return { isGood: false, code: 'account-invalid', details: `The authority says that the account is ${status}.` };
    } catch (error) {
      if (error instanceof IssuerFault) return { isGood: false, code: error.code, details: error.message };
      if (error instanceof AcmeRefusal) return { isGood: false, ...refusalOf(error) };
      throw error;
    }
  }

  async renewalAt(certificate: Buffer): Promise<number | null> {
    const id = renewalId(certificate);
    const { outgoing, terms } = this.#parts;
    const directory = await outgoing.send({ method: 'GET', url: terms.directoryUrl });
    if (directory.status !== 200) {
      throw new IssuerFault('issuer-answer', `The authority's directory answered ${directory.status}.`);
    }
    const base = jsonOf(directory)['renewalInfo'];
    if (id === null || typeof base !== 'string') return null;
    const answer = await outgoing.send({ method: 'GET', url: `${base.replace(/\/$/, '')}/${id}` });
    return answer.status === 200 ? renewalMoment(id, jsonOf(answer)) : null;
  }

  #client(): Promise<Client> {
    const { account, terms, outgoing } = this.#parts;
    return accountClient(account, terms, outgoing);
  }

  #ask<T>(work: () => Promise<T>): Promise<T> {
    return withAuthority(this.#parts.outgoing, work);
  }

  #get(client: Client, url: string): Promise<Order> {
    return this.#ask(() => client.getOrder({ url } as Order));
  }

  #authorizations(client: Client, order: Order): Promise<readonly Authorization[]> {
    return this.#ask(() => client.getAuthorizations(order));
  }

  async #refusing(work: (client: Client) => Promise<OrderProgress>): Promise<OrderProgress> {
    try {
      return await work(await this.#client());
    } catch (error) {
      if (error instanceof ChallengeFault) return refused(error.code, error.message);
      if (!(error instanceof AcmeRefusal)) throw error;
      const { code, details } = refusalOf(error);
      return refused(code, details);
    }
  }

  /** A new order; that it follows another certificate is said where the authority takes it (RFC 9773 §5). */
  async #place(client: Client, names: readonly string[], replaces: string | null): Promise<Order> {
    const identifiers = names.map((value) => ({ type: 'dns', value }));
    if (replaces === null) return this.#ask(() => client.createOrder({ identifiers }));
    const linked: Parameters<Client['createOrder']>[0] & { readonly replaces: string } = { identifiers, replaces };
    try {
      return await this.#ask(() => client.createOrder(linked));
    } catch (error) {
      if (!(error instanceof AcmeRefusal) || !WITHOUT_LINK.includes(error.problem.type)) throw error;
      return this.#ask(() => client.createOrder({ identifiers }));
    }
  }

  async #show(client: Client, authorizations: readonly Authorization[]): Promise<void> {
    const open = authorizations.filter(({ status }) => status === 'pending');
    try {
      // One after another: a name and its wildcard have one record with two values, which some name servers' programs lose.
      for (const one of open) await this.#parts.solver.present(await this.#challengeOf(client, one));
    } catch (error) {
      await this.#hide(client, authorizations);
      throw error;
    }
  }

  /** Takes away what was shown; what cannot be taken away does no harm, and must not hide how the order ended. */
  async #hide(client: Client, authorizations: readonly Authorization[]): Promise<void> {
    for (const one of authorizations) {
      if (this.#proofOf(one)) {
        await this.#challengeOf(client, one)
          .then((challenge) => this.#parts.solver.withdraw(challenge))
          .catch(() => undefined);
      }
    }
  }

  /** Lets the authority look at what is shown; a refusal where it has looked and did not find it. */
  async #prove(client: Client, order: Order): Promise<OrderProgress | null> {
    const authorizations = await this.#authorizations(client, order);
    const failed = authorizations.find(({ status }) => status !== 'pending' && status !== 'valid');
    if (failed) return this.#failed(client, authorizations, failed);
    const open = authorizations.filter(({ status }) => status === 'pending');
    if (!this.#parts.solver.lasts) await this.#show(client, open);
    for (const one of open) {
      const proof = this.#proofOf(one);
      if (proof?.status === 'pending') await this.#ask(() => client.completeChallenge(proof));
    }
    return null;
  }

  async #invalid(client: Client, order: Order): Promise<OrderProgress> {
    const authorizations = await this.#authorizations(client, order);
    const failed = authorizations.find(({ status }) => status !== 'pending' && status !== 'valid');
    if (failed) return this.#failed(client, authorizations, failed);
    await this.#hide(client, authorizations);
    const problem = readProblem(order.error);
    return refused(problem?.type || 'order-invalid', problem?.detail ?? 'The authority has given the order up.');
  }

  async #failed(client: Client, all: readonly Authorization[], failed: Authorization): Promise<OrderProgress> {
    await this.#hide(client, all);
    const problem = readProblem(this.#proofOf(failed)?.error);
    const reason = problem?.detail ?? `the authority says that its proof is ${failed.status}`;
    return refused(problem?.type || 'challenge-failed', `${failed.identifier.value}: ${reason}`);
  }

  async #pollAgain(client: Client, url: string, reference: string): Promise<OrderProgress> {
    return withAuthority(this.#parts.outgoing, async (told) => {
      const order = await client.getOrder({ url } as Order);
      if (order.status === 'valid') return this.#fetch(client, order);
      return pending(reference, told() ?? SOON_SECONDS, 'The authority makes the certificate.');
    });
  }

  async #fetch(client: Client, order: Order): Promise<OrderProgress> {
    const text = await this.#ask(() => client.getCertificate(order));
    await this.#hide(client, await this.#authorizations(client, order));
    return { state: 'issued', chain: chainOfPem(text) };
  }

  #proofOf(authorization: Authorization): Proof | undefined {
    return authorization.challenges.find(({ type }) => type === this.#parts.solver.type) as Proof | undefined;
  }

  async #challengeOf(client: Client, authorization: Authorization): Promise<Challenge> {
    const proof = this.#proofOf(authorization);
    const { value } = authorization.identifier;
    if (!proof) {
      throw new ChallengeFault(`The authority does not take ${this.#parts.solver.type} for ${value}.`);
    }
    return { domain: value, token: proof.token, proof: await client.getChallengeKeyAuthorization(proof) };
  }
}

function readReference(reference: string): Reference {
  const { order, csr } = JSON.parse(reference) as Partial<Reference>;
  if (typeof order !== 'string' || typeof csr !== 'string')
    throw new TypeError('This is no reference of an ACME order.');
  return { order, csr };
}

function pending(reference: string, askAgainSeconds: number, details: string): OrderProgress {
  return { state: 'pending', reference, askAgainSeconds, details };
}

function refused(code: string, details: string): OrderProgress {
  return { state: 'refused', code, details };
}

function refusalOf({ problem }: AcmeRefusal): { readonly code: string; readonly details: string } {
  return { code: problem.type || 'authority-refused', details: problem.detail || 'The authority gave no reason.' };
}
