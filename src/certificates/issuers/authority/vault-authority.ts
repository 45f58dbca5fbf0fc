import { X509Certificate } from 'node:crypto';
import type { Clock, Random } from '../../../base/ports.ts';
import type { KeyProvider, StoredKey } from '../../../crypto/key-provider.ts';
import { publicKeyInfo } from '../../../crypto/software/key-making.ts';
import type { Transaction } from '../../../store/port.ts';
import type { Store } from '../../../store/store.ts';
import { type Signer, signerOf } from '../../x509/encoding.ts';
import type { OwnAuthoritySetting } from './authority-setting.ts';
import { makeCrl } from './crl.ts';
import { type AuthorityPlaces, makeLeaf, makeRoot } from './make-certificate.ts';
import type { SerialState } from './ocsp.ts';
import * as rows from './repository.ts';
import type { ReadRequest } from './request.ts';

/** What an authority works with. */
export interface AuthorityParts {
  readonly store: Store;
  readonly clock: Clock;
  readonly random: Random;
  /** A version of the key that the setting names, the current one for null; null where it cannot be used. */
  readonly findKey: (setting: OwnAuthoritySetting, version: string | null) => Promise<AuthorityKey | null>;
}

/** A version of the key that an authority signs with. */
export interface AuthorityKey {
  readonly vaultId: string;
  readonly version: string;
  readonly key: StoredKey;
  /** Where it is. */
  readonly provider: KeyProvider;
}

/** The authority cannot work: its key is gone or disabled, or its certificate is another's. The message is for the operator. */
export class AuthorityFault extends Error {
  readonly code = 'authority-unusable';
  constructor(message: string) {
    super(message);
    this.name = 'AuthorityFault';
  }
}

/** An authority that can sign. */
export interface OpenAuthority {
  readonly of: rows.AuthorityOf;
  /** DER. */
  readonly certificate: Buffer;
  /** Those above it, DER; without a root that is itself. */
  readonly above: readonly Buffer[];
  readonly signer: Signer;
}

const DAY = 86_400_000;
/** A list is good for a week and made anew each day: whoever misses it for six days still knows. */
const CRL_LASTS_MS = 7 * DAY;
const CRL_FRESH_MS = DAY;
const NOTHING = new Uint8Array();

/** An authority whose key is a vault's key, wherever the provider keeps it. What it has issued and revoked is in the store. */
export class VaultAuthority {
  readonly setting: OwnAuthoritySetting;
  readonly #parts: AuthorityParts;

  constructor(parts: AuthorityParts, setting: OwnAuthoritySetting) {
    this.#parts = parts;
    this.setting = setting;
  }

  /**
   * Opens it; a root that was never used before is made. It signs with the key's version of its first use for ever: rotating the key makes
   * no other authority of it.
   * @throws AuthorityFault
   */
  async open(): Promise<OpenAuthority> {
    const { findKey, store } = this.#parts;
    const current = await findKey(this.setting, null);
    const { name } = this.setting;
    if (!current) throw this.#keyless();
    const of = { vaultId: current.vaultId, authority: name };
    const row = (await rows.readAuthority.first(store.reader, of)) ?? (await this.#found(of, current));
    const used = row.key_version === current.version ? current : await findKey(this.setting, row.key_version);
    if (!used) throw this.#keyless();
    // The file of an intermediate may have been renewed since it was first used.
    const own =
      this.setting.chainPem === null
        ? Buffer.from(row.certificate)
        : this.#brought(publicKeyInfo(used.key.publicMembers));
    const [certificate, ...above] = this.#chain(own);
    return { of, certificate: certificate!, above, signer: signerOf(used.provider, used.key) };
  }

  /** Where certificates say that their revocation can be asked; null where the setting names no address. */
  places(): AuthorityPlaces | null {
    const { publicUrl, name } = this.setting;
    if (publicUrl === null) return null;
    return { issuers: `${publicUrl}/${name}.cer`, crl: `${publicUrl}/${name}.crl`, ocsp: `${publicUrl}/${name}/ocsp` };
  }

  /**
   * The certificate for an order, DER; the same one where the order was placed before.
   * @returns null where the order was placed before for another key
   */
  async issue(open: OpenAuthority, request: ReadRequest, orderKey: string, notAfter: number): Promise<Buffer | null> {
    const { store, random, clock } = this.#parts;
    const before = await rows.issuedByOrder.first(store.reader, { ...open.of, orderKey });
    if (before) return sameKey(Buffer.from(before.certificate), request);
    const now = clock.now();
    const { profile } = this.setting;
    const order = { request, profile, authority: open.certificate, places: this.places(), notAfter };
    const certificate = await makeLeaf(order, open.signer, random, now);
    const { serial, expires } = readLeaf(certificate);
    const kept = await store.write(async (transaction) => {
      const other = await rows.issuedByOrder.first(transaction, { ...open.of, orderKey });
      if (other) return Buffer.from(other.certificate);
      const row = { ...open.of, serial, orderKey, certificate, issued: now, notAfter: expires };
      await rows.insertIssued.change(transaction, row);
      return certificate;
    });
    return sameKey(kept, request);
  }

  /**
   * Revokes a certificate; the next list and the next answer say so. False where it never issued it. Revoking again changes nothing.
   * @param reason RFC 5280 §5.3.1
   */
  async revoke(
    transaction: Transaction,
    { of }: OpenAuthority,
    serial: string,
    reason: number,
    now: number,
  ): Promise<boolean> {
    const issued = await rows.issuedBySerial.first(transaction, { ...of, serial });
    if (!issued) return false;
    if (issued.revoked !== null) return true;
    await rows.revokeIssued.change(transaction, { ...of, serial, revoked: now, reason });
    const row = await rows.readAuthority.first(transaction, of);
    await rows.spoilCrl.change(transaction, { ...of, mark: Math.min(0, row!.crl_next_update) - 1 });
    // Answers that are kept are void on every node.
    transaction.touch();
    return true;
  }

  /** What is known of a serial number. */
  async stateOf(open: OpenAuthority, serial: string): Promise<SerialState | null> {
    const issued = await rows.issuedBySerial.first(this.#parts.store.reader, { ...open.of, serial });
    if (!issued) return null;
    if (issued.revoked === null) return { kind: 'good' };
    return { kind: 'revoked', revoked: issued.revoked, reason: issued.reason ?? 0 };
  }

  /** The revocation list, DER: the one that is kept, or, where that is a day old or something was revoked since, a new one. */
  async crl(open: OpenAuthority): Promise<Buffer> {
    const { store, clock } = this.#parts;
    const now = clock.now();
    const row = await rows.readAuthority.first(store.reader, open.of);
    if (!row) throw new AuthorityFault(`The authority ${this.setting.name} is gone.`);
    if (row.crl_next_update - now > CRL_LASTS_MS - CRL_FRESH_MS) return Buffer.from(row.crl);
    return this.#newCrl(open, row, now);
  }

  async #newCrl(open: OpenAuthority, row: rows.AuthorityRow, now: number): Promise<Buffer> {
    const { store } = this.#parts;
    const number = row.crl_number + 1;
    // RFC 5280 §3.3: what was revoked is still in the first list after it has expired.
    const revoked = await rows.revokedOf.all(store.reader, { ...open.of, expiresFrom: now - CRL_LASTS_MS });
    const entries = revoked.map((one) => ({ serial: one.serial, revoked: one.revoked!, reason: one.reason ?? 0 }));
    const nextUpdate = now + CRL_LASTS_MS;
    const crl = await makeCrl(
      { authority: open.certificate, number, thisUpdate: now, nextUpdate, entries },
      open.signer,
    );
    const marks = { before: row.crl_next_update, beforeNumber: row.crl_number };
    const kept = await store.write((transaction) =>
      rows.writeCrl.change(transaction, { ...open.of, number, crl, nextUpdate, ...marks }),
    );
    // Another was made meanwhile, or something revoked: what is told next has both.
    return kept === 1 ? crl : this.crl(open);
  }

  async #found(of: rows.AuthorityOf, { key, version, provider }: AuthorityKey): Promise<rows.AuthorityRow> {
    const { store, random, clock } = this.#parts;
    const { commonName, organization, years, profile, chainPem } = this.setting;
    const now = clock.now();
    const publicKey = publicKeyInfo(key.publicMembers);
    const certificate =
      chainPem === null
        ? await makeRoot({ commonName, organization, years, profile, publicKey }, signerOf(provider, key), random, now)
        : this.#brought(publicKey);
    return store.write(async (transaction) => {
      const other = await rows.readAuthority.first(transaction, of);
      if (other) return other;
      const row = { ...of, keyVersion: version, certificate, created: now, crl: NOTHING };
      await rows.insertAuthority.change(transaction, row);
      return (await rows.readAuthority.first(transaction, of))!;
    });
  }

  /** The first certificate of the file, where it is an authority's and over the key. */
  #brought(publicKey: Buffer): Buffer {
    const [own] = certificatesOf(this.setting);
    const matches = own?.publicKey.export({ type: 'spki', format: 'der' }).equals(publicKey);
    if (!own?.ca || !matches) {
      throw new AuthorityFault(
        `The first certificate of certificateFile of ${this.setting.name} is not of its key, or of no authority.`,
      );
    }
    return own.raw;
  }

  /** The authority's certificate and those above it; a self-signed one at the top stays out, since clients have it. */
  #chain(own: Buffer): readonly Buffer[] {
    const above = certificatesOf(this.setting).filter(({ raw }) => !raw.equals(own));
    return [own, ...above.filter((one) => !one.checkIssued(one)).map(({ raw }) => raw)];
  }

  #keyless(): AuthorityFault {
    const { name, key, vault } = this.setting;
    return new AuthorityFault(`The key ${key} of the authority ${name} is not in the vault ${vault}, or is disabled.`);
  }
}

function sameKey(certificate: Buffer, request: ReadRequest): Buffer | null {
  const { publicKey } = new X509Certificate(certificate);
  return publicKey.export({ type: 'spki', format: 'der' }).equals(request.publicKeyInfo) ? certificate : null;
}

function readLeaf(certificate: Buffer): { readonly serial: string; readonly expires: number } {
  const { serialNumber, validTo } = new X509Certificate(certificate);
  return { serial: serialNumber.toLowerCase(), expires: Date.parse(validTo) };
}

/** @throws AuthorityFault where one of the file is damaged */
function certificatesOf({ name, chainPem }: OwnAuthoritySetting): readonly X509Certificate[] {
  const blocks = chainPem?.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  return blocks.map((block, index) => {
    try {
      return new X509Certificate(block);
    } catch {
      throw new AuthorityFault(`Certificate ${index + 1} in certificateFile of ${name} cannot be read: it is damaged.`);
    }
  });
}
