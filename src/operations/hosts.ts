import { foldName } from '../base/ids.ts';
import type { Plane } from './operation.ts';

/** What a Host header names. */
export interface HostName {
  readonly plane: Plane | 'unknown';
  /** `https://host[:port]` as written, in lower case, without a trailing dot on the name. */
  readonly origin: string;
  readonly host: string;
  /** The port with its colon, or the empty text. */
  readonly port: string;
  /** The folded vault name on the data plane, else the empty text. */
  readonly vaultKey: string;
}

const MAX_KNOWN = 10_000;

const labels: Readonly<Record<string, Plane>> = {
  management: 'management',
  login: 'login',
  graph: 'graph',
  'api.loganalytics': 'logs',
};

/** Reads Host headers of a domain; answers are kept, since a few names make up all traffic. */
export function hostReader(domain: string, scheme: 'https' | 'http' = 'https'): (header: string) => HostName {
  const known = new Map<string, HostName>();
  return (header) => {
    const hit = known.get(header);
    if (hit) return hit;
    const name = readHost(header, domain.toLowerCase(), scheme);
    if (known.size >= MAX_KNOWN) known.clear();
    known.set(header, name);
    return name;
  };
}

function readHost(header: string, domain: string, scheme: string): HostName {
  const match = /^([A-Za-z0-9.-]{1,253}?)\.?(:[0-9]{1,5})?$/.exec(header);
  if (!match) return { plane: 'unknown', origin: '', host: '', port: '', vaultKey: '' };
  const host = foldName(match[1]!);
  const port = match[2] ?? '';
  const origin = `${scheme}://${host}${port}`;
  const label = host.endsWith(`.${domain}`) ? host.slice(0, -domain.length - 1) : '';
  const vault = /^([a-z0-9-]+)\.vault$/.exec(label);
  if (vault) return { plane: 'data', origin, host, port, vaultKey: vault[1]! };
  const plane = Object.hasOwn(labels, label) ? labels[label]! : 'unknown';
  return { plane, origin, host, port, vaultKey: '' };
}
