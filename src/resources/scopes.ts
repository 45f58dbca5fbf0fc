type Parameters = Readonly<Record<string, string>>;

/** The scope of the subscription that a path names. */
export function subscriptionScope(parameters: Parameters): string {
  return `/subscriptions/${segment(parameters['subscriptionId'])}`;
}

/** The scope of the resource group that a path names. */
export function groupScope(parameters: Parameters): string {
  return `${subscriptionScope(parameters)}/resourceGroups/${segment(parameters['group'])}`;
}

/** The scope of the vault that a path names. */
export function vaultScope(parameters: Parameters): string {
  return `${groupScope(parameters)}/providers/Microsoft.KeyVault/vaults/${segment(parameters['vault'])}`;
}

/** The scope of the user-assigned identity that a path names. */
export function identityScope(parameters: Parameters): string {
  const name = segment(parameters['identity']);
  return `${groupScope(parameters)}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/${name}`;
}

/**
 * One segment of a scope from a decoded path parameter. A slash that was percent-encoded stays encoded, so that no parameter
 * can reach over into the segments around it.
 */
export function segment(parameter: string | undefined): string {
  return encodeURIComponent(parameter ?? '');
}
