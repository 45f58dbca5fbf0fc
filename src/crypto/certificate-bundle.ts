import { createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto';
import { oneByOne } from '../base/one-by-one.ts';
import { type CurveName, curves } from './algorithms.ts';
import { BundleFault } from './bundle-fault.ts';
import type { ImportedJwk, StoredKey } from './key-provider.ts';
import { Pkcs12 } from './software/pkcs12.ts';

/** The forms in which a certificate with its key leaves and enters a vault (secret_props.contentType). */
export type BundleForm = 'application/x-pkcs12' | 'application/x-pem-file';

/** A private key and the certificates that came with it, DER, in the order of the file. */
export interface Bundle {
  readonly key: ImportedJwk;
  readonly certificates: readonly Buffer[];
}

const RSA_BITS: readonly unknown[] = [2048, 3072, 4096];
const MOST_CERTIFICATES = 50;

let library: Promise<Pkcs12> | null = null;
const oneFile = oneByOne();

/** Loads OpenSSL's part once, and reads or writes one file at a time: flushes wait for the same threads. */
function inTurn<T>(work: (pkcs12: Pkcs12) => Promise<T>): Promise<T> {
  library ??= Pkcs12.load();
  return oneFile(async () => work(await library!));
}

/**
 * Reads a PKCS #12 file: exactly one key, and certificates.
 * @param password the empty text where there is none
 * @throws BundleFault, KeyProviderFault
 */
export async function readPkcs12(der: Buffer, password: string): Promise<Bundle> {
  const { keys, certificates } = await inTurn((pkcs12) => pkcs12.read(der, password));
  return bundleOf(
    keys.map((key) => openKey(() => createPrivateKey({ key, format: 'der', type: 'pkcs8' }), keys)),
    certificates,
  );
}

/**
 * Reads PEM: exactly one key in PKCS #8, PKCS #1 or SEC 1, encrypted or not, and certificates, in any order; what is outside of
 * blocks means nothing.
 * @param password the empty text where there is none
 * @throws BundleFault, KeyProviderFault
 */
export async function readPem(text: string, password: string): Promise<Bundle> {
  const keys: KeyObject[] = [];
  const certificates: Buffer[] = [];
  for (const { block, label, body } of blocksOf(text)) {
    if (label === 'CERTIFICATE' || label === 'X509 CERTIFICATE' || label === 'TRUSTED CERTIFICATE') {
      if (certificates.length >= MOST_CERTIFICATES) throw new BundleFault('costly');
      certificates.push(fromPemBody(body));
    } else if (label.endsWith('PRIVATE KEY')) {
      if (keys.length >= MOST_CERTIFICATES) throw new BundleFault('costly');
      keys.push(await openPemKey(block, label, body, password));
    }
  }
  if (keys.length === 0 && certificates.length === 0) throw new BundleFault('unreadable');
  return bundleOf(keys, certificates);
}

/**
 * The value of a certificate's secret.
 * @param key its private key where it may leave, else null: then the certificates alone
 * @param chain DER, the certificate first
 * @throws KeyProviderFault
 */
export async function writeBundle(
  form: BundleForm,
  key: Pick<StoredKey, 'open'> | null,
  chain: readonly Buffer[],
  name: string,
): Promise<string> {
  const material = key ? await key.open() : null;
  try {
    if (form === 'application/x-pkcs12') {
      return (await inTurn((pkcs12) => pkcs12.write(material, chain, name))).toString('base64');
    }
    const keyPem = material
      ? createPrivateKey({ key: material, format: 'der', type: 'pkcs8' }).export({ type: 'pkcs8', format: 'pem' })
      : '';
    return `${keyPem.toString()}${chain.map((der) => pemBlock('CERTIFICATE', der)).join('')}`;
  } finally {
    material?.fill(0);
  }
}

/** A PEM block, lines of 64 characters (RFC 7468). */
export function pemBlock(label: string, der: Buffer): string {
  const lines = der.toString('base64').replace(/.{1,64}/g, '$&\n');
  return `-----BEGIN ${label}-----\n${lines}-----END ${label}-----\n`;
}

/** The PEM blocks of a text (RFC 7468), in one pass. @throws BundleFault `unreadable` where one does not end */
function* blocksOf(text: string): Generator<{ readonly block: string; readonly label: string; readonly body: string }> {
  const begin = /-----BEGIN ([A-Z0-9 ]{1,40})-----/g;
  for (let found = begin.exec(text); found; found = begin.exec(text)) {
    const start = found.index + found[0].length;
    const label = found[1]!;
    const end = text.indexOf(`-----END ${label}-----`, start);
    if (end < 0) throw new BundleFault('unreadable');
    begin.lastIndex = end + `-----END ${label}-----`.length;
    yield { block: text.slice(found.index, begin.lastIndex), label, body: text.slice(start, end) };
  }
}

async function openPemKey(block: string, label: string, body: string, password: string): Promise<KeyObject> {
  if (label === 'ENCRYPTED PRIVATE KEY') {
    const der = fromPemBody(body);
    const key = await inTurn((pkcs12) => pkcs12.decryptKey(der, password));
    return openKey(() => createPrivateKey({ key, format: 'der', type: 'pkcs8' }), [key]);
  }
  const isEncrypted = /^Proc-Type:\s*4,ENCRYPTED/m.test(body);
  if (isEncrypted && password === '') throw new BundleFault('password');
  try {
    return createPrivateKey(isEncrypted ? { key: block, format: 'pem', passphrase: password } : block);
  } catch {
    // Without its cause: it may quote what it read.
    throw new BundleFault(isEncrypted ? 'password' : 'unreadable');
  }
}

function openKey(open: () => KeyObject, wiped: readonly Buffer[]): KeyObject {
  try {
    return open();
  } catch {
    for (const material of wiped) material.fill(0);
    throw new BundleFault('key-kind');
  }
}

function bundleOf(keys: readonly KeyObject[], certificates: readonly Buffer[]): Bundle {
  const [key, ...others] = keys;
  if (!key) throw new BundleFault('no-key');
  if (others.some((other) => !isSame(other, key))) throw new BundleFault('several-keys');
  if (certificates.length === 0) throw new BundleFault('no-certificate');
  if (certificates.length > MOST_CERTIFICATES) throw new BundleFault('costly');
  return { key: jwkOf(key), certificates };
}

/**
 * By their public halves: `KeyObject.equals` of keys of two kinds throws, and leaves its error in OpenSSL's queue of the thread,
 * where the next record of a TLS connection finds it and the connection is closed.
 */
function isSame(one: KeyObject, other: KeyObject): boolean {
  const [ours, theirs] = [one, other].map((key) => createPublicKey(key).export({ type: 'spki', format: 'der' }));
  return ours!.equals(theirs!);
}

/** @throws BundleFault `key-kind` where it is neither RSA of a usual size nor of a known curve */
function jwkOf(key: KeyObject): ImportedJwk {
  const { asymmetricKeyType: type, asymmetricKeyDetails: details } = key;
  if (type === 'rsa' && RSA_BITS.includes(details?.modulusLength)) {
    const { n, e, d, p, q, dp, dq, qi } = key.export({ format: 'jwk' }) as Record<string, string>;
    return { family: 'RSA', members: { n, e, d, p, q, dp, dq, qi } as Record<string, string> };
  }
  const curve = (Object.keys(curves) as CurveName[]).find((name) => curves[name].openssl === details?.namedCurve);
  if (type !== 'ec' || !curve) throw new BundleFault('key-kind');
  const { x, y, d } = key.export({ format: 'jwk' }) as Record<string, string>;
  return { family: 'EC', members: { crv: curve, x, y, d } as Record<string, string> };
}

function fromPemBody(body: string): Buffer {
  const text = body.replace(/\s+/g, '');
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(text)) throw new BundleFault('unreadable');
  return Buffer.from(text, 'base64');
}
