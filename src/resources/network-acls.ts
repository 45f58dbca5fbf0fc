import ipaddr from 'ipaddr.js';
import { Refusal } from '../refusals/refusal.ts';
import type { NetworkRules } from './vault.ts';
import { invalidProperty, isObject } from './vault-property.ts';

/** Most IP rules of a vault (Key Vault network security documentation). */
export const MAX_IP_RULES = 1000;

/** The rules of a vault that sets none: everyone may connect. */
export const openNetwork: NetworkRules = Object.freeze({
  bypass: 'AzureServices',
  defaultAction: 'Allow',
  ipRules: Object.freeze([]),
});

/**
 * Reads `networkAcls` from a request. Single addresses become ranges of one (`/32`, `/128`), as the service writes them. Rules
 * for virtual networks are refused: a rule that is kept must hold.
 * @throws Refusal `vault-property-invalid`, `virtual-network-rules`
 */
export function readNetworkAcls(value: unknown): NetworkRules {
  if (value === null) return openNetwork;
  if (!isObject(value)) throw invalidProperty('networkAcls', 'an object is expected');
  const bypass = readWord(value['bypass'], 'networkAcls.bypass', ['AzureServices', 'None'] as const);
  const defaultAction = readWord(value['defaultAction'], 'networkAcls.defaultAction', ['Allow', 'Deny'] as const);
  const virtual = value['virtualNetworkRules'];
  if (virtual !== undefined && virtual !== null) {
    if (!Array.isArray(virtual)) throw invalidProperty('networkAcls.virtualNetworkRules', 'an array is expected');
    if (virtual.length > 0) throw new Refusal('virtual-network-rules', { rules: virtual.length });
  }
  return {
    bypass: bypass ?? 'AzureServices',
    defaultAction: defaultAction ?? 'Allow',
    ipRules: readIpRules(value['ipRules']),
  };
}

function readIpRules(value: unknown): readonly string[] {
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value)) throw invalidProperty('networkAcls.ipRules', 'an array is expected');
  if (value.length > MAX_IP_RULES)
    throw invalidProperty('networkAcls.ipRules', `at most ${MAX_IP_RULES} rules are allowed`);
  const ranges = value.map((rule: unknown, index) => {
    const text = isObject(rule) ? rule['value'] : undefined;
    const range = typeof text === 'string' ? normaliseRange(text) : null;
    if (range === null) {
      throw invalidProperty(
        `networkAcls.ipRules[${index}].value`,
        'an IP address or a CIDR range is expected, e.g. 192.0.2.0/24',
      );
    }
    return range;
  });
  return [...new Set(ranges)];
}

function normaliseRange(text: string): string | null {
  // Without the form `a.b.c.d` ipaddr.js also reads octal and shortened IPv4 numbers, which people read as something else.
  if (/^\d+\.\d+\.\d+\.\d+(\/\d+)?$/.test(text)) {
    if (!ipaddr.IPv4.isValidFourPartDecimal(text.split('/')[0]!)) return null;
  } else if (!text.includes(':')) {
    return null;
  }
  if (text.includes('%')) return null;
  if (ipaddr.isValidCIDR(text)) {
    const [address, bits] = ipaddr.parseCIDR(text);
    if (address instanceof ipaddr.IPv6 && address.isIPv4MappedAddress() && bits >= 96) {
      return `${address.toIPv4Address().toString()}/${bits - 96}`;
    }
    return `${address.toString()}/${bits}`;
  }
  if (!ipaddr.isValid(text)) return null;
  const address = ipaddr.process(text);
  return `${address.toString()}/${address.kind() === 'ipv4' ? 32 : 128}`;
}

function readWord<const W extends string>(value: unknown, property: string, words: readonly W[]): W | null {
  if (value === undefined || value === null) return null;
  const found =
    typeof value === 'string' ? words.find((word) => word.toLowerCase() === value.toLowerCase()) : undefined;
  if (found === undefined) throw invalidProperty(property, `one of ${words.join(', ')} is expected`);
  return found;
}
