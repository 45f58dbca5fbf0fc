import { appendFileSync, chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http';
import { Agent, createServer, request as openRequest, type RequestOptions, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createAuthority, issueServerCertificate, LOOPBACK_RANGES } from '../../src/tls/local-ca.ts';
import { serverNames } from '../../src/tls/server-names.ts';

/** One request and its answer, as it went over the wire. Holds no token: neither the request's nor one that was handed out. */
export interface RecordedExchange {
  readonly method: string;
  /** The Host header as the caller wrote it. */
  readonly host: string;
  /** Path and query as the caller wrote them. */
  readonly url: string;
  readonly isAuthorized: boolean;
  readonly hasRequestBody: boolean;
  readonly status: number;
  readonly headers: Readonly<IncomingHttpHeaders>;
  /** The answer's JSON; its text where it is none; null where it is empty, or withheld: hosts that hand out credentials. */
  readonly body: unknown;
}

/** What stands behind the proxy. */
export interface ProxyTarget {
  readonly port: number;
  readonly domain: string;
  /** Path of the server's CA certificate, PEM. */
  readonly caFile: string;
}

/** A proxy that answers. */
export interface RecordingProxy {
  readonly port: number;
  /** Path of the PEM of the proxy's own throw-away CA; clients trust this one instead of the server's. */
  readonly caFile: string;
  readonly exchanges: readonly RecordedExchange[];
  /** Ends the connections, removes the CA, and appends what was recorded to the file named at the start. */
  stop(): Promise<void>;
}

/**
 * Listens on a free port of loopback and passes every request on unchanged, the Host header too: the server builds ids,
 * links and challenges from it, so they carry the proxy's port and clients stay on the proxy. A request that the server
 * does not answer is answered with 502 and recorded as such.
 * @param options.file where to append the exchanges as JSON lines when the proxy stops (made with mode 0600)
 */
export async function startRecordingProxy(
  target: ProxyTarget,
  options: { readonly file?: string } = {},
): Promise<RecordingProxy> {
  const folder = mkdtempSync(join(tmpdir(), 'strongroom-proxy-'));
  const caFile = join(folder, 'ca.pem');
  const { certificate, authorityPem } = await throwAwayCertificate(target.domain);
  writeFileSync(caFile, authorityPem);
  const exchanges: RecordedExchange[] = [];
  const agent = new Agent({ keepAlive: true, ca: readFileSync(target.caFile) });
  const server = createServer(
    { cert: certificate.certificatePem, key: certificate.privateKeyPem },
    (incoming, outgoing) => pass(target, agent, incoming, outgoing, (exchange) => exchanges.push(exchange)),
  );
  await listenOnLoopback(server);
  return {
    port: (server.address() as AddressInfo).port,
    caFile,
    exchanges,
    stop: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      agent.destroy();
      rmSync(folder, { recursive: true, force: true });
      if (options.file) writeExchanges(options.file, exchanges);
    },
  };
}

function writeExchanges(file: string, exchanges: readonly RecordedExchange[]): void {
  appendFileSync(file, exchanges.map((exchange) => `${JSON.stringify(exchange)}\n`).join(''), { mode: 0o600 });
  chmodSync(file, 0o600);
}

async function throwAwayCertificate(domain: string) {
  const now = Date.now();
  const names = serverNames(domain);
  const authority = await createAuthority({
    now,
    commonName: 'Strongroom recording proxy of a test run',
    permitted: { domains: [domain], addressRanges: LOOPBACK_RANGES },
  });
  const certificate = await issueServerCertificate({
    authority,
    names: names.dnsNames,
    ipAddresses: names.ipAddresses,
    now,
    lifetimeDays: 2,
  });
  return { certificate, authorityPem: authority.certificatePem };
}

function listenOnLoopback(server: Server): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ port: 0, host: '127.0.0.1' }, resolve);
  });
}

function pass(
  target: ProxyTarget,
  agent: Agent,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  record: (exchange: RecordedExchange) => void,
): void {
  const host = incoming.headers.host ?? '';
  const seen = {
    method: incoming.method ?? '',
    host,
    url: incoming.url ?? '',
    isAuthorized: incoming.headers.authorization !== undefined,
    hasRequestBody: Number(incoming.headers['content-length'] ?? 0) > 0 || 'transfer-encoding' in incoming.headers,
  };
  const order: RequestOptions = {
    agent,
    host: '127.0.0.1',
    port: target.port,
    servername: host.replace(/:\d+$/, ''),
    method: seen.method,
    path: seen.url,
    headers: incoming.rawHeaders,
    setDefaultHeaders: false,
  };
  const onward = openRequest(order, (answer) => {
    const chunks: Buffer[] = [];
    answer.on('data', (chunk: Buffer) => chunks.push(chunk));
    answer.on('end', () => {
      record({
        ...seen,
        status: answer.statusCode ?? 0,
        headers: answer.headers,
        body: handsOutCredentials(host) ? null : readBody(Buffer.concat(chunks)),
      });
    });
    outgoing.writeHead(answer.statusCode ?? 502, answer.rawHeaders);
    answer.pipe(outgoing);
  });
  onward.on('error', () => {
    record({ ...seen, status: 502, headers: {}, body: null });
    if (!outgoing.headersSent) outgoing.writeHead(502);
    outgoing.end();
  });
  incoming.pipe(onward);
}

function handsOutCredentials(host: string): boolean {
  return host.startsWith('login.') || host.startsWith('graph.');
}

function readBody(bytes: Buffer): unknown {
  const text = bytes.toString('utf8');
  if (text === '') return null;
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
