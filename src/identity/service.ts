import { foldName, newUuid } from '../base/ids.ts';
import type { Random } from '../base/ports.ts';
import type { Session, Transaction } from '../store/port.ts';
import type { AppCertificate } from './certificate.ts';
import type { NewSecret } from './client-secret.ts';
import * as people from './people-rows.ts';
import * as rows from './repository.ts';

/** The directory role that may change the directory. */
export const directoryAdministrator = 'Global Administrator';

/** A managed identity. */
export interface ManagedIdentity {
  readonly resourceId: string;
  /** Object id of its service principal. */
  readonly principalId: string;
  readonly clientId: string;
  readonly location: string;
  readonly tags: Readonly<Record<string, string>>;
  readonly created: number;
}

/** What new things are made of besides their own members. */
export interface MakingParts {
  readonly random: Random;
  readonly tenantId: string;
}

/** Makes an application registration; it can do nothing until it has a service principal. */
export async function createApplication(
  transaction: Transaction,
  parts: MakingParts,
  order: { readonly displayName: string; readonly details?: Readonly<Record<string, unknown>>; readonly now: number },
): Promise<{ readonly id: string; readonly appId: string }> {
  const id = newUuid(parts.random);
  const appId = newUuid(parts.random);
  await rows.insertApplication.change(transaction, {
    id,
    tenantId: parts.tenantId,
    appId,
    displayName: order.displayName,
    details: JSON.stringify(order.details ?? {}),
    created: order.now,
  });
  transaction.touch();
  return { id, appId };
}

/** Makes the service principal of an application: what holds roles and appears in tokens as `oid`. */
export async function createServicePrincipal(
  transaction: Transaction,
  parts: MakingParts,
  order: {
    readonly appId: string;
    readonly displayName: string;
    readonly now: number;
    readonly enabled?: boolean;
    readonly directoryRole?: string | null;
    readonly type?: 'Application' | 'ManagedIdentity';
  },
): Promise<{ readonly id: string }> {
  const id = newUuid(parts.random);
  await rows.insertPrincipal.change(transaction, {
    id,
    tenantId: parts.tenantId,
    kind: 'ServicePrincipal',
    type: order.type ?? 'Application',
    displayName: order.displayName,
    appId: order.appId,
    enabled: order.enabled === false ? 0 : 1,
    directoryRole: order.directoryRole ?? null,
    created: order.now,
  });
  transaction.touch();
  return { id };
}

/**
 * Gives an application a client secret, made before the transaction with `newSecret`.
 * @param order.starts, order.expires milliseconds since the Unix epoch
 * @returns the id of the credential (Graph's `keyId`)
 */
export async function addSecret(
  transaction: Transaction,
  parts: MakingParts,
  order: {
    readonly appId: string;
    readonly secret: NewSecret;
    readonly displayName: string | null;
    readonly starts: number;
    readonly expires: number;
    readonly now: number;
  },
): Promise<rows.CredentialRow> {
  const row = {
    id: newUuid(parts.random),
    app_id: order.appId,
    kind: 'secret',
    display_name: order.displayName,
    hint: order.secret.hint,
    material: order.secret.material,
    starts: order.starts,
    expires: order.expires,
    created: order.now,
  };
  await insertRow(transaction, row);
  return row;
}

/**
 * Registers a certificate, whose key then signs the application's assertions. Its life is at most the certificate's.
 */
export async function addCertificate(
  transaction: Transaction,
  parts: MakingParts,
  order: {
    readonly appId: string;
    readonly certificate: AppCertificate;
    readonly displayName: string | null;
    readonly now: number;
    readonly id?: string;
    readonly starts?: number;
    readonly expires?: number;
  },
): Promise<rows.CredentialRow> {
  const { certificate } = order;
  const row = {
    id: order.id ?? newUuid(parts.random),
    app_id: order.appId,
    kind: 'certificate',
    display_name: order.displayName,
    hint: null,
    material: certificate.pem,
    starts: Math.max(certificate.starts, order.starts ?? certificate.starts),
    expires: Math.min(certificate.expires, order.expires ?? certificate.expires),
    created: order.now,
  };
  await insertRow(transaction, row);
  return row;
}

/** Removes a credential. @returns whether there was one */
export async function removeCredential(
  transaction: Transaction,
  credential: { readonly appId: string; readonly id: string; readonly kind: 'secret' | 'certificate' },
): Promise<boolean> {
  transaction.touch();
  return (await rows.deleteCredential.change(transaction, credential)) > 0;
}

/** Changes an application's name, which its service principal shares, and its details. */
export async function changeApplication(
  transaction: Transaction,
  application: {
    readonly id: string;
    readonly appId: string;
    readonly displayName: string;
    readonly details: Readonly<Record<string, unknown>>;
  },
): Promise<void> {
  const { id, appId, displayName } = application;
  await rows.updateApplication.change(transaction, { id, displayName, details: JSON.stringify(application.details) });
  await rows.renamePrincipalOfApp.change(transaction, { appId, displayName });
  transaction.touch();
}

/** Enables or disables a principal; disabled, it gets no tokens and those it has are refused at once. */
export async function setPrincipalEnabled(transaction: Transaction, id: string, isEnabled: boolean): Promise<void> {
  await rows.setPrincipalEnabled.change(transaction, { id, enabled: isEnabled ? 1 : 0 });
  transaction.touch();
}

/** Whether nobody could change the directory any more without this principal. */
export async function isLastAdministrator(session: Session, id: string): Promise<boolean> {
  const principal = await rows.principalById.first(session, { id });
  if (principal?.directory_role !== directoryAdministrator || principal.enabled !== 1) return false;
  const others = await rows.countOthersInRole.first(session, { role: directoryAdministrator, except: id });
  return Number(others?.count ?? 0) === 0;
}

/**
 * Removes a principal of any kind with all that hangs on it: roles, memberships, ownerships, password, sessions; its tokens end
 * with it. @returns whether there was one
 */
export async function deletePrincipal(transaction: Transaction, id: string): Promise<boolean> {
  await rows.deleteGrantsOf.change(transaction, { id });
  await people.deleteMembershipsOf.change(transaction, { id });
  await people.deleteOwnershipsOf.change(transaction, { id });
  await people.deletePassword.change(transaction, { principalId: id });
  await people.deleteRefreshTokensOf.change(transaction, { principalId: id });
  await people.deleteDeviceCodesOf.change(transaction, { principalId: id });
  await people.deleteFailures.change(transaction, { subject: `password-change:${id}` });
  transaction.touch();
  return (await rows.deletePrincipal.change(transaction, { id })) > 0;
}

/** Removes an application with its credentials of every kind, its owners, its service principal and every role of that. */
export async function deleteApplication(
  transaction: Transaction,
  application: { readonly id: string; readonly appId: string },
): Promise<void> {
  const principal = await rows.principalByAppId.first(transaction, { appId: application.appId });
  if (principal) await deletePrincipal(transaction, principal.id);
  await rows.deleteCredentials.change(transaction, { appId: application.appId });
  await people.deleteFederatedCredentialsOf.change(transaction, { appId: application.appId });
  await people.deleteOwnershipsOf.change(transaction, { id: application.id });
  await rows.deleteApplicationRow.change(transaction, { id: application.id });
  transaction.touch();
}

/**
 * Makes a managed identity for a resource: a user-assigned identity's own id, or the id of the resource that has a
 * system-assigned one. The caller sees to it that there is none yet (see {@link findManagedIdentity}).
 */
export async function createManagedIdentity(
  transaction: Transaction,
  parts: MakingParts,
  order: {
    readonly resourceId: string;
    readonly name: string;
    readonly location: string;
    readonly tags: Readonly<Record<string, string>>;
    readonly now: number;
  },
): Promise<{ readonly principalId: string; readonly clientId: string }> {
  const clientId = newUuid(parts.random);
  const { id: principalId } = await createServicePrincipal(transaction, parts, {
    appId: clientId,
    displayName: order.name,
    now: order.now,
    type: 'ManagedIdentity',
  });
  await rows.insertIdentity.change(transaction, {
    resourceKey: foldName(order.resourceId),
    resourceId: order.resourceId,
    principalId,
    clientId,
    location: order.location,
    tags: JSON.stringify(order.tags),
    created: order.now,
  });
  return { principalId, clientId };
}

/** Removes a managed identity with its service principal and roles. @returns whether there was one */
export async function deleteManagedIdentity(transaction: Transaction, resourceId: string): Promise<boolean> {
  const resourceKey = foldName(resourceId);
  const row = await rows.identityByResource.first(transaction, { resourceKey });
  if (!row) return false;
  await deletePrincipal(transaction, row.principal_id);
  await people.deleteFederatedCredentialsOf.change(transaction, { appId: row.client_id });
  await rows.deleteIdentity.change(transaction, { resourceKey });
  return true;
}

/** Replaces the tags of a managed identity. @returns whether there is one */
export async function setManagedIdentityTags(
  transaction: Transaction,
  resourceId: string,
  tags: Readonly<Record<string, string>>,
): Promise<boolean> {
  const change = { resourceKey: foldName(resourceId), tags: JSON.stringify(tags) };
  return (await rows.setIdentityTags.change(transaction, change)) > 0;
}

/** Finds a managed identity by the id of its resource (in any case), its client id or its principal's object id. */
export async function findManagedIdentity(
  session: Session,
  by: { readonly resourceId: string } | { readonly clientId: string } | { readonly principalId: string },
): Promise<ManagedIdentity | null> {
  let row: rows.ManagedIdentityRow | null;
  if ('resourceId' in by) row = await rows.identityByResource.first(session, { resourceKey: foldName(by.resourceId) });
  else if ('clientId' in by) row = await rows.identityByClient.first(session, { clientId: foldName(by.clientId) });
  else row = await rows.identityByPrincipal.first(session, { principalId: foldName(by.principalId) });
  return row && identityOf(row);
}

/**
 * The managed identities whose resource id begins with the given one (in any case) at a whole segment, in order of it.
 */
export async function listManagedIdentities(session: Session, scope: string): Promise<readonly ManagedIdentity[]> {
  const prefix = foldName(scope).replace(/\/+$/, '');
  // `0` follows `/`: the range holds what goes on with a slash and nothing else.
  return (await rows.identitiesInRange.all(session, { from: `${prefix}/`, to: `${prefix}0` })).map(identityOf);
}

/** At most `limit` of the same, after a folded resource id (the empty text for the first page). */
export async function pageOfManagedIdentities(
  session: Session,
  scope: string,
  after: string,
  limit: number,
): Promise<readonly ManagedIdentity[]> {
  const prefix = foldName(scope).replace(/\/+$/, '');
  const from = after > `${prefix}/` ? after : `${prefix}/`;
  return (await rows.identityPage.all(session, { after: from, to: `${prefix}0`, limit })).map(identityOf);
}

function identityOf(row: rows.ManagedIdentityRow): ManagedIdentity {
  return {
    resourceId: row.resource_id,
    principalId: row.principal_id,
    clientId: row.client_id,
    location: row.location,
    tags: JSON.parse(row.tags) as Record<string, string>,
    created: row.created,
  };
}

async function insertRow(transaction: Transaction, row: rows.CredentialRow): Promise<void> {
  await rows.insertCredential.change(transaction, {
    id: row.id,
    appId: row.app_id,
    kind: row.kind,
    displayName: row.display_name,
    hint: row.hint,
    material: row.material,
    starts: row.starts,
    expires: row.expires,
    created: row.created,
  });
  transaction.touch();
}

/** The resource id of the machine that the first start registers in a group; the managed identity endpoint stands for it. */
export function machineResourceId(subscriptionId: string, group: string): string {
  return `/subscriptions/${subscriptionId}/resourceGroups/${group}/providers/Microsoft.Compute/virtualMachines/this-machine`;
}

/** Everything a grant may name that reaches a principal: its object id, and the groups it is in, also through groups. */
export async function principalIdsOf(session: Session, principalId: string): Promise<readonly string[]> {
  return [principalId, ...(await rows.groupsOf(session, principalId))];
}

/** What a principal is. */
export interface PrincipalDescription {
  /** User, Group or ServicePrincipal. */
  readonly kind: string;
  readonly appId: string | null;
  readonly displayName: string;
  /** Its object id, and the groups it is in, also through groups. */
  readonly principalIds: readonly string[];
}

/** What a principal is and which groups it is in; null where the directory has none of this object id. */
export async function describePrincipal(session: Session, principalId: string): Promise<PrincipalDescription | null> {
  const row = await rows.principalById.first(session, { id: principalId });
  if (!row) return null;
  const { kind, app_id: appId, display_name: displayName } = row;
  return { kind, appId, displayName, principalIds: await principalIdsOf(session, principalId) };
}
