import { X509Certificate } from 'node:crypto';
import type { PrincipalKind } from './filter-condition.ts';
import type { ApplicationRecord, CredentialRecord, PrincipalRecord } from './repository.ts';

/** An object of the directory as Microsoft Graph v1.0 shows it. */
export type GraphObject = Readonly<Record<string, unknown>>;

/** What an application keeps besides its name, as Graph hands it back. */
export type ApplicationDetails = Readonly<Record<string, unknown>> & { readonly identifierUris?: readonly string[] };

const types: Readonly<Record<PrincipalKind, string>> = {
  ServicePrincipal: '#microsoft.graph.servicePrincipal',
  User: '#microsoft.graph.user',
  Group: '#microsoft.graph.group',
};

/** An instant in whole seconds, as Graph writes it. */
function graphTime(instant: number): string {
  return `${new Date(instant).toISOString().slice(0, 19)}Z`;
}

/** A principal of any kind, with its `@odata.type`, as lists of mixed kinds show it. */
export function typedPrincipal(record: PrincipalRecord): GraphObject {
  const kind = record.kind as PrincipalKind;
  return { '@odata.type': types[kind], ...principalOf(record) };
}

/** A principal of any kind; a service principal with its application's credentials, without anything that proves them. */
export function principalOf(record: PrincipalRecord, credentials: readonly CredentialRecord[] = []): GraphObject {
  if (record.kind === 'User') return userOf(record);
  if (record.kind === 'Group') return groupOf(record);
  return servicePrincipalOf(record, credentials);
}

function servicePrincipalOf(record: PrincipalRecord, credentials: readonly CredentialRecord[]): GraphObject {
  const details = JSON.parse(record.details ?? '{}') as ApplicationDetails;
  return {
    ...servicePrincipalDefaults,
    ...(JSON.parse(record.own_details ?? '{}') as GraphObject),
    id: record.id,
    deletedDateTime: null,
    accountEnabled: record.enabled === 1,
    alternativeNames: alternativeNames(record.resource_id),
    appDisplayName: record.display_name,
    appId: record.app_id,
    appOwnerOrganizationId: record.tenant_id,
    appRoleAssignmentRequired: false,
    appRoles: details['appRoles'] ?? [],
    createdDateTime: graphTime(record.created),
    displayName: record.display_name,
    ...credentialsOf(record.app_id, credentials),
    oauth2PermissionScopes: [],
    replyUrls: [],
    servicePrincipalNames: [record.app_id, ...(details.identifierUris ?? [])],
    servicePrincipalType: record.type,
    signInAudience: record.type === 'ManagedIdentity' ? null : 'AzureADMyOrg',
  };
}

/** What a service principal's own details may replace. */
const servicePrincipalDefaults: GraphObject = {
  description: null,
  homepage: null,
  loginUrl: null,
  notes: null,
  notificationEmailAddresses: [],
  tags: [],
};

function credentialsOf(appId: string | null, credentials: readonly CredentialRecord[]): GraphObject {
  const own = credentials.filter((credential) => credential.app_id === appId);
  return {
    keyCredentials: own.filter(({ kind }) => kind === 'certificate').map(keyCredentialOf),
    passwordCredentials: own.filter(({ kind }) => kind === 'secret').map(passwordCredentialOf),
  };
}

/** A managed identity's names: whether it is a resource of its own (user-assigned), and which resource. */
function alternativeNames(resourceId: string | null): readonly string[] {
  if (resourceId === null) return [];
  const isOwn = /\/providers\/Microsoft\.ManagedIdentity\/userAssignedIdentities\//i.test(resourceId);
  return [`isExplicit=${isOwn ? 'True' : 'False'}`, resourceId];
}

function userOf(record: PrincipalRecord): GraphObject {
  return {
    ...userDefaults,
    ...(JSON.parse(record.own_details ?? '{}') as GraphObject),
    id: record.id,
    deletedDateTime: null,
    accountEnabled: record.enabled === 1,
    createdDateTime: graphTime(record.created),
    displayName: record.display_name,
    userPrincipalName: record.upn,
    userType: record.type,
  };
}

/** What a user's own details may replace. */
const userDefaults: GraphObject = {
  businessPhones: [],
  city: null,
  companyName: null,
  country: null,
  department: null,
  employeeId: null,
  givenName: null,
  jobTitle: null,
  mail: null,
  mailNickname: null,
  mobilePhone: null,
  officeLocation: null,
  onPremisesImmutableId: null,
  postalCode: null,
  preferredLanguage: null,
  state: null,
  streetAddress: null,
  surname: null,
  usageLocation: null,
};

function groupOf(record: PrincipalRecord): GraphObject {
  return {
    description: null,
    mailNickname: null,
    visibility: null,
    ...(JSON.parse(record.own_details ?? '{}') as GraphObject),
    id: record.id,
    deletedDateTime: null,
    createdDateTime: graphTime(record.created),
    displayName: record.display_name,
    groupTypes: [],
    isAssignableToRole: null,
    mail: null,
    mailEnabled: false,
    membershipRule: null,
    proxyAddresses: [],
    securityEnabled: true,
  };
}

/** An application; its credentials without anything that proves them. */
export function applicationOf(record: ApplicationRecord, credentials: readonly CredentialRecord[]): GraphObject {
  return {
    ...applicationDefaults,
    ...(JSON.parse(record.details) as ApplicationDetails),
    id: record.id,
    deletedDateTime: null,
    appId: record.app_id,
    createdDateTime: graphTime(record.created),
    displayName: record.display_name,
    ...credentialsOf(record.app_id, credentials),
  };
}

/** The type in lists of mixed kinds. */
export const applicationType = '#microsoft.graph.application';

/** What an application's own details may replace. */
const applicationDefaults: GraphObject = {
  api: {
    acceptMappedClaims: null,
    knownClientApplications: [],
    oauth2PermissionScopes: [],
    preAuthorizedApplications: [],
  },
  appRoles: [],
  description: null,
  groupMembershipClaims: null,
  identifierUris: [],
  isFallbackPublicClient: null,
  notes: null,
  optionalClaims: null,
  publicClient: { redirectUris: [] },
  requiredResourceAccess: [],
  serviceManagementReference: null,
  signInAudience: 'AzureADMyOrg',
  spa: { redirectUris: [] },
  tags: [],
  web: {
    homePageUrl: null,
    implicitGrantSettings: { enableAccessTokenIssuance: false, enableIdTokenIssuance: false },
    logoutUrl: null,
    redirectUris: [],
  },
};

function keyCredentialOf(credential: CredentialRecord): GraphObject {
  return {
    customKeyIdentifier: new X509Certificate(credential.material).fingerprint.replaceAll(':', ''),
    displayName: credential.display_name,
    endDateTime: graphTime(credential.expires),
    key: null,
    keyId: credential.id,
    startDateTime: graphTime(credential.starts),
    type: 'AsymmetricX509Cert',
    usage: 'Verify',
  };
}

/** A client secret; its text is null but in the answer that makes it. */
export function passwordCredentialOf(credential: Omit<CredentialRecord, 'material'>): GraphObject {
  return {
    customKeyIdentifier: null,
    displayName: credential.display_name,
    endDateTime: graphTime(credential.expires),
    hint: credential.hint,
    keyId: credential.id,
    secretText: null,
    startDateTime: graphTime(credential.starts),
  };
}

/** Narrows an object to the properties asked for, and its id. */
export function selected(object: GraphObject, select: readonly string[] | null): GraphObject {
  if (!select) return object;
  return Object.fromEntries(Object.entries(object).filter(([name]) => name === 'id' || select.includes(name)));
}
