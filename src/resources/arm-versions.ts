import type { ApiVersions } from '../operations/operation.ts';

/** Microsoft.KeyVault: the stable versions and the previews that tools in use send; the last is azure-mgmt-keyvault 14's. */
export const keyVaultVersions: ApiVersions = {
  known: [
    '2015-06-01',
    '2016-10-01',
    '2018-02-14-preview',
    '2018-02-14',
    '2019-09-01',
    '2020-04-01-preview',
    '2021-04-01-preview',
    '2021-06-01-preview',
    '2021-10-01',
    '2021-11-01-preview',
    '2022-02-01-preview',
    '2022-07-01',
    '2022-11-01',
    '2023-02-01',
    '2023-07-01',
    '2024-04-01-preview',
    '2024-11-01',
    '2024-12-01-preview',
    '2025-05-01',
    '2026-02-01',
    '2026-05-15',
  ],
};

/** Microsoft.Resources and the cloud's metadata: what is served here has not changed over its many versions. */
export const resourcesVersions: ApiVersions = {
  known: [
    '2015-01-01',
    '2015-11-01',
    '2019-05-01',
    '2019-11-01',
    '2021-04-01',
    '2022-09-01',
    '2022-12-01',
    '2024-11-01',
  ],
  anyDate: true,
};

/** Microsoft.ManagedIdentity. */
export const managedIdentityVersions: ApiVersions = {
  known: [
    '2015-08-31-preview',
    '2018-11-30',
    '2021-09-30-preview',
    '2022-01-31-preview',
    '2023-01-31',
    '2023-07-31-preview',
    '2024-11-30',
    '2025-01-31-preview',
    '2025-05-31-preview',
  ],
};

/** Federated credentials of user-assigned identities came in 2022. */
export const federatedCredentialVersions: ApiVersions = {
  known: managedIdentityVersions.known.filter((version) => version >= '2022-01-31'),
};

/** The two previews in which an identity tells where it is assigned. */
export const associatedResourcesVersions: ApiVersions = { known: ['2021-09-30-preview', '2022-01-31-preview'] };

/** Microsoft.Authorization: role assignments and definitions. */
export const authorizationVersions: ApiVersions = {
  known: [
    '2014-04-01-preview',
    '2015-06-01',
    '2015-07-01',
    '2016-07-01',
    '2017-10-01-preview',
    '2018-01-01-preview',
    '2018-07-01-preview',
    '2018-07-01',
    '2018-09-01-preview',
    '2020-03-01-preview',
    '2020-04-01-preview',
    '2020-08-01-preview',
    '2020-10-01-preview',
    '2020-10-01',
    '2021-04-01-preview',
    '2022-04-01',
    '2022-05-01-preview',
    '2023-07-01-preview',
  ],
};

/** Microsoft.Compute and Microsoft.Web, of which hosts are only registered: any dated version is served alike. */
export const hostVersions: ApiVersions = { known: ['2023-12-01', '2024-07-01', '2024-11-01'], anyDate: true };

/** Microsoft.Insights, of which the activity log is served. */
export const insightsVersions: ApiVersions = { known: ['2014-04-01', '2015-04-01', '2017-03-01-preview'] };
