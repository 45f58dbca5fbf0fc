import type { Call } from '../operations/operation.ts';
import type { Vault } from './vault.ts';

/** The port of a URL that clients build for themselves: `:8443`, or the empty text where it is HTTPS's own. */
export function portSuffix(call: Pick<Call, 'port'>): string {
  return call.port === ':443' ? '' : call.port;
}

/** The URL of a vault as this caller reaches it. */
export function vaultUri(call: Pick<Call, 'port'>, domain: string, vault: Vault): string {
  return `https://${vault.nameKey}.vault.${domain}${portSuffix(call)}/`;
}
