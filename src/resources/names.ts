/**
 * Whether the text can name a vault: 3 to 24 letters, digits and hyphens, a letter first, a letter or digit last, no two
 * hyphens in a row (Azure "naming rules and restrictions", Microsoft.KeyVault).
 */
export function isVaultName(name: string): boolean {
  return /^[A-Za-z][A-Za-z0-9-]{1,22}[A-Za-z0-9]$/.test(name) && !name.includes('--');
}

/**
 * Whether the text can name a resource group: 1 to 90 letters, digits, `_`, `-`, `.`, `(`, `)`, no period last. ASCII alone:
 * the service takes other letters too, which fold differently from place to place.
 */
export function isGroupName(name: string): boolean {
  return /^[A-Za-z0-9_().-]{1,90}$/.test(name) && !name.endsWith('.');
}

/** Whether the text can name a user-assigned identity: 3 to 128 letters, digits, `_` and `-`, a letter or digit first. */
export function isIdentityName(name: string): boolean {
  return /^[A-Za-z0-9][A-Za-z0-9_-]{2,127}$/.test(name);
}

/** A location as it is stored: `West Europe` is `westeurope`. Null where it cannot be one (2 to 40 letters and digits). */
export function normaliseLocation(location: string): string | null {
  const normal = location.replace(/ +/g, '').toLowerCase();
  return /^[a-z0-9]{2,40}$/.test(normal) ? normal : null;
}

/** Locations that lists show; any other well-formed name is taken too. The first is where a new installation puts things. */
export const knownLocations: readonly { readonly name: string; readonly displayName: string }[] = Object.freeze([
  { name: 'local', displayName: 'Local' },
  { name: 'australiaeast', displayName: 'Australia East' },
  { name: 'brazilsouth', displayName: 'Brazil South' },
  { name: 'canadacentral', displayName: 'Canada Central' },
  { name: 'centralindia', displayName: 'Central India' },
  { name: 'centralus', displayName: 'Central US' },
  { name: 'eastasia', displayName: 'East Asia' },
  { name: 'eastus', displayName: 'East US' },
  { name: 'eastus2', displayName: 'East US 2' },
  { name: 'francecentral', displayName: 'France Central' },
  { name: 'germanywestcentral', displayName: 'Germany West Central' },
  { name: 'japaneast', displayName: 'Japan East' },
  { name: 'koreacentral', displayName: 'Korea Central' },
  { name: 'northeurope', displayName: 'North Europe' },
  { name: 'norwayeast', displayName: 'Norway East' },
  { name: 'southafricanorth', displayName: 'South Africa North' },
  { name: 'southcentralus', displayName: 'South Central US' },
  { name: 'southeastasia', displayName: 'Southeast Asia' },
  { name: 'swedencentral', displayName: 'Sweden Central' },
  { name: 'switzerlandnorth', displayName: 'Switzerland North' },
  { name: 'uaenorth', displayName: 'UAE North' },
  { name: 'uksouth', displayName: 'UK South' },
  { name: 'westeurope', displayName: 'West Europe' },
  { name: 'westus', displayName: 'West US' },
  { name: 'westus2', displayName: 'West US 2' },
  { name: 'westus3', displayName: 'West US 3' },
]);

/** Whether the text can name a machine or an application host: 1 to 64 letters, digits, `_` and `-`, a letter or digit first. */
export function isHostName(name: string): boolean {
  return /^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/.test(name);
}
