import type { Session } from '../store/port.ts';
import type { TokenRefusal } from './access-token.ts';
import type { TokenPlane } from './audiences.ts';
import type { Authentication, Caller } from './caller.ts';
import { groupsOf, type PrincipalRow } from './repository.ts';

/** A token whose signature was verified: what stays true of it, and what has to be asked again. */
export interface TokenProof {
  /** Whether the keys that proved it are still believed; where not, the token is verified anew. */
  isProven(now: number): boolean;
  /** What does not hold of it here and now, or null. */
  judge(plane: TokenPlane, tenant: string, now: number): TokenRefusal | null;
  /**
   * Who brings it, as the directory says under a generation of the store that was read before, or why that is nobody.
   */
  callerUnder(generation: number): Promise<Authentication>;
}

/** What a token says of its bearer beside the principal. */
export type TokenSays = Pick<
  Caller,
  'appId' | 'appIdAcr' | 'issuer' | 'managedIdentity' | 'scopes' | 'expires' | 'tokenId' | 'outsideSubject'
>;

/** The caller: an enabled person or service principal, and the groups it is in. */
export async function callerOfPrincipal(session: Session, principal: PrincipalRow, says: TokenSays): Promise<Caller> {
  return {
    ...says,
    oid: principal.id,
    tenantId: principal.tenant_id,
    kind: principal.kind === 'User' ? 'User' : 'ServicePrincipal',
    displayName: principal.display_name,
    upn: principal.upn,
    principalIds: [principal.id, ...(await groupsOf(session, principal.id))],
    directoryRole: principal.directory_role,
  };
}
