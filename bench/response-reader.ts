/** Called once per complete answer; `data` between the offsets is its body and is valid only during the call. */
export type ResponseListener = (status: number, data: Buffer, bodyStart: number, bodyEnd: number) => void;

const HEAD_LIMIT_BYTES = 65_536;
const STATUSES_WITHOUT_BODY: ReadonlySet<number> = new Set([204, 304]);

/**
 * Cuts a byte stream into HTTP/1.1 answers by Content-Length (RFC 9112 §6.2), whatever the chunks it arrives in. It reads
 * nothing else of the head, so that the load generator costs less than the server it measures.
 * @throws Error from `push` at anything that is not such an answer: another protocol, no length, chunked coding.
 */
export class ResponseReader {
  readonly #listener: ResponseListener;
  #rest: Buffer | null = null;

  constructor(listener: ResponseListener) {
    this.#listener = listener;
  }

  /** Takes the next bytes of the stream and reports every answer that they complete. */
  push(chunk: Buffer): void {
    const data = this.#rest === null ? chunk : Buffer.concat([this.#rest, chunk]);
    let offset = 0;
    while (offset < data.length) {
      const headEnd = data.indexOf('\r\n\r\n', offset, 'latin1');
      if (headEnd < 0) {
        if (data.length - offset > HEAD_LIMIT_BYTES) throw new Error('the head of the answer has no end');
        break;
      }
      const head = data.toString('latin1', offset, headEnd);
      const status = statusOf(head);
      const bodyStart = headEnd + 4;
      const bodyEnd = bodyStart + bodyLength(head, status);
      if (bodyEnd > data.length) break;
      this.#listener(status, data, bodyStart, bodyEnd);
      offset = bodyEnd;
    }
    this.#rest = offset < data.length ? data.subarray(offset) : null;
  }
}

function statusOf(head: string): number {
  const status = Number(head.slice(9, 12));
  if (!head.startsWith('HTTP/1.1 ') || !(status >= 100))
    throw new Error(`not an HTTP/1.1 answer: ${head.slice(0, 40)}`);
  return status;
}

function bodyLength(head: string, status: number): number {
  if (STATUSES_WITHOUT_BODY.has(status)) return 0;
  const match = /\r\ncontent-length: *(\d+)/i.exec(head);
  if (match === null) throw new Error(`an answer with status ${status} has no Content-Length`);
  return Number(match[1]);
}
