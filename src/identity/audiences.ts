import { foldName, isUuid } from '../base/ids.ts';

/** The planes that take access tokens. */
export type TokenPlane = 'data' | 'management' | 'graph' | 'logs';

/**
 * The resources tokens are made for, by plane: the label of our own host name, the names of the public cloud's
 * resources (clients have them built in), and application ids where the service takes them as audience.
 */
const resources: Readonly<
  Record<TokenPlane, { readonly label: string; readonly hosts: readonly string[]; readonly ids: readonly string[] }>
> = {
  data: { label: 'vault', hosts: ['vault.azure.net'], ids: [] },
  management: { label: 'management', hosts: ['management.azure.com', 'management.core.windows.net'], ids: [] },
  graph: { label: 'graph', hosts: ['graph.microsoft.com'], ids: ['00000003-0000-0000-c000-000000000000'] },
  logs: { label: 'api.loganalytics', hosts: ['api.loganalytics.io'], ids: [] },
};
const planes = Object.keys(resources) as TokenPlane[];

/** A resource that tokens are made for. */
export interface Resource {
  readonly plane: TokenPlane;
  /** One text for all spellings of it: case, port and trailing slash left out. */
  readonly name: string;
}

/**
 * Reads a resource, or a token's audience; null where it is none of ours. Names of our own domain count with any port:
 * the port a client sees may be a proxy's. Those of the public cloud count without one.
 */
export function readResource(text: string, domain: string): Resource | null {
  if (isUuid(text)) {
    const name = text.toLowerCase();
    const plane = planes.find((candidate) => resources[candidate].ids.includes(name));
    return plane ? { plane, name } : null;
  }
  // No URL parser: it would forgive user names, backslashes, tabs and encodings that must not pass here.
  const match = /^https:\/\/([a-z0-9.-]{1,253})(:[0-9]{1,5})?\/?$/i.exec(text);
  if (!match) return null;
  const name = foldName(match[1]!);
  const own = planes.find((plane) => name === `${resources[plane].label}.${domain}`);
  if (own) return { plane: own, name };
  const plane =
    match[2] === undefined ? planes.find((candidate) => resources[candidate].hosts.includes(name)) : undefined;
  return plane ? { plane, name } : null;
}

/**
 * The issuer of a tenant's access tokens, as Entra's version 1 has it: no port, so that it outlives a change of port.
 */
export function tokenIssuer(domain: string, tenantId: string): string {
  return `https://sts.${domain}/${tenantId}/`;
}
