import 'reflect-metadata';
import { generateKeyPairSync, type KeyObject, webcrypto } from 'node:crypto';
import {
  BasicConstraintsExtension,
  type Extension,
  SubjectAlternativeNameExtension,
  X509CertificateGenerator,
} from '@peculiar/x509';

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
let serial = 1;

interface Made {
  readonly pem: string;
  readonly name: string;
  readonly privateKey: KeyObject;
}

/** A root, an intermediate and a leaf for the names, PEM. */
export interface Chain {
  readonly root: string;
  readonly intermediate: string;
  readonly leaf: string;
  readonly keyPem: string;
}

/**
 * Makes such a chain.
 * @param days how long the leaf lasts from now; negative: it has expired
 */
export async function certificateChain(names: readonly string[], days = 30): Promise<Chain> {
  const ca = new BasicConstraintsExtension(true, undefined, true);
  const root = await make('CN=Root of tests', null, [ca], 3650);
  const intermediate = await make('CN=Intermediate of tests', root, [ca], 3650);
  const alternatives = new SubjectAlternativeNameExtension(names.map((value) => ({ type: 'dns' as const, value })));
  const leaf = await make(`CN=${names[0]}`, intermediate, [alternatives], days);
  const keyPem = leaf.privateKey.export({ type: 'pkcs8', format: 'pem' }) as string;
  return { root: root.pem, intermediate: intermediate.pem, leaf: leaf.pem, keyPem };
}

async function make(name: string, issuer: Made | null, extensions: Extension[], days: number): Promise<Made> {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const signing = (issuer?.privateKey ?? privateKey).export({ type: 'pkcs8', format: 'der' });
  const now = Date.now();
  const certificate = await X509CertificateGenerator.create({
    serialNumber: (serial++).toString(16).padStart(2, '0'),
    subject: name,
    issuer: issuer?.name ?? name,
    notBefore: new Date(now - 60 * 86_400_000),
    notAfter: new Date(now + days * 86_400_000),
    publicKey: await webcrypto.subtle.importKey(
      'spki',
      publicKey.export({ type: 'spki', format: 'der' }),
      ALGORITHM,
      true,
      ['verify'],
    ),
    signingKey: await webcrypto.subtle.importKey('pkcs8', signing, ALGORITHM, false, ['sign']),
    signingAlgorithm: ALGORITHM,
    extensions,
  });
  return { pem: `${certificate.toString('pem')}\n`, name, privateKey };
}
