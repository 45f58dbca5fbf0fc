import { createPrivateKey, KeyObject, X509Certificate } from 'node:crypto';
import { CompactSign } from 'jose/jws/compact/sign';
import { DAY } from '../base/text.ts';
import type { Store } from '../store/store.ts';
import type { Keyring } from './keyring.ts';

const NAME = 'release-signing-key';
const ALGORITHM = { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' } as const;
const CERTIFICATE_DAYS = 3650;

interface Signer {
  readonly key: KeyObject;
  readonly certificate: X509Certificate;
}

/** What signs released keys with, and where its key is kept. */
export interface SignerParts {
  readonly store: Store;
  readonly keyring: Keyring;
}

/**
 * Signs what is released, so that whoever gets it knows the vault it comes from: RS256, with a certificate of its own that the
 * signature carries. The key is made once for an installation and kept under the seal.
 */
export class ReleaseSigner {
  readonly #parts: SignerParts;
  #signer: Promise<Signer> | null = null;

  constructor(parts: SignerParts) {
    this.#parts = parts;
  }

  /** The certificate by which signatures are checked, as PEM; made where there is none. */
  async certificatePem(now: number): Promise<string> {
    return (await this.#open(now)).certificate.toString();
  }

  /** A compact JWS (RFC 7515) of a JSON text, whose header has `x5c`, `x5t` and `x5t#S256`. */
  async sign(json: string, now: number): Promise<string> {
    const { key, certificate } = await this.#open(now);
    const digest = (fingerprint: string) => Buffer.from(fingerprint.replaceAll(':', ''), 'hex');
    const sha1 = digest(certificate.fingerprint);
    const header = {
      alg: 'RS256',
      typ: 'JWT',
      kid: sha1.toString('hex').toUpperCase(),
      x5t: sha1.toString('base64url'),
      'x5t#S256': digest(certificate.fingerprint256).toString('base64url'),
      x5c: [certificate.raw.toString('base64')],
    };
    return new CompactSign(Buffer.from(json)).setProtectedHeader(header).sign(key);
  }

  #open(now: number): Promise<Signer> {
    this.#signer ??= openSigner(this.#parts, now).catch((error: unknown) => {
      this.#signer = null;
      throw error;
    });
    return this.#signer;
  }
}

async function openSigner({ store, keyring }: SignerParts, now: number): Promise<Signer> {
  const there = await keyring.readValue(store.reader, NAME);
  if (there) return readSigner(there);
  const made = await makeSigner(now);
  const kept = await store.write(async (transaction) => {
    // Two nodes that release at once: the second signs with what the first has made.
    const raced = await keyring.readValue(transaction, NAME);
    if (raced) return raced;
    await keyring.writeValue(transaction, NAME, made, now);
    return Buffer.from(made);
  });
  made.fill(0);
  return readSigner(kept);
}

/** Reads and overwrites what is kept. */
function readSigner(value: Buffer): Signer {
  const { pkcs8, certificate } = JSON.parse(value.toString('utf8')) as { pkcs8: string; certificate: string };
  value.fill(0);
  return {
    key: createPrivateKey({ key: Buffer.from(pkcs8, 'base64'), format: 'der', type: 'pkcs8' }),
    certificate: new X509Certificate(Buffer.from(certificate, 'base64')),
  };
}

async function makeSigner(now: number): Promise<Buffer> {
  // Imported here: an installation makes one certificate of this kind in its life.
  await import('reflect-metadata');
  const x509 = await import('@peculiar/x509');
  const order = { ...ALGORITHM, modulusLength: 3072, publicExponent: new Uint8Array([1, 0, 1]) };
  const keys = await globalThis.crypto.subtle.generateKey(order, true, ['sign', 'verify']);
  const certificate = await x509.X509CertificateGenerator.createSelfSigned(
    {
      name: 'CN=Strongroom key release',
      notBefore: new Date(now),
      notAfter: new Date(now + CERTIFICATE_DAYS * DAY),
      keys,
      signingAlgorithm: ALGORITHM,
      extensions: [
        new x509.BasicConstraintsExtension(false, undefined, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      ],
    },
    globalThis.crypto,
  );
  const pkcs8 = KeyObject.from(keys.privateKey).export({ format: 'der', type: 'pkcs8' });
  const kept = { pkcs8: pkcs8.toString('base64'), certificate: Buffer.from(certificate.rawData).toString('base64') };
  pkcs8.fill(0);
  return Buffer.from(JSON.stringify(kept));
}
