import { AsyncLocalStorage } from 'node:async_hooks';
import { IssuerFault } from '../issuer.ts';
import type { Outgoing, OutgoingAnswer } from '../outgoing.ts';

type AcmeLibrary = typeof import('acme-client');

/** RFC 8555 §6.7: what the authority says about a request that it does not take. */
export interface AcmeProblem {
  /** The last part of `urn:ietf:params:acme:error:…`. */
  readonly type: string;
  readonly detail: string;
}

interface Exchange {
  readonly outgoing: Outgoing;
  problem: AcmeProblem | null;
  /** Of the last answer; null where it said nothing. */
  retryAfterSeconds: number | null;
}

const exchanges = new AsyncLocalStorage<Exchange>();

let loaded: Promise<AcmeLibrary> | null = null;

/**
 * The ACME library, with this project's transport in place of its own: fixed host, limits, no redirects. It is loaded with
 * the first order, and its own waiting and trying again is off: the room's job does that without holding anything open.
 */
export function acmeLibrary(): Promise<AcmeLibrary> {
  loaded ??= import('acme-client').then((library) => {
    library.axios.defaults.adapter = async (config) => {
      const exchange = exchanges.getStore();
      if (!exchange) throw new Error('An ACME request must run inside withAuthority.');
      const headers = Object.fromEntries(Object.entries(config.headers ?? {}).map(([k, v]) => [k, String(v)]));
      const answer = await exchange.outgoing.send({
        method: String(config.method).toUpperCase() as 'GET',
        url: String(config.url),
        headers,
        ...(config.data !== undefined && { body: String(config.data) }),
      });
      note(exchange, answer);
      const data = answer.body.toString('utf8');
      return { data, status: answer.status, statusText: '', headers: answer.headers as never, config, request: null };
    };
    // Its retries sleep for minutes inside a call. Problems are told at once; bad nonces it still repeats by itself.
    (
      library.axios.defaults as unknown as { acmeSettings: { retryMaxAttempts: number } }
    ).acmeSettings.retryMaxAttempts = 0;
    return library;
  });
  return loaded;
}

function note(exchange: Exchange, answer: OutgoingAnswer): void {
  const header = answer.headers['retry-after'];
  exchange.retryAfterSeconds = header !== undefined && /^\d{1,5}$/.test(header) ? Number(header) : null;
  exchange.problem = answer.status < 400 ? null : problemOf(answer);
}

function problemOf(answer: OutgoingAnswer): AcmeProblem {
  try {
    const told = JSON.parse(answer.body.toString('utf8')) as AcmeTold;
    return readProblem(told) ?? { type: '', detail: `status ${answer.status}` };
  } catch {
    return { type: '', detail: `status ${answer.status}` };
  }
}

type AcmeTold = { readonly type?: unknown; readonly detail?: unknown; readonly subproblems?: unknown };

/** A problem document as far as it is understood; its text is cut to 500 characters and has no control characters. */
export function readProblem(told: unknown): AcmeProblem | null {
  if (typeof told !== 'object' || told === null) return null;
  const { type, detail, subproblems } = told as AcmeTold;
  if (typeof type !== 'string') return null;
  const parts = [detail, ...(Array.isArray(subproblems) ? subproblems.map((part) => (part as AcmeTold)?.detail) : [])];
  const text = parts.filter((part) => typeof part === 'string').join('; ');
  return { type: type.replace(/^urn:ietf:params:acme:error:/, ''), detail: plain(text) };
}

function plain(text: string): string {
  return text.replace(/[\u0000-\u001f\u007f-\u009f]+/g, ' ').slice(0, 500);
}

/** The authority does not take a request: what it said, for whoever knows whether that is final. */
export class AcmeRefusal extends Error {
  readonly problem: AcmeProblem;
  constructor(problem: AcmeProblem, options?: ErrorOptions) {
    super(problem.detail, options);
    this.name = 'AcmeRefusal';
    this.problem = problem;
  }
}

/**
 * Runs requests of the ACME library over `outgoing`.
 * @throws IssuerFault where the authority cannot be asked now, or limits its callers
 * @throws AcmeRefusal where it answered with a problem
 */
export async function withAuthority<T>(
  outgoing: Outgoing,
  work: (told: () => number | null) => Promise<T>,
): Promise<T> {
  const exchange: Exchange = { outgoing, problem: null, retryAfterSeconds: null };
  return exchanges.run(exchange, async () => {
    try {
      return await work(() => exchange.retryAfterSeconds);
    } catch (error) {
      if (error instanceof IssuerFault || error instanceof AcmeRefusal) throw error;
      const { problem } = exchange;
      if (
        problem &&
        problem.type !== 'badNonce' &&
        problem.type !== 'rateLimited' &&
        problem.type !== 'serverInternal'
      ) {
        throw new AcmeRefusal(problem, { cause: error });
      }
      const busy = problem?.type === 'rateLimited';
      const { retryAfterSeconds } = exchange;
      throw new IssuerFault(
        busy ? 'issuer-busy' : 'issuer-answer',
        problem?.detail ?? 'The authority gave an answer that ACME does not know.',
        { cause: error, ...(retryAfterSeconds !== null && { retryAfterSeconds }) },
      );
    }
  });
}
