import { X509Certificate } from 'node:crypto';
import { SocketAddress } from 'node:net';

/** What a server certificate has to vouch for. */
export interface ServerNames {
  readonly dnsNames: readonly string[];
  readonly ipAddresses: readonly string[];
}

/**
 * Hosts beside the vaults, each by name: a wildcard directly below a top-level domain (`*.localhost`) is refused by
 * OpenSSL, curl and Node.
 */
export const PLANE_HOSTS: readonly string[] = ['management', 'login', 'graph', 'api.loganalytics', 'portal'];

/** Whether the text is a host name of LDH labels (RFC 1123 §2.1, RFC 1034 §3.5): at most 253 characters, no trailing dot. */
export function isHostName(text: string): boolean {
  return (
    text.length <= 253 &&
    /^(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)*[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/i.test(text) &&
    !/^[0-9.]+$/.test(text)
  );
}

/** Every name and address a server of the domain answers on. */
export function serverNames(domain: string): ServerNames {
  return {
    dnsNames: [`*.vault.${domain}`, ...PLANE_HOSTS.map((host) => `${host}.${domain}`), domain],
    ipAddresses: ['127.0.0.1', '::1'],
  };
}

/**
 * Whether a server certificate should be issued anew: less than a third of its life is left, it is not yet valid, it
 * vouches for other names than wanted, or another authority than `authorityPem` issued it. Text that is no
 * certificate needs renewal too. Costs no X.509 library: this runs at every start.
 * @param state.certificatePem PEM whose first block is the server's certificate
 * @param state.now milliseconds since the Unix epoch
 */
export function needsRenewal(state: {
  readonly certificatePem: string;
  readonly names: ServerNames;
  readonly now: number;
  readonly authorityPem?: string;
}): boolean {
  const certificate = parse(state.certificatePem);
  if (!certificate) return true;
  const from = certificate.validFromDate.getTime();
  const until = certificate.validToDate.getTime();
  if (state.now < from || until - state.now < (until - from) / 3) return true;
  if (state.authorityPem !== undefined) {
    const authority = parse(state.authorityPem);
    if (!authority || !certificate.verify(authority.publicKey) || !certificate.checkIssued(authority)) return true;
  }
  return fingerprintOf(namesIn(certificate)) !== fingerprintOf(state.names);
}

/** The DNS names and addresses in a certificate's subject alternative name extension. */
export function namesIn(certificate: X509Certificate): ServerNames {
  const entries = (certificate.subjectAltName ?? '').split(', ');
  const after = (prefix: string): string[] =>
    entries.filter((entry) => entry.startsWith(prefix)).map((entry) => entry.slice(prefix.length));
  return { dnsNames: after('DNS:'), ipAddresses: after('IP Address:') };
}

function parse(pem: string): X509Certificate | null {
  try {
    return new X509Certificate(pem);
  } catch {
    return null;
  }
}

/** One text for one set of names, whatever their order, case and spelling of addresses. */
function fingerprintOf(names: ServerNames): string {
  const dns = names.dnsNames.map((name) => `dns:${name.toLowerCase()}`);
  const addresses = names.ipAddresses.map((address) => `ip:${canonicalAddress(address)}`);
  return [...new Set([...dns, ...addresses])].sort().join('\n');
}

function canonicalAddress(address: string): string {
  return new SocketAddress({ address, family: address.includes(':') ? 'ipv6' : 'ipv4' }).address;
}
