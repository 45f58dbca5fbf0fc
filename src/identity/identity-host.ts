import { foldName } from '../base/ids.ts';
import type { Session } from '../store/port.ts';

/** A machine or application as the managed identity endpoint sees it: a resource whose processes may have its identities' tokens. */
export interface IdentityHost {
  readonly resourceId: string;
  /** The folded resource id. */
  readonly resourceKey: string;
  /** Resource type, as `Microsoft.Compute/virtualMachines`. */
  readonly type: string;
  readonly hasSystemIdentity: boolean;
  /** Resource ids of the user-assigned identities that are assigned to it. */
  readonly userIdentities: readonly string[];
}

/** Finds a registered host by its resource id, in any case; null where there is none. */
export type FindHost = (session: Session, resourceId: string) => Promise<IdentityHost | null>;

/** Whether the identity of this resource id is the host's own, or assigned to it. */
export function hasIdentity(host: IdentityHost, identityId: string): boolean {
  const key = foldName(identityId);
  if (key === host.resourceKey) return host.hasSystemIdentity;
  return host.userIdentities.some((id) => foldName(id) === key);
}

/** Whether the host is a virtual machine: what the machine form of the endpoint can stand for. */
export function isMachine(host: IdentityHost): boolean {
  return foldName(host.type) === 'microsoft.compute/virtualmachines';
}
