import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { createServer as createHttpsServer, type Server as HttpsServer } from 'node:https';
import type { AddressInfo } from 'node:net';

// Not imported: an import reads every export of `node:http`, among them those that load its HTTP client for the web's fetch,
// 45 ms and 14 MB that no server needs.
const { createServer: createHttpServer } = process.getBuiltinModule('node:http');

/** A certificate chain with its key, both PEM. */
export interface TlsMaterial {
  readonly certificatePem: string;
  readonly privateKeyPem: string;
}

/** One listener, possibly on several addresses. */
export interface Listener {
  readonly port: number;
  readonly addresses: readonly string[];
  /** Changes the certificate for connections to come. */
  useCertificate(material: TlsMaterial): void;
  /** Stops accepting, lets what is under way finish within the grace, then closes. */
  close(graceMilliseconds: number): Promise<void>;
}

/** A port that cannot be had. */
export class ListenFault extends Error {
  readonly code = 'listen-failed';
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'ListenFault';
  }
}

type Handler = (request: IncomingMessage, response: ServerResponse) => void;

/** How long and how large a request may be; times in milliseconds, the size in bytes. See `node:http`, createServer. */
export interface RequestLimits {
  readonly maxHeaderSize: number;
  readonly headersTimeout: number;
  readonly requestTimeout: number;
  readonly keepAliveTimeout: number;
  readonly connectionsCheckingInterval: number;
  readonly requireHostHeader: boolean;
}

/** The limits that listeners have unless told otherwise. */
export const requestLimits: RequestLimits = Object.freeze({
  maxHeaderSize: 32 * 1024,
  headersTimeout: 10_000,
  requestTimeout: 30_000,
  keepAliveTimeout: 75_000,
  connectionsCheckingInterval: 2_000,
  // Ours to judge, so that the answer has our form.
  requireHostHeader: false,
});

/** Verbs that `X-HTTP-METHOD` may put in place of POST (Key Vault REST, tunnelled methods). */
const tunnelled = new Set(['GET', 'PUT', 'PATCH', 'DELETE']);

/**
 * Listens on the port at each address. Port 0 takes a free one, the same at every address. An IPv6 address that the machine
 * does not have is left out where another address serves.
 * @throws ListenFault where the port is taken or not permitted
 */
export async function listen(
  handler: Handler,
  addresses: readonly string[],
  port: number,
  tls: TlsMaterial | null,
  limits: RequestLimits = requestLimits,
): Promise<Listener> {
  const servers: Server[] = [];
  const bound: string[] = [];
  let chosen = port;
  try {
    for (const address of addresses) {
      const server = createOne(handler, tls, limits);
      const actual = await bind(server, address, chosen, bound.length > 0 || addresses.length > 1);
      if (actual === null) continue;
      chosen = actual;
      servers.push(server);
      bound.push(address);
    }
  } catch (error) {
    for (const server of servers) server.close();
    throw error;
  }
  if (servers.length === 0)
    throw new ListenFault(`None of the addresses ${addresses.join(', ')} exists on this machine.`);
  return {
    port: chosen,
    addresses: bound,
    useCertificate: (material) => {
      for (const server of servers) (server as HttpsServer).setSecureContext?.(secureOptions(material));
    },
    close: async (grace) => {
      await Promise.all(servers.map((server) => closeOne(server, grace)));
    },
  };
}

function createOne(handler: Handler, tls: TlsMaterial | null, limits: RequestLimits): Server {
  const onRequest: Handler = (request, response) => {
    if (!readTarget(request)) {
      const body = errorBody('400 Bad Request');
      const type = 'application/json; charset=utf-8';
      response.writeHead(400, { 'content-type': type, 'content-length': body.length, connection: 'close' });
      response.end(body);
      return;
    }
    const verb = request.headers['x-http-method'];
    if (request.method === 'POST' && typeof verb === 'string' && tunnelled.has(verb.toUpperCase())) {
      request.method = verb.toUpperCase();
    }
    handler(request, response);
  };
  const server = tls
    ? createHttpsServer({ ...limits, ...secureOptions(tls), ALPNProtocols: ['http/1.1'] }, onRequest)
    : createHttpServer(limits, onRequest);
  server.maxRequestsPerSocket = 0;
  server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
    if (error.code === 'ECONNRESET' || !socket.writable) {
      socket.destroy();
      return;
    }
    const status = clientErrors[error.code ?? ''] ?? '400 Bad Request';
    const body = JSON.stringify({
      error: { code: 'BadRequest', message: `The request is not valid HTTP: ${status}.` },
    });
    socket.end(
      `HTTP/1.1 ${status}\r\nContent-Type: application/json; charset=utf-8\r\nContent-Length: ${body.length}\r\nConnection: close\r\n\r\n${body}`,
    );
  });
  return server;
}

/**
 * Whether it is clear which host and whose credentials the request names: one Host (RFC 9112 §3.2), at most one
 * Authorization, and an absolute target only of that same host; such a target becomes the plain one.
 */
function readTarget(request: IncomingMessage): boolean {
  const { rawHeaders, url = '' } = request;
  let hosts = 0;
  let authorizations = 0;
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index]!;
    if (name.length === 4 && name.toLowerCase() === 'host') hosts++;
    else if (name.length === 13 && name.toLowerCase() === 'authorization') authorizations++;
  }
  if (authorizations > 1 || hosts > 1 || (hosts === 0 && request.httpVersion !== '1.0')) return false;
  if (url.startsWith('/')) return true;
  const absolute = /^https?:\/\/([^/?#]*)/i.exec(url);
  if (!absolute || absolute[1]!.toLowerCase() !== request.headers.host?.toLowerCase()) return false;
  const rest = url.slice(absolute[0].length);
  request.url = rest.startsWith('/') ? rest : `/${rest}`;
  return true;
}

function errorBody(status: string): string {
  return JSON.stringify({ error: { code: 'BadRequest', message: `The request is not valid HTTP: ${status}.` } });
}

const clientErrors: Readonly<Record<string, string>> = {
  HPE_HEADER_OVERFLOW: '431 Request Header Fields Too Large',
  ERR_HTTP_REQUEST_TIMEOUT: '408 Request Timeout',
};

function secureOptions(material: TlsMaterial) {
  return { cert: material.certificatePem, key: material.privateKeyPem, minVersion: 'TLSv1.2' as const };
}

function bind(server: Server, address: string, port: number, mayMiss: boolean): Promise<number | null> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (mayMiss && (error.code === 'EADDRNOTAVAIL' || error.code === 'EAFNOSUPPORT')) return resolve(null);
      reject(new ListenFault(bindMessage(error, address, port), { cause: error }));
    });
    server.listen({ port, host: address, ipv6Only: true }, () => resolve((server.address() as AddressInfo).port));
  });
}

function bindMessage(error: NodeJS.ErrnoException, address: string, port: number): string {
  if (error.code === 'EADDRINUSE') {
    return `Port ${port} on ${address} is in use by another program. Choose another with --port, or stop that program.`;
  }
  if (error.code === 'EACCES') {
    return `Port ${port} on ${address} needs more rights. Use a port above 1023, or grant cap_net_bind_service.`;
  }
  return `Port ${port} on ${address} cannot be listened on: ${error.message}.`;
}

async function closeOne(server: Server, grace: number): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  server.closeIdleConnections();
  const sweep = setInterval(() => server.closeIdleConnections(), 20);
  const cut = setTimeout(() => server.closeAllConnections(), grace);
  await closed;
  clearInterval(sweep);
  clearTimeout(cut);
}
