import { generateKeyPairSync } from 'node:crypto';

/** A new key of an ACME account: P-256, which every authority takes; PKCS #8, PEM. Whoever keeps it seals it. */
export function newAccountKey(): string {
  return generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({
    type: 'pkcs8',
    format: 'pem',
  }) as string;
}

/** What answers a tls-alpn-01 challenge: it proves one name, for minutes, and is never stored. */
export interface ProofCertificate {
  readonly keyPem: Buffer;
  readonly certificatePem: Buffer;
}

/** The self-signed certificate that shows the key authorization in its `acmeIdentifier` extension (RFC 8737 §3). */
export async function proofCertificate(domain: string, keyAuthorization: string): Promise<ProofCertificate> {
  const { crypto } = await import('acme-client');
  const named = { identifier: { type: 'dns', value: domain } };
  const [keyPem, certificatePem] = await crypto.createAlpnCertificate(
    named as Parameters<typeof crypto.createAlpnCertificate>[0],
    keyAuthorization,
    newAccountKey(),
  );
  return { keyPem, certificatePem };
}
