import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Clock, Log } from '../../../base/ports.ts';
import type { Store } from '../../../store/store.ts';
import { makeOcspResponse, ocspFailure, readOcspRequest } from './ocsp.ts';
import { AuthorityFault, type OpenAuthority, type VaultAuthority } from './vault-authority.ts';

/** What tells of revocation. */
export interface ResponderParts {
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Log;
  readonly authorities: readonly VaultAuthority[];
}

interface Told {
  readonly status: number;
  readonly type: string;
  readonly body: Buffer;
  /** Seconds that others may keep it. */
  readonly maxAge: number;
}

const LONGEST_REQUEST = 2048;
/** An answer is good for a day, and kept here for ten minutes at most. */
const ANSWER_LASTS_MS = 86_400_000;
const KEPT_MS = 600_000;
const MOST_KEPT = 10_000;
const OCSP_TYPE = 'application/ocsp-response';

/**
 * Answers `/{authority}.crl`, `/{authority}.cer` and `/{authority}/ocsp` (RFC 5280 §4.2.1.13, RFC 6960 appendix A) over plain
 * HTTP, to anybody. One signature for each certificate that was issued, not for each question: answers are kept until something is revoked, and
 * what was never issued is answered without one (RFC 5019 §2.2.3).
 */
export function revocationResponder(
  parts: ResponderParts,
): (request: IncomingMessage, response: ServerResponse) => void {
  const kept = new KeptAnswers(parts);
  const authorities = new Map(parts.authorities.map((authority) => [authority.setting.name, authority]));
  const answer = async (request: IncomingMessage): Promise<Told> => {
    const match = /^\/([A-Za-z0-9-]{1,64})(\.crl|\.cer|\/ocsp)(?:\/(.{1,3000}))?$/.exec(request.url ?? '');
    const authority = match && authorities.get(match[1]!);
    if (!match || !authority) return plain(404, 'There is nothing here.');
    const [, , what, rest] = match;
    const isGet = request.method === 'GET' || request.method === 'HEAD';
    if (what === '/ocsp') {
      const der = isGet && rest !== undefined ? Buffer.from(decode(rest), 'base64') : await bodyOf(request);
      return kept.answer(authority, der);
    }
    if (!isGet || rest !== undefined) return plain(isGet ? 404 : 405, 'It is only read.');
    const open = await authority.open();
    if (what === '.cer') return { status: 200, type: 'application/pkix-cert', body: open.certificate, maxAge: 86_400 };
    return { status: 200, type: 'application/pkix-crl', body: await authority.crl(open), maxAge: 3600 };
  };
  return (request, response) => {
    answer(request)
      .catch((error: unknown): Told => {
        const reason = error instanceof AuthorityFault ? error.message : String((error as Error).stack);
        parts.log.error('An authority could not tell of revocation.', { reason });
        return plain(503, 'The authority cannot answer now.');
      })
      .then(({ status, type, body, maxAge }) => {
        response.writeHead(status, {
          'content-type': type,
          'content-length': body.length,
          'cache-control': maxAge > 0 ? `public, max-age=${maxAge}, no-transform` : 'no-store',
          'x-content-type-options': 'nosniff',
        });
        response.end(request.method === 'HEAD' ? undefined : body);
      })
      .catch(() => response.destroy());
  };
}

/** Signed answers by certificate, void when the store's generation moves. */
class KeptAnswers {
  readonly #parts: ResponderParts;
  #generation = -1;
  #answers = new Map<string, { readonly body: Buffer; readonly until: number }>();

  constructor(parts: ResponderParts) {
    this.#parts = parts;
  }

  async answer(authority: VaultAuthority, der: Buffer): Promise<Told> {
    const generation = await this.#parts.store.generation();
    if (generation !== this.#generation) {
      this.#generation = generation;
      this.#answers = new Map();
    }
    const open = await authority.open();
    const asked = readOcspRequest(der, open.certificate);
    if (!asked) return ocsp(ocspFailure('malformedRequest'), 0);
    const now = this.#parts.clock.now();
    const form = `${asked.id.hashAlgorithm.algorithm}/${asked.hasParameters}`;
    const name = `${open.of.vaultId}/${authority.setting.name}/${form}/${asked.serial}`;
    const held = this.#answers.get(name);
    if (held && held.until > now && asked.isOurs) return ocsp(held.body, Math.floor((held.until - now) / 1000));
    const body = asked.isOurs ? await this.#sign(authority, open, asked, now) : null;
    if (!body) return ocsp(ocspFailure('unauthorized'), 0);
    if (generation === this.#generation) this.#keep(name, body, now + KEPT_MS);
    return ocsp(body, KEPT_MS / 1000);
  }

  async #sign(
    authority: VaultAuthority,
    open: OpenAuthority,
    asked: NonNullable<ReturnType<typeof readOcspRequest>>,
    now: number,
  ): Promise<Buffer | null> {
    const state = await authority.stateOf(open, asked.serial);
    if (!state) return null;
    const order = {
      authority: open.certificate,
      id: asked.id,
      state,
      thisUpdate: now,
      nextUpdate: now + ANSWER_LASTS_MS,
    };
    return makeOcspResponse(order, open.signer);
  }

  #keep(name: string, body: Buffer, until: number): void {
    // Those that were kept first go first.
    if (this.#answers.size >= MOST_KEPT) this.#answers.delete(this.#answers.keys().next().value!);
    this.#answers.set(name, { body, until });
  }
}

function ocsp(body: Buffer, maxAge: number): Told {
  return { status: 200, type: OCSP_TYPE, body, maxAge };
}

function plain(status: number, text: string): Told {
  return { status, type: 'text/plain; charset=utf-8', body: Buffer.from(`${text}\n`), maxAge: 0 };
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return '';
  }
}

async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    length += chunk.length;
    // Too long for any question: it is answered as one that cannot be read.
    if (length > LONGEST_REQUEST) return Buffer.alloc(0);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
