import type { ObjectKind } from '../operations/operation.ts';

/** One entry of a vault's access policies: what a principal (through an application, if named) may do. */
export interface AccessPolicy {
  readonly tenantId: string;
  readonly objectId: string;
  readonly applicationId?: string;
  /** Lower-case permission names; `all` stands for every one. */
  readonly permissions: Readonly<Partial<Record<ObjectKind, readonly string[]>>>;
}

/** Who may reach the data plane by address (`networkAcls` of the resource). */
export interface NetworkRules {
  readonly bypass: 'AzureServices' | 'None';
  readonly defaultAction: 'Allow' | 'Deny';
  /** IPv4 or IPv6 addresses and CIDR ranges. */
  readonly ipRules: readonly string[];
}

/** A vault's settings, stored as JSON. */
export interface VaultSettings {
  readonly sku: 'standard' | 'premium';
  readonly enabledForDeployment: boolean;
  readonly enabledForDiskEncryption: boolean;
  readonly enabledForTemplateDeployment: boolean;
  /** True: role assignments decide and access policies mean nothing; false: the other way round. */
  readonly enableRbacAuthorization: boolean;
  /** 7 to 90, fixed at creation. */
  readonly softDeleteRetentionInDays: number;
  /** Once true it stays. */
  readonly enablePurgeProtection: boolean;
  readonly publicNetworkAccess: 'Enabled' | 'Disabled';
  readonly networkAcls: NetworkRules;
  readonly accessPolicies: readonly AccessPolicy[];
}

/** Who made or last changed a resource, for `systemData`. */
export interface Actor {
  /** Object id. */
  readonly id: string;
  readonly kind: 'User' | 'Application' | 'ManagedIdentity';
}

/** Who changed a vault's permission model, and when. */
export interface ModelSwitch {
  readonly at: number;
  /** Object id. */
  readonly by: string;
  /** By a plan, or by hand. */
  readonly isPlanned: boolean;
}

/** A vault, live or soft-deleted. */
export interface Vault {
  /** Internal id, a UUID: never reused, so that what is bound to it dies with it. */
  readonly id: string;
  readonly name: string;
  readonly nameKey: string;
  readonly tenantId: string;
  readonly subscriptionId: string;
  readonly groupName: string;
  readonly location: string;
  readonly settings: VaultSettings;
  readonly tags: Readonly<Record<string, string>>;
  readonly created: number;
  readonly updated: number;
  readonly deleted: number | null;
  readonly purgeAt: number | null;
  /** Resource id as written at creation. */
  readonly resourceId: string;
  /** The resource id folded, as scopes are compared. */
  readonly scopeKey: string;
  /** Null where nobody asked for it: what the first start made. */
  readonly createdBy?: Actor | null;
  readonly updatedBy?: Actor | null;
  /** When its permission model was last changed; null where it is as it was made. */
  readonly modelSwitch?: ModelSwitch | null;
}
