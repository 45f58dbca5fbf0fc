import { getDeletedObject, listObjectVersions } from '../objects/lifecycle.ts';
import type { Answer, Call, Need, Operation } from '../operations/operation.ts';
import { dataPlaneVersions } from '../operations/versions.ts';
import { certificateKind } from './certificate-kind.ts';
import { deleteCertificate, purgeCertificate, recoverCertificate } from './lifecycle.ts';
import type { CertificateParts } from './parts.ts';

/** 500 versions with chain, key and secret in base64url, JSON and all. */
const RESTORE_BYTES = 32 * 1024 * 1024;

interface Row {
  readonly id: string;
  readonly method: Operation['method'];
  /** `{v}` stands for the version, which may be left out: then it is the current one. */
  readonly path: string;
  readonly need: Need;
  readonly body?: 'json';
  readonly success?: number;
  readonly throttle?: Operation['throttle'];
  readonly bodyBytes?: number;
  readonly run: (parts: CertificateParts, call: Call) => Promise<Answer>;
}

// What makes and reads certificates loads the X.509 library, which a start does not wait for.
const creating = () => import('./create.ts');
const importing = () => import('./import.ts');
const merging = () => import('./merge.ts');
const pending = () => import('./pending.ts');
const service = () => import('./service.ts');
const accounts = () => import('./issuer-accounts.ts');
const contacts = () => import('./contacts.ts');
const backups = () => import('./backup.ts');

const objects: readonly Row[] = [
  {
    id: 'CertificateCreate',
    method: 'POST',
    path: '/certificates/:name/create',
    need: need('certificates/create/action', 'create'),
    body: 'json',
    success: 202,
    throttle: 'key-create',
    run: async (parts, call) => (await creating()).createCertificate(parts, call),
  },
  {
    id: 'CertificateImport',
    method: 'POST',
    path: '/certificates/:name/import',
    need: need('certificates/import/action', 'import'),
    body: 'json',
    throttle: 'secret-create',
    run: async (parts, call) => (await importing()).importCertificate(parts, call),
  },
  {
    id: 'CertificateGet',
    method: 'GET',
    path: '/certificates/:name{v}',
    need: need('certificates/read', 'get'),
    run: async (parts, call) => (await service()).getCertificate(parts, call),
  },
  {
    id: 'CertificateUpdate',
    method: 'PATCH',
    path: '/certificates/:name{v}',
    need: need('certificates/update/action', 'update'),
    body: 'json',
    run: async (parts, call) => (await service()).updateCertificate(parts, call),
  },
  {
    id: 'CertificateList',
    method: 'GET',
    path: '/certificates',
    need: need('certificates/read', 'list', false),
    run: async (parts, call) => (await service()).listCertificates(parts, call, false),
  },
  {
    id: 'CertificateListVersions',
    method: 'GET',
    path: '/certificates/:name/versions',
    need: need('certificates/read', 'list'),
    run: (parts, call) => listObjectVersions(certificateKind, parts, call),
  },
  {
    id: 'CertificateDelete',
    method: 'DELETE',
    path: '/certificates/:name',
    need: need('certificates/delete', 'delete'),
    run: (_parts, call) => deleteCertificate(call),
  },
  {
    id: 'CertificateBackup',
    method: 'POST',
    path: '/certificates/:name/backup',
    need: need('certificates/backup/action', 'backup'),
    run: async (parts, call) => (await backups()).backupCertificate(parts, call),
  },
  {
    id: 'CertificateRestore',
    method: 'POST',
    path: '/certificates/restore',
    need: need('certificates/restore/action', 'restore', false),
    body: 'json',
    bodyBytes: RESTORE_BYTES,
    run: async (parts, call) => (await backups()).restoreCertificate(parts, call),
  },
  {
    id: 'CertificateListDeleted',
    method: 'GET',
    path: '/deletedcertificates',
    need: need('certificates/read', 'list', false),
    run: async (parts, call) => (await service()).listCertificates(parts, call, true),
  },
  {
    id: 'CertificateGetDeleted',
    method: 'GET',
    path: '/deletedcertificates/:name',
    need: need('certificates/read', 'get'),
    run: (parts, call) => getDeletedObject(certificateKind, parts, call),
  },
  {
    id: 'CertificateRecover',
    method: 'POST',
    path: '/deletedcertificates/:name/recover',
    need: need('certificates/recover/action', 'recover'),
    run: (_parts, call) => recoverCertificate(call),
  },
  {
    id: 'CertificatePurge',
    method: 'DELETE',
    path: '/deletedcertificates/:name',
    need: need('certificates/purge/action', 'purge'),
    success: 204,
    run: (_parts, call) => purgeCertificate(call),
  },
];

const making: readonly Row[] = [
  {
    id: 'CertificatePolicyGet',
    method: 'GET',
    path: '/certificates/:name/policy',
    need: need('certificates/read', 'get'),
    run: async (parts, call) => (await service()).getPolicy(parts, call),
  },
  {
    id: 'CertificatePolicyUpdate',
    method: 'PATCH',
    path: '/certificates/:name/policy',
    need: need('certificates/update/action', 'update'),
    body: 'json',
    run: async (parts, call) => (await service()).updatePolicy(parts, call),
  },
  {
    id: 'CertificatePendingGet',
    method: 'GET',
    path: '/certificates/:name/pending',
    need: need('certificates/read', 'get'),
    run: async (parts, call) => (await pending()).getPending(parts, call),
  },
  {
    id: 'CertificatePendingUpdate',
    method: 'PATCH',
    path: '/certificates/:name/pending',
    need: need('certificates/update/action', 'update'),
    body: 'json',
    run: async (parts, call) => (await pending()).updatePending(parts, call),
  },
  {
    id: 'CertificatePendingDelete',
    method: 'DELETE',
    path: '/certificates/:name/pending',
    need: need('certificates/update/action', 'update'),
    run: async (parts, call) => (await pending()).deletePending(parts, call),
  },
  {
    id: 'CertificatePendingMerge',
    method: 'POST',
    path: '/certificates/:name/pending/merge',
    need: need('certificates/update/action', 'update'),
    body: 'json',
    success: 201,
    run: async (parts, call) => (await merging()).mergeCertificate(parts, call),
  },
];

const settings: readonly Row[] = [
  {
    id: 'CertificateContactsGet',
    method: 'GET',
    path: '/certificates/contacts',
    need: need('certificatecontacts/write', 'managecontacts', false),
    run: async (parts, call) => (await contacts()).getContacts(parts, call),
  },
  {
    id: 'CertificateContactsSet',
    method: 'PUT',
    path: '/certificates/contacts',
    need: need('certificatecontacts/write', 'managecontacts', false),
    body: 'json',
    run: async (parts, call) => (await contacts()).setContacts(parts, call),
  },
  {
    id: 'CertificateContactsDelete',
    method: 'DELETE',
    path: '/certificates/contacts',
    need: need('certificatecontacts/write', 'managecontacts', false),
    run: async (parts, call) => (await contacts()).deleteContacts(parts, call),
  },
  {
    id: 'CertificateIssuersList',
    method: 'GET',
    path: '/certificates/issuers',
    need: need('certificatecas/read', 'listissuers', false),
    run: async (parts, call) => (await accounts()).listIssuers(parts, call),
  },
  {
    id: 'CertificateIssuerGet',
    method: 'GET',
    path: '/certificates/issuers/:name',
    need: need('certificatecas/read', 'getissuers', false),
    run: async (parts, call) => (await accounts()).getIssuer(parts, call),
  },
  {
    id: 'CertificateIssuerSet',
    method: 'PUT',
    path: '/certificates/issuers/:name',
    need: need('certificatecas/write', 'setissuers', false),
    body: 'json',
    run: async (parts, call) => (await accounts()).setIssuer(parts, call),
  },
  {
    id: 'CertificateIssuerUpdate',
    method: 'PATCH',
    path: '/certificates/issuers/:name',
    need: need('certificatecas/write', 'setissuers', false),
    body: 'json',
    run: async (parts, call) => (await accounts()).updateIssuer(parts, call),
  },
  {
    id: 'CertificateIssuerDelete',
    method: 'DELETE',
    path: '/certificates/issuers/:name',
    need: need('certificatecas/delete', 'deleteissuers', false),
    run: async (parts, call) => (await accounts()).deleteIssuer(parts, call),
  },
];

/** The certificates API (Key Vault data plane, certificates.json), every operation. */
export function certificateOperations(parts: CertificateParts): readonly Operation[] {
  return [...objects, ...making, ...settings].flatMap(
    ({ run, path, success = 200, throttle = 'certificate', body = 'none', ...row }) =>
      (path.includes('{v}') ? [path.replace('{v}', ''), path.replace('{v}', '/:version')] : [path]).map((one) => ({
        ...row,
        path: one,
        throttle,
        body: body as 'none' | 'json',
        plane: 'data' as const,
        versions: dataPlaneVersions,
        success: [success],
        run: (call: Call) => run(parts, call),
      })),
  );
}

function need(action: string, permission: string, ofObject = true): Need {
  return {
    kind: 'data',
    dataAction: `Microsoft.KeyVault/vaults/${action}`,
    permission: { of: 'certificates', name: permission },
    ...(ofObject ? { object: 'certificates' as const } : {}),
  };
}
