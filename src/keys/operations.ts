import { toBase64Url } from '../base/text.ts';
import { invalid, readObject } from '../objects/attributes.ts';
import {
  deleteObject,
  getDeletedObject,
  listObjects,
  listObjectVersions,
  purgeObject,
  recoverObject,
} from '../objects/lifecycle.ts';
import {
  type Answer,
  type Call,
  type Need,
  type Operation,
  type ThrottleClass,
  vaultOf,
} from '../operations/operation.ts';
import { dataPlaneVersions, dataPlaneVersionsSince } from '../operations/versions.ts';
import { backupKey, restoreKey } from './backup.ts';
import { decrypt, encrypt, sign, verify } from './cryptography.ts';
import { SECURE_WRAP_SINCE } from './key-purpose.ts';
import { attestKey, type ReleaseParts, releaseKey } from './release.ts';
import { getRotationPolicy, rotateKey, setRotationPolicy } from './rotation.ts';
import { secureUnwrapKey, secureWrapKey } from './secure-wrap.ts';
import { createKey, getKey, importKey, type KeyParts, keyKind, updateKey } from './service.ts';

/** 500 versions of an RSA key of 4,096 bits in base64url, JSON and all. */
const RESTORE_BYTES = 4 * 1024 * 1024;
const MAX_RANDOM_BYTES = 128;

type Run = (parts: ReleaseParts, call: Call) => Promise<Answer>;

interface Row {
  readonly id: string;
  readonly method: Operation['method'];
  /** `{v}` stands for the version, which may be left out: then it is the current one. */
  readonly path: string;
  readonly need: Need;
  readonly body: 'none' | 'json';
  readonly run: Run;
  readonly success?: number;
  readonly throttle?: ThrottleClass;
  readonly bodyBytes?: number;
  /** The first api-version that has it; not set where every one is served. */
  readonly since?: string;
}

const use = (id: string, verb: string, action: string, permission: string, run: Run): Row => ({
  id,
  method: 'POST',
  path: `/keys/:name{v}/${verb}`,
  need: need(`keys/${action}/action`, permission),
  body: 'json',
  run,
});

const rows: readonly Row[] = [
  {
    id: 'KeyCreate',
    method: 'POST',
    path: '/keys/:name/create',
    need: need('keys/create/action', 'create'),
    body: 'json',
    throttle: 'key-create',
    run: createKey,
  },
  {
    id: 'KeyImport',
    method: 'PUT',
    path: '/keys/:name',
    need: need('keys/import/action', 'import'),
    body: 'json',
    throttle: 'secret-create',
    run: importKey,
  },
  {
    id: 'KeyRotate',
    method: 'POST',
    path: '/keys/:name/rotate',
    need: need('keys/rotate/action', 'rotate'),
    body: 'none',
    throttle: 'key-create',
    run: rotateKey,
  },
  {
    id: 'KeyGet',
    method: 'GET',
    path: '/keys/:name{v}',
    need: need('keys/read', 'get'),
    body: 'none',
    run: getKey,
  },
  {
    id: 'KeyUpdate',
    method: 'PATCH',
    path: '/keys/:name{v}',
    need: need('keys/update/action', 'update'),
    body: 'json',
    run: updateKey,
  },
  {
    id: 'KeyList',
    method: 'GET',
    path: '/keys',
    need: need('keys/read', 'list', false),
    body: 'none',
    run: (parts, call) => listObjects(keyKind, parts, call, false),
  },
  {
    id: 'KeyListVersions',
    method: 'GET',
    path: '/keys/:name/versions',
    need: need('keys/read', 'list'),
    body: 'none',
    run: (parts, call) => listObjectVersions(keyKind, parts, call),
  },
  {
    id: 'KeyDelete',
    method: 'DELETE',
    path: '/keys/:name',
    need: need('keys/delete', 'delete'),
    body: 'none',
    run: (_parts, call) => deleteObject(keyKind, call),
  },
  {
    id: 'KeyBackup',
    method: 'POST',
    path: '/keys/:name/backup',
    need: need('keys/backup/action', 'backup'),
    body: 'none',
    run: backupKey,
  },
  {
    id: 'KeyRestore',
    method: 'POST',
    path: '/keys/restore',
    need: need('keys/restore/action', 'restore', false),
    body: 'json',
    bodyBytes: RESTORE_BYTES,
    run: restoreKey,
  },
  {
    id: 'KeyListDeleted',
    method: 'GET',
    path: '/deletedkeys',
    need: need('keys/read', 'list', false),
    body: 'none',
    run: (parts, call) => listObjects(keyKind, parts, call, true),
  },
  {
    id: 'KeyGetDeleted',
    method: 'GET',
    path: '/deletedkeys/:name',
    need: need('keys/read', 'get'),
    body: 'none',
    run: (parts, call) => getDeletedObject(keyKind, parts, call),
  },
  {
    id: 'KeyRecover',
    method: 'POST',
    path: '/deletedkeys/:name/recover',
    need: need('keys/recover/action', 'recover'),
    body: 'none',
    run: (_parts, call) => recoverObject(keyKind, call),
  },
  {
    id: 'KeyPurge',
    method: 'DELETE',
    path: '/deletedkeys/:name',
    need: need('keys/purge/action', 'purge'),
    body: 'none',
    success: 204,
    run: (_parts, call) => purgeObject(keyKind, call),
  },
  {
    id: 'KeyRotationPolicyGet',
    method: 'GET',
    path: '/keys/:name/rotationpolicy',
    need: need('keyrotationpolicies/read', 'getrotationpolicy'),
    body: 'none',
    run: getRotationPolicy,
  },
  {
    id: 'KeyRotationPolicySet',
    method: 'PUT',
    path: '/keys/:name/rotationpolicy',
    need: need('keyrotationpolicies/write', 'setrotationpolicy'),
    body: 'json',
    run: setRotationPolicy,
  },
  use('KeySign', 'sign', 'sign', 'sign', sign),
  use('KeyVerify', 'verify', 'verify', 'verify', verify),
  use('KeyEncrypt', 'encrypt', 'encrypt', 'encrypt', (parts, call) => encrypt(parts, call, 'encrypt')),
  use('KeyDecrypt', 'decrypt', 'decrypt', 'decrypt', (parts, call) => decrypt(parts, call, 'decrypt')),
  use('KeyWrap', 'wrapkey', 'wrap', 'wrapKey', (parts, call) => encrypt(parts, call, 'wrapKey')),
  use('KeyUnwrap', 'unwrapkey', 'unwrap', 'unwrapKey', (parts, call) => decrypt(parts, call, 'unwrapKey')),
  // The service counts releases with the making of keys (Key Vault service limits).
  { ...use('KeyRelease', 'release', 'release', 'release', releaseKey), throttle: 'key-create' },
  { ...use('KeySecureWrap', 'securewrapkey', 'wrap', 'wrapKey', secureWrapKey), since: SECURE_WRAP_SINCE },
  { ...use('KeySecureUnwrap', 'secureunwrapkey', 'unwrap', 'unwrapKey', secureUnwrapKey), since: SECURE_WRAP_SINCE },
  {
    id: 'KeyAttestationGet',
    method: 'GET',
    path: '/keys/:name{v}/attestation',
    need: need('keys/read', 'get'),
    body: 'none',
    run: attestKey,
  },
  {
    id: 'RandomBytesGet',
    method: 'POST',
    path: '/rng',
    need: need('keys/read', 'get', false),
    body: 'json',
    run: drawBytes,
  },
];

/** The keys API (Key Vault data plane, keys.json). */
export function keyOperations(parts: ReleaseParts): readonly Operation[] {
  return rows.flatMap(({ run, path, success = 200, throttle = 'key', since, ...row }) =>
    (path.includes('{v}') ? [path.replace('{v}', ''), path.replace('{v}', '/:version')] : [path]).map((one) => ({
      ...row,
      path: one,
      throttle,
      plane: 'data' as const,
      versions: since === undefined ? dataPlaneVersions : dataPlaneVersionsSince(since),
      success: [success],
      run: (call: Call) => run(parts, call),
    })),
  );
}

/** POST /rng: bytes of the system's generator (managed HSM, keys.json, GetRandomBytes); in a premium vault of the token's. */
async function drawBytes({ random, providers: { token } }: KeyParts, call: Call): Promise<Answer> {
  const { count } = readObject(call.body, 'body');
  if (typeof count !== 'number' || !Number.isInteger(count) || count < 1 || count > MAX_RANDOM_BYTES) {
    throw invalid('count', `it must be 1 to ${MAX_RANDOM_BYTES}`);
  }
  const isOfToken = token !== null && vaultOf(call).settings.sku === 'premium';
  const bytes = isOfToken ? await token.drawBytes(count) : random.bytes(count);
  return { status: 200, body: { value: toBase64Url(bytes) } };
}

function need(action: string, permission: string, ofObject = true): Need {
  return {
    kind: 'data',
    dataAction: `Microsoft.KeyVault/vaults/${action}`,
    permission: { of: 'keys', name: permission },
    ...(ofObject ? { object: 'keys' as const } : {}),
  };
}
