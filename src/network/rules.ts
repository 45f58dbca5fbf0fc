import ipaddr from 'ipaddr.js';
import type { VaultSettings } from '../resources/vault.ts';

/** What the network rules of a vault say of an address. */
export type NetworkVerdict =
  | { readonly allowed: true; readonly by: 'open' | 'ip-rule'; readonly rule?: string }
  | { readonly allowed: false; readonly reason: 'public-access-disabled' | 'firewall-address' };

/**
 * Judges the address of the connection itself (never a forwarding header). `publicNetworkAccess: Disabled` overrides the
 * rules; an IPv4 address mapped into IPv6 counts as IPv4.
 */
export function judgeAddress(settings: VaultSettings, address: string): NetworkVerdict {
  if (settings.publicNetworkAccess === 'Disabled') return { allowed: false, reason: 'public-access-disabled' };
  if (settings.networkAcls.defaultAction === 'Allow') return { allowed: true, by: 'open' };
  const rule = settings.networkAcls.ipRules.find((range) => rangeHolds(range, address));
  return rule === undefined ? { allowed: false, reason: 'firewall-address' } : { allowed: true, by: 'ip-rule', rule };
}

/** Whether a CIDR range, or a single address, holds the address. Anything unreadable holds nothing. */
export function rangeHolds(range: string, address: string): boolean {
  if (!ipaddr.isValid(address)) return false;
  const candidate = ipaddr.process(address);
  if (ipaddr.isValidCIDR(range)) {
    const [network, bits] = ipaddr.parseCIDR(range);
    return network.kind() === candidate.kind() && candidate.match(network, bits);
  }
  return ipaddr.isValid(range) && ipaddr.process(range).toNormalizedString() === candidate.toNormalizedString();
}
