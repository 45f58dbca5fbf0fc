/**
 * Names for the machine itself (RFC 6761 §6.3): `localhost` and every name below it are loopback, without asking any
 * resolver. Stock glibc, and with it Node, Python and most others, only knows the bare name.
 */

/** One address as `dns.lookup` hands it out. */
export interface LoopbackAddress {
  readonly address: string;
  readonly family: 4 | 6;
}

/** How `dns.lookup` orders what it finds. */
export type AddressOrder = 'verbatim' | 'ipv4first' | 'ipv6first';

const IPV4: LoopbackAddress = { address: '127.0.0.1', family: 4 };
const IPV6: LoopbackAddress = { address: '::1', family: 6 };

/**
 * Whether the name is `localhost` or ends in `.localhost`, letters in either case, one trailing dot allowed. Names
 * with empty or over-long labels are nobody's and stay with the system.
 */
export function isLocalhostName(name: string): boolean {
  return name.length <= 254 && /^(?:[^.\s]{1,63}\.)*localhost\.?$/i.test(name);
}

/**
 * The loopback addresses of a family (0: both), IPv4 first unless IPv6 is asked for first: most local servers listen
 * on 127.0.0.1, not all on ::1.
 */
export function loopbackAddresses(family: 0 | 4 | 6, order: AddressOrder): LoopbackAddress[] {
  if (family === 4) return [{ ...IPV4 }];
  if (family === 6) return [{ ...IPV6 }];
  return order === 'ipv6first' ? [{ ...IPV6 }, { ...IPV4 }] : [{ ...IPV4 }, { ...IPV6 }];
}
