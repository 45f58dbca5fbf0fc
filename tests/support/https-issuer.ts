import { createSign, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createAuthority, issueServerCertificate } from '../../src/tls/local-ca.ts';

type Json = Readonly<Record<string, unknown>>;

/** An OpenID issuer on this machine: metadata and keys over TLS, and tokens. */
export interface HttpsIssuer {
  /** `https://localhost:PORT/id`. */
  readonly issuer: string;
  /** PEM of the authority that vouches for it. */
  readonly caFile: string;
  /** Paths that were asked for. */
  readonly asked: string[];
  /** Publishes a new key under this name in place of the old one. */
  rotate(kid: string): void;
  /** Makes it answer 500, or no more. */
  fail(isFailing: boolean): void;
  /** Signs a token with the newest key. */
  sign(claims: Json, header?: Json): string;
  close(): void;
}

/** Starts an issuer with one key, `first`. */
export async function startIssuer(): Promise<HttpsIssuer> {
  const folder = mkdtempSync(join(tmpdir(), 'strongroom-idp-'));
  const now = Date.now();
  const authority = await createAuthority({ now, commonName: 'issuer' });
  const caFile = join(folder, 'ca.pem');
  writeFileSync(caFile, authority.certificatePem);
  const names = { names: ['localhost'], ipAddresses: [], lifetimeDays: 1 };
  const { privateKeyPem, certificatePem } = await issueServerCertificate({ authority, now, ...names });
  const asked: string[] = [];
  let keys: { kid: string; publicKey: KeyObject; privateKey: KeyObject };
  let isFailing = false;
  const rotate = (kid: string) => {
    keys = { kid, ...generateKeyPairSync('rsa', { modulusLength: 2048 }) };
  };
  rotate('first');
  const server = createServer({ key: privateKeyPem, cert: certificatePem }, (request, response) => {
    asked.push(request.url ?? '');
    const issuer = `https://localhost:${(server.address() as AddressInfo).port}/id`;
    const answers: Readonly<Record<string, unknown>> = {
      '/id/.well-known/openid-configuration': { issuer, jwks_uri: `${issuer}/keys` },
      '/id/keys': { keys: [{ ...keys.publicKey.export({ format: 'jwk' }), kid: keys.kid, use: 'sig' }] },
    };
    const answer = isFailing ? undefined : answers[request.url ?? ''];
    response.writeHead(answer === undefined ? 500 : 200);
    response.end(JSON.stringify(answer ?? {}));
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
  return {
    issuer: `https://localhost:${(server.address() as AddressInfo).port}/id`,
    caFile,
    asked,
    rotate,
    fail: (failing) => {
      isFailing = failing;
    },
    sign: (claims, header = {}) => {
      const input = `${encode({ alg: 'RS256', typ: 'JWT', kid: keys.kid, ...header })}.${encode(claims)}`;
      return `${input}.${createSign('RSA-SHA256').update(input).sign(keys.privateKey).toString('base64url')}`;
    },
    close: () => {
      server.close();
      server.closeAllConnections();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
