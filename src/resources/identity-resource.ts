import { parseScope } from '../access/scope.ts';
import { foldName } from '../base/ids.ts';

/** The resource id of a user-assigned identity. */
export function identityResourceId(subscriptionId: string, group: string, name: string): string {
  return `/subscriptions/${subscriptionId}/resourceGroups/${group}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/${name}`;
}

/** Whether a managed identity is a resource of its own, not the system-assigned one of another resource. */
export function isIdentityResource(resourceId: string): boolean {
  const parts = parseScope(resourceId);
  return (
    parts?.kind === 'resource' &&
    parts.child === null &&
    foldName(parts.type) === 'microsoft.managedidentity/userassignedidentities'
  );
}
