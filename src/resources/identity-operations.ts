import { associatedResourcesVersions, federatedCredentialVersions, managedIdentityVersions } from './arm-versions.ts';
import { listAssociatedResources } from './associated-resources.ts';
import {
  deleteIdentity,
  getIdentity,
  listGroupIdentities,
  listSubscriptionIdentities,
  patchIdentity,
  putIdentity,
} from './identities.ts';
import {
  deleteIdentityCredential,
  getIdentityCredential,
  listIdentityCredentials,
  putIdentityCredential,
} from './identity-credentials.ts';
import { groupScope, identityScope, subscriptionScope } from './scopes.ts';
import { row, type Section } from './section.ts';

const subscription = '/subscriptions/:subscriptionId';
const group = `${subscription}/resourceGroups/:group`;
const identityType = 'Microsoft.ManagedIdentity/userAssignedIdentities';

const identityRows: Section = {
  prefix: `${group}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/:identity`,
  versions: managedIdentityVersions,
  scope: identityScope,
  rows: [
    row('ManagedIdentityPut', 'PUT', '', `${identityType}/write`, putIdentity, 'json', [200, 201]),
    row('ManagedIdentityPatch', 'PATCH', '', `${identityType}/write`, patchIdentity, 'json'),
    row('ManagedIdentityGet', 'GET', '', `${identityType}/read`, getIdentity),
    row('ManagedIdentityDelete', 'DELETE', '', `${identityType}/delete`, deleteIdentity, undefined, [200, 204]),
  ],
};

const credentialAction = `${identityType}/federatedIdentityCredentials`;
const credentialPath = '/:credential';

const identityPartRows: readonly Section[] = [
  {
    prefix: `${identityRows.prefix}/federatedIdentityCredentials`,
    versions: federatedCredentialVersions,
    scope: identityScope,
    rows: [
      row('IdentityCredentialList', 'GET', '', `${credentialAction}/read`, listIdentityCredentials),
      row('IdentityCredentialGet', 'GET', credentialPath, `${credentialAction}/read`, getIdentityCredential),
      row(
        'IdentityCredentialPut',
        'PUT',
        credentialPath,
        `${credentialAction}/write`,
        putIdentityCredential,
        'json',
        [200, 201],
      ),
      row(
        'IdentityCredentialDelete',
        'DELETE',
        credentialPath,
        `${credentialAction}/delete`,
        deleteIdentityCredential,
        undefined,
        [200, 204],
      ),
    ],
  },
  {
    prefix: identityRows.prefix,
    versions: associatedResourcesVersions,
    scope: identityScope,
    rows: [
      row(
        'IdentityAssociatedResources',
        'POST',
        '/listAssociatedResources',
        `${identityType}/listAssociatedResources/action`,
        listAssociatedResources,
      ),
    ],
  },
];

const identityListRows: readonly Section[] = [
  {
    prefix: group,
    versions: managedIdentityVersions,
    scope: groupScope,
    rows: [row('ManagedIdentityList', 'GET', `/providers/${identityType}`, 'authenticated', listGroupIdentities)],
  },
  {
    prefix: subscription,
    versions: managedIdentityVersions,
    scope: subscriptionScope,
    rows: [
      row('ManagedIdentityList', 'GET', `/providers/${identityType}`, 'authenticated', listSubscriptionIdentities),
    ],
  },
];

/** The rows of user-assigned identities, their federated credentials and where they are assigned. */
export const identitySections: readonly Section[] = [identityRows, ...identityPartRows, ...identityListRows];
