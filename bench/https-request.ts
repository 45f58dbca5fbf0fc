import { request } from 'node:https';

/** A single request, sent to 127.0.0.1 whatever its host name is: `*.localhost` does not resolve everywhere. */
export interface SingleRequest {
  readonly port: number;
  /** Host name without port; also the name asked for in TLS. */
  readonly hostname: string;
  /** PEM of the authority that the server's certificate must chain to. */
  readonly authority: string;
  readonly method?: string;
  /** Path with query. */
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

/** The answer to a single request. */
export interface SingleAnswer {
  readonly status: number;
  /** Names and values in turn, as received. */
  readonly rawHeaders: readonly string[];
  readonly body: string;
}

const TIMEOUT_MS = 30_000;

/** Sends one request on a connection of its own and reads the whole answer. */
export function sendRequest(single: SingleRequest): Promise<SingleAnswer> {
  const result = Promise.withResolvers<SingleAnswer>();
  const { port, hostname, authority, path, method = 'GET', headers = {}, body } = single;
  const outgoing = request({
    agent: false,
    host: '127.0.0.1',
    port,
    servername: hostname,
    ca: authority,
    method,
    path,
    timeout: TIMEOUT_MS,
    headers: { Host: `${hostname}:${port}`, ...headers },
  });
  outgoing.once('timeout', () => outgoing.destroy(new Error('no answer within 30 s')));
  outgoing.once('error', result.reject);
  outgoing.once('response', (incoming) => {
    const chunks: Buffer[] = [];
    incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
    incoming.once('error', result.reject);
    incoming.once('end', () => {
      const { statusCode = 0, rawHeaders } = incoming;
      result.resolve({ status: statusCode, rawHeaders, body: Buffer.concat(chunks).toString('utf8') });
    });
  });
  outgoing.end(body);
  return result.promise;
}
