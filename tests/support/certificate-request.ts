import 'reflect-metadata';
import { generateKeyPairSync, webcrypto } from 'node:crypto';
import { Pkcs10CertificateRequestGenerator, SubjectAlternativeNameExtension } from '@peculiar/x509';
import type { MadeRequest } from '../../src/certificates/issuers/conformance.ts';

/** A P-256 key and a request for the names, the first of them as the common name. */
export async function requestFor(dnsNames: readonly string[]): Promise<MadeRequest & { readonly keyPem: string }> {
  const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
  const spki = pair.publicKey.export({ type: 'spki', format: 'der' });
  const pkcs8 = pair.privateKey.export({ type: 'pkcs8', format: 'der' });
  const keys = {
    publicKey: await webcrypto.subtle.importKey('spki', spki, algorithm, true, ['verify']),
    privateKey: await webcrypto.subtle.importKey('pkcs8', pkcs8, algorithm, false, ['sign']),
  };
  const request = await Pkcs10CertificateRequestGenerator.create({
    name: `CN=${dnsNames[0]}`,
    keys,
    signingAlgorithm: algorithm,
    extensions: [new SubjectAlternativeNameExtension(dnsNames.map((value) => ({ type: 'dns' as const, value })))],
  });
  const keyPem = pair.privateKey.export({ type: 'pkcs8', format: 'pem' }) as string;
  return { csr: Buffer.from(request.rawData), publicKey: spki, keyPem };
}
