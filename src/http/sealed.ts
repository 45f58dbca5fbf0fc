import type { IncomingMessage, ServerResponse } from 'node:http';
import { newRequestId } from '../base/ids.ts';
import type { Clock, Random } from '../base/ports.ts';
import { hostReader } from '../operations/hosts.ts';
import { Refusal } from '../refusals/refusal.ts';
import { renderRefusal } from './render.ts';

/** What a sealed server says of itself. */
export interface SealedFacts {
  readonly domain: string;
  readonly version: string;
  /** The kind of the seal. */
  readonly kind: string;
}

/**
 * Answers for a server that is sealed: 503 in the form of the plane, whatever was asked, and its state under `/metadata/health`. No request is
 * authenticated, read or recorded: all that takes keys.
 */
export function sealedFront(
  { domain, version, kind }: SealedFacts,
  { clock, random }: { readonly clock: Clock; readonly random: Random },
): (request: IncomingMessage, response: ServerResponse) => void {
  const readHost = hostReader(domain);
  return (request, response) => {
    const { plane, origin } = readHost(request.headers.host ?? '');
    const now = clock.now();
    const requestId = newRequestId(random, now);
    const refusal = new Refusal('server-sealed');
    const frame = { plane, requestId, clientRequestId: '', origin, authority: '', resource: '', now };
    const { status, headers, body } = renderRefusal(refusal, frame);
    const isHealth = plane === 'management' && /^\/metadata\/health\/?(\?|$)/i.test(request.url ?? '');
    const text = JSON.stringify(isHealth ? { status: 'sealed', version, seal: { kind, state: 'sealed' } } : body);
    // The body is not read: the connection ends with the answer.
    response.writeHead(status, {
      ...headers,
      'content-type': 'application/json; charset=utf-8',
      'content-length': Buffer.byteLength(text),
      'x-ms-request-id': requestId,
      connection: 'close',
    });
    response.end(request.method === 'HEAD' ? undefined : text);
  };
}
