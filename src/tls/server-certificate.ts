import { createSecureContext } from 'node:tls';
import { ConfigFault, readNamedFile } from '../config.ts';
import type { Keyring } from '../crypto/keyring.ts';
import type { Store } from '../store/store.ts';
import type { IssuedCertificate } from './local-ca.ts';
import { needsRenewal, serverNames } from './server-names.ts';

const AUTHORITY = 'local-authority';
const SERVER = 'server-certificate';
const LIFETIME_DAYS = 90;

/** The certificate the server shows, and the authority that clients trust for it (null where the operator brought both). */
export interface ServerCertificate {
  readonly server: IssuedCertificate;
  readonly authorityPem: string | null;
}

/**
 * The server's certificate by the local authority: both made at the first start, kept encrypted in the store, the
 * server's renewed when a third of its 90 days is left or the domain has changed. The authority may vouch for the domain
 * and for loopback alone, so that trusting it gives nobody power over other names.
 */
export async function localCertificate(
  parts: { readonly store: Store; readonly keyring: Keyring },
  domain: string,
  now: number,
): Promise<ServerCertificate> {
  const { store, keyring } = parts;
  const names = serverNames(domain);
  const stored = await readPair(parts, AUTHORITY);
  const server = await readPair(parts, SERVER);
  if (stored && server) {
    const isFine = !needsRenewal({
      certificatePem: server.certificatePem,
      names,
      now,
      authorityPem: stored.certificatePem,
    });
    if (isFine) return { server, authorityPem: stored.certificatePem };
  }
  // Only now: the X.509 library takes a quarter of a second to load, and most starts need none of it.
  const ca = await import('./local-ca.ts');
  const isUsable = stored !== null && (await ca.authorityCovers(stored.certificatePem, names, now));
  const authority = isUsable
    ? stored
    : await ca.createAuthority({
        now,
        commonName: `Strongroom local CA (${domain})`,
        permitted: { domains: [domain], addressRanges: ca.LOOPBACK_RANGES },
      });
  const issued = await ca.issueServerCertificate({
    authority,
    names: names.dnsNames,
    ipAddresses: names.ipAddresses,
    now,
    lifetimeDays: LIFETIME_DAYS,
  });
  await store.write(async (transaction) => {
    if (!isUsable) await keyring.writeValue(transaction, AUTHORITY, Buffer.from(JSON.stringify(authority)), now);
    await keyring.writeValue(transaction, SERVER, Buffer.from(JSON.stringify(issued)), now);
  });
  return { server: issued, authorityPem: authority.certificatePem };
}

/**
 * A certificate that nothing vouches for, gone with this process: what a sealed server shows, whose own certificate's key is sealed too. Clients that
 * verify refuse it, as they should.
 */
export async function unvouchedCertificate(domain: string, now: number): Promise<ServerCertificate> {
  const ca = await import('./local-ca.ts');
  const names = serverNames(domain);
  const authority = await ca.createAuthority({
    now,
    commonName: 'Strongroom, sealed',
    permitted: { domains: [domain], addressRanges: ca.LOOPBACK_RANGES },
  });
  const { dnsNames, ipAddresses } = names;
  const order = { authority, names: dnsNames, ipAddresses, now, lifetimeDays: LIFETIME_DAYS };
  return { server: await ca.issueServerCertificate(order), authorityPem: null };
}

/**
 * The operator's own certificate, from files.
 * @throws ConfigFault where a file cannot be read, or the two are not a certificate and its key
 */
export function operatorCertificate(files: {
  readonly certificateFile: string;
  readonly keyFile: string;
}): ServerCertificate {
  const server = {
    certificatePem: readNamedFile(files.certificateFile, 'tlsCertificateFile'),
    privateKeyPem: readNamedFile(files.keyFile, 'tlsKeyFile'),
  };
  try {
    createSecureContext({ cert: server.certificatePem, key: server.privateKeyPem });
  } catch (error) {
    // OpenSSL's reason names no content of the key.
    const { reason = 'they are no PEM' } = error as { reason?: string };
    throw new ConfigFault(
      `${files.certificateFile} and ${files.keyFile} cannot be used as a certificate and its key: ${reason}.`,
    );
  }
  return { server, authorityPem: null };
}

async function readPair(
  { store, keyring }: { readonly store: Store; readonly keyring: Keyring },
  name: string,
): Promise<IssuedCertificate | null> {
  const bytes = await keyring.readValue(store.reader, name);
  return bytes && (JSON.parse(bytes.toString('utf8')) as IssuedCertificate);
}
