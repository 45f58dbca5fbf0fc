import 'reflect-metadata';
import { KeyObject, type webcrypto } from 'node:crypto';
import { SubjectAlternativeNameExtension, X509CertificateGenerator } from '@peculiar/x509';

/** A private key and its certificate, both PEM. */
export interface ServerIdentity {
  readonly key: string;
  readonly certificate: string;
}

const LIFETIME_MS = 86_400_000;

/** A self-signed P-256 certificate for one DNS name, valid for a day: what the bare server of the benchmark shows. */
export async function selfSignedIdentity(dnsName: string): Promise<ServerIdentity> {
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
  const keys = (await crypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])) as webcrypto.CryptoKeyPair;
  const now = Date.now();
  const certificate = await X509CertificateGenerator.createSelfSigned({
    name: 'CN=benchmark',
    notBefore: new Date(now - LIFETIME_MS),
    notAfter: new Date(now + LIFETIME_MS),
    signingAlgorithm: algorithm,
    keys,
    extensions: [new SubjectAlternativeNameExtension([{ type: 'dns', value: dnsName }])],
  });
  const key = KeyObject.from(keys.privateKey).export({ type: 'pkcs8', format: 'pem' });
  return { key: key.toString(), certificate: certificate.toString('pem') };
}
