import { request as httpsRequest } from 'node:https';
import type { LookupFunction } from 'node:net';
import { isLocalhostName, loopbackAddresses } from '../client/localhost-name.ts';
import { errorCode } from './command.ts';

/** A request to the server on this machine, by one of its host names. */
export interface LocalRequest {
  /** Host name without port, as the certificate has it. */
  readonly host: string;
  readonly port: number;
  /** Path and query. */
  readonly path: string;
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** PEM of the only authority to trust; null: those that Node trusts. */
  readonly authorityPem: string | null;
  /** For the whole exchange. */
  readonly timeoutMs: number;
}

/** What the server answered. */
export interface LocalAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
}

const LARGEST_ANSWER_BYTES = 64 * 1024 * 1024;

/**
 * Sends one request over verified TLS, on a connection of its own. The host is sought on this machine's loopback
 * addresses without asking the system's resolver; only names outside `localhost` are looked up if nothing listens there.
 * @throws the system's error (`ECONNREFUSED`, `TimeoutError`, a TLS verification code); an answer of any status is none
 */
export async function requestLocally(request: LocalRequest): Promise<LocalAnswer> {
  try {
    return await send(request, lookupLoopback);
  } catch (error) {
    if (isLocalhostName(request.host) || errorCode(error) !== 'ECONNREFUSED') throw error;
    return send(request, undefined);
  }
}

/**
 * Sends one request over verified TLS to a host anywhere, on a connection of its own. Names below `localhost` are this machine.
 * @throws as {@link requestLocally}
 */
export function requestByName(request: LocalRequest): Promise<LocalAnswer> {
  return send(request, isLocalhostName(request.host) ? lookupLoopback : undefined);
}

const lookupLoopback: LookupFunction = (_host, options, callback) => {
  const family = options.family === 4 || options.family === 6 ? options.family : 0;
  const found = loopbackAddresses(family, 'verbatim');
  if (options.all) process.nextTick(callback, null, found);
  else process.nextTick(callback, null, found[0]!.address, found[0]!.family);
};

function send(request: LocalRequest, lookup: LookupFunction | undefined): Promise<LocalAnswer> {
  return new Promise((resolve, reject) => {
    const outgoing = httpsRequest({
      host: request.host,
      servername: request.host,
      port: request.port,
      path: request.path,
      method: request.method ?? 'GET',
      headers: { ...request.headers },
      agent: false,
      signal: AbortSignal.timeout(request.timeoutMs),
      ...(request.authorityPem === null ? {} : { ca: request.authorityPem }),
      ...(lookup ? { lookup } : {}),
    });
    // An abort hides that it was the deadline; its cause tells.
    outgoing.on('error', (error) => reject(error.cause instanceof DOMException ? error.cause : error));
    outgoing.on('response', (incoming) => {
      const chunks: Buffer[] = [];
      let length = 0;
      incoming.on('data', (chunk: Buffer) => {
        length += chunk.length;
        if (length > LARGEST_ANSWER_BYTES) outgoing.destroy(new Error('The answer is larger than 64 MiB.'));
        else chunks.push(chunk);
      });
      incoming.on('error', reject);
      incoming.on('end', () => {
        const body = Buffer.concat(chunks).toString('utf8');
        resolve({ status: incoming.statusCode ?? 0, headers: incoming.headers, body });
      });
    });
    outgoing.end(request.body);
  });
}
