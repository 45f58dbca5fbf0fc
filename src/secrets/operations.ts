import {
  deleteObject,
  getDeletedObject,
  listObjects,
  listObjectVersions,
  purgeObject,
  recoverObject,
} from '../objects/lifecycle.ts';
import type { Answer, Call, Need, Operation } from '../operations/operation.ts';
import { dataPlaneVersions } from '../operations/versions.ts';
import { secretKind } from './secret-kind.ts';
import { backupSecret, getSecret, restoreSecret, type SecretParts, setSecret, updateSecret } from './service.ts';

/** 500 versions of 25 KB in base64url, JSON and all. */
const RESTORE_BYTES = 24 * 1024 * 1024;

type Row = Pick<Operation, 'id' | 'method' | 'path' | 'throttle' | 'body' | 'need'> & {
  readonly run: (parts: SecretParts, call: Call) => Promise<Answer>;
  readonly success?: number;
  readonly bodyBytes?: number;
};

const rows: readonly Row[] = [
  {
    id: 'SecretSet',
    method: 'PUT',
    path: '/secrets/:name',
    need: need('setSecret/action', 'set'),
    throttle: 'secret-create',
    body: 'json',
    run: setSecret,
  },
  {
    id: 'SecretGet',
    method: 'GET',
    path: '/secrets/:name',
    need: need('getSecret/action', 'get'),
    throttle: 'secret',
    body: 'none',
    run: getSecret,
  },
  {
    id: 'SecretGet',
    method: 'GET',
    path: '/secrets/:name/:version',
    need: need('getSecret/action', 'get'),
    throttle: 'secret',
    body: 'none',
    run: getSecret,
  },
  {
    id: 'SecretUpdate',
    method: 'PATCH',
    path: '/secrets/:name',
    need: need('update/action', 'set'),
    throttle: 'secret',
    body: 'json',
    run: updateSecret,
  },
  {
    id: 'SecretUpdate',
    method: 'PATCH',
    path: '/secrets/:name/:version',
    need: need('update/action', 'set'),
    throttle: 'secret',
    body: 'json',
    run: updateSecret,
  },
  {
    id: 'SecretList',
    method: 'GET',
    path: '/secrets',
    need: need('readMetadata/action', 'list', false),
    throttle: 'secret',
    body: 'none',
    run: (parts, call) => listObjects(secretKind, parts, call, false),
  },
  {
    id: 'SecretListVersions',
    method: 'GET',
    path: '/secrets/:name/versions',
    need: need('readMetadata/action', 'list'),
    throttle: 'secret',
    body: 'none',
    run: (parts, call) => listObjectVersions(secretKind, parts, call),
  },
  {
    id: 'SecretDelete',
    method: 'DELETE',
    path: '/secrets/:name',
    need: need('delete', 'delete'),
    throttle: 'secret',
    body: 'none',
    run: (_parts, call) => deleteObject(secretKind, call),
  },
  {
    id: 'SecretBackup',
    method: 'POST',
    path: '/secrets/:name/backup',
    need: need('backup/action', 'backup'),
    throttle: 'secret',
    body: 'none',
    run: backupSecret,
  },
  {
    id: 'SecretRestore',
    method: 'POST',
    path: '/secrets/restore',
    need: need('restore/action', 'restore', false),
    throttle: 'secret',
    body: 'json',
    bodyBytes: RESTORE_BYTES,
    run: restoreSecret,
  },
  {
    id: 'SecretListDeleted',
    method: 'GET',
    path: '/deletedsecrets',
    need: need('readMetadata/action', 'list', false),
    throttle: 'secret',
    body: 'none',
    run: (parts, call) => listObjects(secretKind, parts, call, true),
  },
  {
    id: 'SecretGetDeleted',
    method: 'GET',
    path: '/deletedsecrets/:name',
    need: need('readMetadata/action', 'get'),
    throttle: 'secret',
    body: 'none',
    run: (parts, call) => getDeletedObject(secretKind, parts, call),
  },
  {
    id: 'SecretRecover',
    method: 'POST',
    path: '/deletedsecrets/:name/recover',
    need: need('recover/action', 'recover'),
    throttle: 'secret',
    body: 'none',
    run: (_parts, call) => recoverObject(secretKind, call),
  },
  {
    id: 'SecretPurge',
    method: 'DELETE',
    path: '/deletedsecrets/:name',
    need: need('purge/action', 'purge'),
    throttle: 'secret',
    body: 'none',
    success: 204,
    run: (_parts, call) => purgeObject(secretKind, call),
  },
];

/** The secrets API (Key Vault data plane, secrets.json), every operation. */
export function secretOperations(parts: SecretParts): readonly Operation[] {
  return rows.map(({ run, success = 200, ...row }) => ({
    ...row,
    plane: 'data',
    versions: dataPlaneVersions,
    success: [success],
    run: (call) => run(parts, call),
  }));
}

function need(action: string, permission: string, ofObject = true): Need {
  return {
    kind: 'data',
    dataAction: `Microsoft.KeyVault/vaults/secrets/${action}`,
    permission: { of: 'secrets', name: permission },
    ...(ofObject ? { object: 'secrets' as const } : {}),
  };
}
