import { readFileSync } from 'node:fs';
import { request as plainRequest } from 'node:http';
import { Agent, request as secureRequest } from 'node:https';
import { join } from 'node:path';
import type { TestServer } from '../support/server.ts';

/** One request as it goes over the wire; nothing in it is normalised. */
export interface WireRequest {
  readonly method: string;
  /** Without port. */
  readonly host: string;
  /** Path and query, byte for byte. */
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

/** What came back. */
export interface WireAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  /** Parsed where it is JSON; the text where it is not; undefined where it is empty. */
  // biome-ignore lint/suspicious/noExplicitAny: the shapes are what the assertions are about
  readonly body: any;
}

/** Sends requests to one server over verified TLS, to whatever host name they name. */
export interface Wire {
  send(request: WireRequest): Promise<WireAnswer>;
  /** Sends to the managed identity endpoint, over plain HTTP. */
  sendPlain(request: Omit<WireRequest, 'host'>): Promise<WireAnswer>;
  close(): void;
}

/** Opens the wire; the server's own CA is the only one it trusts. */
export function openWire(server: Pick<TestServer, 'port' | 'imdsPort' | 'dataDir'>): Wire {
  const agent = new Agent({ keepAlive: true, ca: readFileSync(join(server.dataDir, 'ca.pem')) });
  return {
    send: (request) =>
      exchange(
        secureRequest({
          agent,
          host: '127.0.0.1',
          port: server.port,
          servername: request.host,
          method: request.method,
          path: request.url,
          headers: { ...request.headers, host: `${request.host}:${server.port}`, ...lengthOf(request) },
        }),
        request.body,
      ),
    sendPlain: (request) =>
      exchange(
        plainRequest({
          host: '127.0.0.1',
          port: server.imdsPort,
          method: request.method,
          path: request.url,
          headers: { ...request.headers, ...lengthOf(request) },
        }),
        request.body,
      ),
    close: () => agent.destroy(),
  };
}

function lengthOf({ method, body }: { method: string; body?: string | undefined }): Record<string, string> {
  if (body !== undefined) return { 'content-length': String(Buffer.byteLength(body)) };
  return method === 'GET' || method === 'DELETE' || method === 'HEAD' ? {} : { 'content-length': '0' };
}

function exchange(outgoing: ReturnType<typeof plainRequest>, body: string | undefined): Promise<WireAnswer> {
  return new Promise((resolve, reject) => {
    outgoing.on('error', reject).on('response', (incoming) => {
      const chunks: Buffer[] = [];
      incoming.on('error', reject).on('data', (chunk: Buffer) => chunks.push(chunk));
      incoming.on('end', () => {
        const text = Buffer.concat(chunks).toString('utf8');
        resolve({ status: incoming.statusCode ?? 0, headers: incoming.headers, body: parse(text) });
      });
    });
    outgoing.end(body);
  });
}

function parse(text: string): unknown {
  if (text === '') return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
