import 'reflect-metadata';
import { generateKeyPairSync, type KeyObject, randomBytes, webcrypto } from 'node:crypto';
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { createServer, type Server, type ServerOptions } from 'node:https';
import type { AddressInfo } from 'node:net';
import {
  BasicConstraintsExtension,
  type Extension,
  Pkcs10CertificateRequest,
  SubjectAlternativeNameExtension,
  X509CertificateGenerator,
} from '@peculiar/x509';
import { createAuthority, issueServerCertificate } from '../../src/tls/local-ca.ts';

/**
 * What stands in for an authority that cannot be asked from a test: a local HTTPS server that follows the API documents that the
 * authority publishes. It proves that the issuer speaks as documented, not that the authority does.
 */
export interface PublishedService {
  readonly url: string;
  readonly caPem: string;
  /** Names for which certificates were made, one entry a certificate. */
  readonly issued: string[];
  outage(isDown: boolean): Promise<void>;
  close(): void;
}

/** One request, and the answer as status, JSON and headers. */
export interface Asked {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingMessage['headers'];
  // biome-ignore lint/suspicious/noExplicitAny: bodies have the documents' shapes.
  readonly body: any;
  readonly hasClientCertificate: boolean;
}

/** What the service answers. */
export interface Answered {
  readonly status: number;
  readonly body?: unknown;
  readonly text?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** A root and an intermediate that sign whatever they are asked to. */
export class SigningAuthority {
  readonly #root = keys();
  readonly #intermediate = keys();
  #pems: { readonly root: string; readonly intermediate: string } | null = null;

  /** Intermediate, then root. */
  async above(): Promise<{ readonly root: string; readonly intermediate: string }> {
    const ca = [new BasicConstraintsExtension(true, undefined, true)];
    this.#pems ??= {
      root: await make('CN=Root', this.#root.publicKey, 'CN=Root', this.#root.privateKey, ca),
      intermediate: await make('CN=Between', this.#intermediate.publicKey, 'CN=Root', this.#root.privateKey, ca),
    };
    return this.#pems;
  }

  /** A certificate for the request's key and these names, PEM, and its serial number. */
  async sign(csrPem: string, names: readonly string[], serial = randomBytes(8).toString('hex')): Promise<string> {
    const request = new Pkcs10CertificateRequest(csrPem);
    if (!(await request.verify())) throw new Error('The request is not signed by its key.');
    const key = Buffer.from(request.publicKey.rawData);
    const sans = new SubjectAlternativeNameExtension(names.map((value) => ({ type: 'dns' as const, value })));
    return make(`CN=${names[0]}`, key, 'CN=Between', this.#intermediate.privateKey, [sans], serial);
  }
}

/** Starts a service; `clientCa` makes it ask for a certificate of the caller. */
export async function startService(
  answer: (asked: Asked) => Promise<Answered>,
  issued: string[],
  asksForCertificate = false,
): Promise<PublishedService> {
  const now = Date.now();
  const authority = await createAuthority({ now, commonName: 'service' });
  const order = { authority, now, names: ['localhost'], ipAddresses: [], lifetimeDays: 1 };
  const { privateKeyPem, certificatePem } = await issueServerCertificate(order);
  const options: ServerOptions = { key: privateKeyPem, cert: certificatePem, requestCert: asksForCertificate };
  if (asksForCertificate) options.rejectUnauthorized = false;
  const server: Server = createServer(options, async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
    const text = Buffer.concat(chunks).toString();
    const { pathname, searchParams } = new URL(request.url ?? '/', 'https://localhost');
    const socket = request.socket as unknown as { getPeerCertificate(): { raw?: Buffer } };
    const told = await answer({
      method: request.method ?? '',
      path: pathname,
      query: searchParams,
      headers: request.headers,
      body: text === '' ? null : JSON.parse(text),
      hasClientCertificate: socket.getPeerCertificate().raw !== undefined,
    }).catch((error: Error): Answered => ({ status: 500, text: error.message }));
    response.writeHead(told.status, { 'content-type': 'application/json', ...told.headers });
    response.end(told.text ?? (told.body === undefined ? '' : JSON.stringify(told.body)));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    url: `https://localhost:${port}`,
    caPem: authority.certificatePem,
    issued,
    outage: async (isDown) => {
      if (isDown) {
        server.close();
        server.closeAllConnections();
        await once(server, 'close');
      } else {
        server.listen(port, '127.0.0.1');
        await once(server, 'listening');
      }
    },
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  };
}

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };

function keys(): { readonly publicKey: Buffer; readonly privateKey: KeyObject } {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return { publicKey: publicKey.export({ type: 'spki', format: 'der' }), privateKey };
}

async function make(
  subject: string,
  publicKey: Buffer,
  issuer: string,
  signer: KeyObject,
  extensions: Extension[],
  serialNumber = randomBytes(8).toString('hex'),
): Promise<string> {
  const der = signer.export({ type: 'pkcs8', format: 'der' });
  const now = Date.now();
  const certificate = await X509CertificateGenerator.create({
    serialNumber,
    subject,
    issuer,
    notBefore: new Date(now - 3_600_000),
    notAfter: new Date(now + 90 * 86_400_000),
    publicKey: await webcrypto.subtle.importKey('spki', publicKey, ALGORITHM, true, ['verify']),
    signingKey: await webcrypto.subtle.importKey('pkcs8', der, ALGORITHM, false, ['sign']),
    signingAlgorithm: ALGORITHM,
    extensions,
  });
  return `${certificate.toString('pem')}\n`;
}
