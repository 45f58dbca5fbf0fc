import 'reflect-metadata';
import { KeyObject } from 'node:crypto';
import * as x509 from '@peculiar/x509';

/**
 * A self-signed RSA certificate for signing in, valid for a day: its DER to register, and the PEM with its private key
 * that clients read.
 */
export async function selfSignedCertificate(commonName: string): Promise<{ der: Buffer; pem: string }> {
  const algorithm = {
    name: 'RSASSA-PKCS1-v1_5',
    hash: 'SHA-256',
    publicExponent: new Uint8Array([1, 0, 1]),
    modulusLength: 2048,
  };
  const keys = await crypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  const now = Date.now();
  const certificate = await x509.X509CertificateGenerator.createSelfSigned(
    {
      serialNumber: '01',
      name: `CN=${commonName}`,
      notBefore: new Date(now - 300_000),
      notAfter: new Date(now + 86_400_000),
      signingAlgorithm: algorithm,
      keys,
    },
    crypto,
  );
  const key = KeyObject.from(keys.privateKey).export({ type: 'pkcs8', format: 'pem' }).toString();
  return { der: Buffer.from(certificate.rawData), pem: `${key}${certificate.toString('pem')}\n` };
}
