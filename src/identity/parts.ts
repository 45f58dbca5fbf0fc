import type { Clock, Random } from '../base/ports.ts';
import type { Keyring } from '../crypto/keyring.ts';
import type { Call } from '../operations/operation.ts';
import { Refusal } from '../refusals/refusal.ts';
import type { Store } from '../store/store.ts';
import type { OutsideIssuers } from './outside-issuers.ts';
import type { SigningKeys } from './signing-keys.ts';

/** What the identity plane is made of. */
export interface IdentityParts {
  readonly store: Store;
  readonly clock: Clock;
  readonly random: Random;
  readonly signingKeys: SigningKeys;
  readonly keyring: Keyring;
  /** The tenant's GUID, in lower case. */
  readonly tenantId: string;
  /** The domain under which the planes' host names are, in lower case. */
  readonly domain: string;
  /** The issuers whose tokens federated credentials may believe; none where not set. */
  readonly issuers?: OutsideIssuers;
  /** Further names of the tenant, in lower case, e.g. its domain name. */
  readonly tenantNames?: readonly string[];
}

/**
 * Names that stand for the tenant of whoever signs in; here there is one. `adfs` is the authority form without a
 * tenant.
 */
const ANY_TENANT = ['common', 'organizations', 'adfs'];

/** Whether a path's tenant segment names this installation's tenant. */
export function isOurTenant(parts: Pick<IdentityParts, 'tenantId' | 'tenantNames'>, segment: string): boolean {
  const name = segment.toLowerCase();
  return name === parts.tenantId || ANY_TENANT.includes(name) || (parts.tenantNames?.includes(name) ?? false);
}

/** The tenant segment as asked for, held against the tenants there are. @throws Refusal `tenant-unknown` */
export function assertTenant(parts: IdentityParts, call: Call): string {
  const segment = call.parameters['tenant'] ?? '';
  if (isOurTenant(parts, segment)) return segment;
  throw new Refusal('tenant-unknown', { tenant: /^[\w.-]{1,100}$/.test(segment) ? segment : '(not a name)' });
}
