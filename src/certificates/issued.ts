import { writeBundle } from '../crypto/certificate-bundle.ts';
import type { StoredKey } from '../crypto/key-provider.ts';
import type { CertificatePolicy } from './policy.ts';
import type { Issued } from './versions.ts';
import type { ReadCertificate } from './x509/read.ts';

/**
 * What is stored of a certificate that was issued: it, its chain, and the secret with the key where that may leave the vault.
 * @param chain the certificate first
 * @throws KeyProviderFault
 */
export async function issuedOf(
  policy: CertificatePolicy,
  key: Pick<StoredKey, 'open'>,
  chain: readonly [ReadCertificate, ...ReadCertificate[]],
  name: string,
): Promise<Issued> {
  const [leaf, ...issuers] = chain;
  const ders = chain.map(({ der }) => der);
  return {
    cer: leaf.der.toString('base64'),
    chain: issuers.map(({ der }) => der.toString('base64')),
    x5t: leaf.x5t,
    nbf: leaf.nbf,
    exp: leaf.exp,
    form: policy.contentType,
    secret: await writeBundle(policy.contentType, policy.exportable ? key : null, ders, name),
  };
}
