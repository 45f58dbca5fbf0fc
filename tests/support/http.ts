import { readFileSync } from 'node:fs';
import { request as plainRequest } from 'node:http';
import { Agent, request } from 'node:https';
import { join } from 'node:path';
import { connect, type TLSSocket } from 'node:tls';
import type { TestServer } from './server.ts';

/** What a test says with one request. */
export interface Ask {
  /** GET by default. */
  readonly method?: string;
  /** The first labels of the host (`main-vault.vault`, `management`), completed with domain and port; the first vault by default. */
  readonly host?: string;
  /** Path and query, sent as written. */
  readonly path: string;
  /** Bearer token; no Authorization header where it is left out. */
  readonly token?: string | undefined;
  /** A value sent as JSON; texts and bytes are sent as they are. */
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

/** An answer. */
export interface Reply {
  readonly status: number;
  /** By names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly text: string;
  /** The body as JSON, or null where it is none. */
  // biome-ignore lint/suspicious/noExplicitAny: tests read members of answers of every shape.
  readonly body: any;
}

/** What came back over one connection. */
export interface RawReply {
  readonly replies: readonly Reply[];
  /** Whether the server closed the connection. */
  readonly isClosed: boolean;
}

const TIMEOUT_MS = 15_000;
const agent = new Agent({ keepAlive: true, maxSockets: 128 });

/** The whole host name with its port, for the first labels of it. */
export function hostOf(server: TestServer, label: string): string {
  return `${label}.${server.domain}:${server.port}`;
}

/** The JSON of a text, or null. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** Sends one request to a server over a kept connection; the name is not resolved, the certificate is verified. */
export function call(server: TestServer, ask: Ask): Promise<Reply> {
  const host = hostOf(server, ask.host ?? 'main-vault.vault');
  const { token, body } = ask;
  const isJson = body !== undefined && typeof body !== 'string' && !(body instanceof Uint8Array);
  const content = isJson ? JSON.stringify(body) : body;
  return new Promise((resolve, reject) => {
    const sent = request(
      {
        agent,
        host: '127.0.0.1',
        port: server.port,
        servername: host.replace(/:\d+$/, ''),
        ca: authority(server),
        method: ask.method ?? 'GET',
        path: ask.path,
        timeout: TIMEOUT_MS,
        headers: {
          host,
          ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
          ...(content === undefined ? {} : { 'content-length': String(Buffer.byteLength(content as string)) }),
          ...ask.headers,
        },
      },
      (response) => {
        let text = '';
        response.setEncoding('utf8');
        response.on('data', (chunk: string) => {
          text += chunk;
        });
        response.once('error', reject);
        response.once('aborted', () => reject(new Error('The answer was cut off.')));
        response.once('end', () => {
          const headers = Object.fromEntries(
            Object.entries(response.headers).map(([name, value]) => [name, String(value)]),
          );
          resolve({ status: response.statusCode!, headers, text, body: parsed(text) });
        });
      },
    );
    sent.once('timeout', () => sent.destroy(new Error('No answer in time.')));
    sent.once('error', reject);
    sent.end(content as string | undefined);
  });
}

/**
 * Sends bytes as they are over a connection of their own and gives what came back: until as many answers as `replies` says
 * (1) have come, or the server has closed the connection. Where an answer says `Connection: close`, the end is awaited.
 */
export function sendRaw(
  server: TestServer,
  bytes: string | Uint8Array | readonly (string | Uint8Array)[],
  options: { readonly servername?: string; readonly replies?: number } = {},
): Promise<RawReply> {
  const wanted = options.replies ?? 1;
  return new Promise((resolve, reject) => {
    const socket = openTls(server, options.servername ?? `main-vault.vault.${server.domain}`);
    let received = Buffer.alloc(0);
    const finish = (isClosed: boolean) => {
      clearTimeout(timer);
      resolve({ replies: readReplies(received), isClosed });
      socket.destroy();
    };
    const timer = setTimeout(() => {
      socket.destroy();
      reject(new Error(`No answer in time; so far: ${received.toString('latin1', 0, 500)}`));
    }, TIMEOUT_MS);
    socket.on('data', (chunk) => {
      received = Buffer.concat([received, chunk]);
      const replies = readReplies(received);
      if (replies.length >= wanted && replies[replies.length - 1]!.headers['connection'] !== 'close') finish(false);
    });
    // A server that refuses a large body need not read it: the rest of it meets a closed connection.
    socket.on('error', () => {});
    socket.once('close', () => finish(true));
    socket.once('secureConnect', () => {
      for (const part of Array.isArray(bytes) ? bytes : [bytes]) socket.write(part as string);
    });
  });
}

/** A TLS connection to the server under a name. */
export function openTls(server: TestServer, servername: string): TLSSocket {
  return connect({ host: '127.0.0.1', port: server.port, servername, ca: authority(server) });
}

/** Whose token: an application with its secret, or the managed identity with a client id. */
export type Credentials =
  | { readonly clientId: string; readonly clientSecret: string }
  | { readonly managedIdentity: string };

/** The resources that tests ask tokens for. */
export const resources = {
  data: 'https://vault.azure.net',
  management: 'https://management.azure.com',
  graph: 'https://graph.microsoft.com',
};

/** A token for a resource: the administrator's, or whose the credentials are. */
export async function getToken(server: TestServer, resource: string, credentials?: Credentials): Promise<string> {
  const who = credentials ?? server.administrator;
  if ('managedIdentity' in who) return identityToken(server, resource, who.managedIdentity);
  const form = new URLSearchParams({
    grant_type: 'client_credentials',
    client_id: who.clientId,
    client_secret: who.clientSecret,
    scope: `${resource}/.default`,
  });
  const reply = await call(server, {
    method: 'POST',
    host: 'login',
    path: `/${server.tenantId}/oauth2/v2.0/token`,
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: form.toString(),
  });
  if (reply.status !== 200) throw new Error(`No token for ${resource}: ${reply.status} ${reply.body?.error}`);
  return reply.body.access_token as string;
}

function identityToken(server: TestServer, resource: string, clientId: string): Promise<string> {
  const query = new URLSearchParams({
    'api-version': '2018-02-01',
    resource,
    ...(clientId ? { client_id: clientId } : {}),
  });
  return new Promise((resolve, reject) => {
    plainRequest(
      {
        host: '127.0.0.1',
        port: server.imdsPort,
        path: `/metadata/identity/oauth2/token?${query}`,
        headers: { metadata: 'true' },
        timeout: TIMEOUT_MS,
      },
      (response) => {
        let text = '';
        response.on('data', (chunk: Buffer) => {
          text += chunk.toString();
        });
        response.once('end', () => {
          if (response.statusCode === 200) resolve((JSON.parse(text) as { access_token: string }).access_token);
          else reject(new Error(`No identity token: ${response.statusCode} ${text}`));
        });
      },
    )
      .once('error', reject)
      .end();
  });
}

const authorities = new Map<string, Buffer>();

function authority(server: TestServer): Buffer {
  const known = authorities.get(server.dataDir);
  if (known) return known;
  const read = readFileSync(join(server.dataDir, 'ca.pem'));
  authorities.set(server.dataDir, read);
  return read;
}

/** The complete answers in what was received; interim ones (100) are left out. */
function readReplies(received: Buffer): Reply[] {
  const replies: Reply[] = [];
  let rest = received;
  for (;;) {
    const end = rest.indexOf('\r\n\r\n');
    if (end < 0) return replies;
    const [statusLine = '', ...lines] = rest.toString('latin1', 0, end).split('\r\n');
    const headers = Object.fromEntries(
      lines.map((line) => [line.slice(0, line.indexOf(':')).toLowerCase(), line.slice(line.indexOf(':') + 1).trim()]),
    );
    const status = Number(statusLine.split(' ')[1]);
    const length = Number(headers['content-length'] ?? 0);
    const start = end + 4;
    if (rest.length < start + length) return replies;
    const text = rest.toString('utf8', start, start + length);
    if (status !== 100) replies.push({ status, headers, text, body: parsed(text) });
    rest = rest.subarray(start + length);
  }
}
