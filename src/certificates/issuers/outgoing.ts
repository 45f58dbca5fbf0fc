import type { IncomingMessage } from 'node:http';
import { Agent, request } from 'node:https';
import { IssuerFault } from './issuer.ts';

/** Whom an authority's requests may reach, and how they are known to be the authority. */
export interface OutgoingTarget {
  /** `https:` and a host; no request ever goes to another one. */
  readonly url: string;
  /** PEM of the only authorities to believe; null: those that Node believes. */
  readonly caPem: string | null;
  /** PEM of this side's certificate, where the other asks for one (GlobalSign). */
  readonly client?: { readonly certificatePem: string; readonly keyPem: string };
}

/** One request. */
export interface OutgoingRequest {
  readonly method: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'DELETE';
  /** Absolute, or a path on the target's host. */
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

/** What the authority answered, of any status. */
export interface OutgoingAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly body: Buffer;
}

const TIMEOUT_MS = 30_000;
const MAX_BYTES = 1024 * 1024;
/** RFC 8555 §6.1 demands one; no version, which only an attacker would use. */
const SENDER = { 'user-agent': 'strongroom' };
/** A longer wait is the job's business: what an authority asks for is cut to a day. */
const MAX_RETRY_SECONDS = 86_400;

/**
 * HTTPS to one authority: its host is fixed by the configuration, redirects are not followed, an exchange takes 30 seconds
 * and 1 MiB at most. Nothing of a request is logged: headers and bodies carry credentials.
 */
export class Outgoing {
  readonly #origin: string;
  readonly #base: string;
  readonly #agent: Agent;
  readonly #now: () => number;

  /** @param now milliseconds since the Unix epoch: a date in Retry-After is counted from it */
  constructor(target: OutgoingTarget, now: () => number) {
    const { origin, protocol } = new URL(target.url);
    if (protocol !== 'https:') throw new TypeError('An authority is asked over https alone.');
    this.#origin = origin;
    this.#base = target.url;
    this.#now = now;
    const { client } = target;
    this.#agent = new Agent({
      keepAlive: false,
      ...(target.caPem !== null && { ca: target.caPem }),
      ...(client && { cert: client.certificatePem, key: client.keyPem }),
    });
  }

  /**
   * @returns the answer, unless the authority is busy or broken
   * @throws IssuerFault `issuer-unreachable` without an answer, `issuer-busy` for 429 and 503, `issuer-answer` for other
   *   5xx, a redirect, and an address on another host
   */
  async send(outgoing: OutgoingRequest): Promise<OutgoingAnswer> {
    const url = new URL(outgoing.url, this.#base);
    if (url.origin !== this.#origin) {
      throw new IssuerFault('issuer-answer', `The authority pointed to ${url.host}, which is not its configured host.`);
    }
    const answer = await this.#exchange(url, outgoing);
    const retryAfterSeconds = retryAfter(answer.headers['retry-after'], this.#now());
    const waits = retryAfterSeconds === null ? {} : { retryAfterSeconds };
    const { status } = answer;
    if (status === 429 || status === 503) {
      throw new IssuerFault('issuer-busy', `The authority ${url.host} asks to come again later (${status}).`, waits);
    }
    if (status >= 500 || (status >= 300 && status < 400)) {
      throw new IssuerFault('issuer-answer', `The authority ${url.host} answered ${status}.`, waits);
    }
    return answer;
  }

  async #exchange(url: URL, { method, headers, body }: OutgoingRequest): Promise<OutgoingAnswer> {
    try {
      return await new Promise((resolve, reject) => {
        const signal = AbortSignal.timeout(TIMEOUT_MS);
        const length = body === undefined ? {} : { 'content-length': String(Buffer.byteLength(body)) };
        const options = { method, signal, agent: this.#agent, headers: { ...headers, ...length, ...SENDER } };
        const sent = request(url, options, (response) => {
          collect(response).then(resolve, reject);
        });
        sent.on('error', reject);
        sent.end(body);
      });
    } catch (error) {
      throw new IssuerFault('issuer-unreachable', `The authority ${url.host} cannot be reached: ${reasonOf(error)}.`, {
        cause: error,
      });
    }
  }
}

async function collect(response: IncomingMessage): Promise<OutgoingAnswer> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > MAX_BYTES) throw new Error(`its answer is longer than ${MAX_BYTES} bytes`);
    chunks.push(chunk);
  }
  const headers = Object.fromEntries(
    Object.entries(response.headers).map(([name, value]) => [name, Array.isArray(value) ? value.join(', ') : value]),
  );
  return { status: response.statusCode ?? 0, headers, body: Buffer.concat(chunks) };
}

/** RFC 9110 §10.2.3: seconds or a date; null where it is neither. */
function retryAfter(header: string | undefined, now: number): number | null {
  if (header === undefined) return null;
  const seconds = /^\d{1,9}$/.test(header) ? Number(header) : Math.ceil((Date.parse(header) - now) / 1000);
  return Number.isFinite(seconds) ? Math.min(Math.max(seconds, 0), MAX_RETRY_SECONDS) : null;
}

function reasonOf(error: unknown): string {
  const { code, message, name } = error as NodeJS.ErrnoException;
  return name === 'TimeoutError' || name === 'AbortError' ? 'it did not answer in time' : (code ?? message);
}

/**
 * The answer's JSON object.
 * @throws IssuerFault `issuer-answer`
 */
export function jsonOf(answer: OutgoingAnswer): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(answer.body.toString('utf8'));
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  } catch {
    // Told below, as an answer of another form.
  }
  throw new IssuerFault(
    'issuer-answer',
    `The authority answered ${answer.status} with something that is no JSON object.`,
  );
}
