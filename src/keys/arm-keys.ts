import { foldName } from '../base/ids.ts';
import { toSeconds } from '../base/text.ts';
import { type Body, checkWindow, readObject } from '../objects/attributes.ts';
import { findRow, requireRow } from '../objects/lifecycle.ts';
import type { Answer, Call } from '../operations/operation.ts';
import { recoveryLevel } from '../recovery/levels.ts';
import { Refusal } from '../refusals/refusal.ts';
import { pageBody, readPage } from '../resources/arm-page.ts';
import { requireVault } from '../resources/lookup.ts';
import { readProperties } from '../resources/request-body.ts';
import type { Vault } from '../resources/vault.ts';
import { vaultUri } from '../resources/vault-uri.ts';
import { checkExport, policyOfVersion } from './export-rules.ts';
import { readNewKey } from './key-body.ts';
import { makeKey, providerOf } from './key-home.ts';
import { isExportable } from './key-purpose.ts';
import { type KeyRow, keyQueries, writePolicy } from './repository.ts';
import { policyOf, scheduleRotation } from './rotation-due.ts';
import { type RotationPolicy, readRotationPolicy, type Trigger } from './rotation-policy.ts';
import { type KeyParts, keyKind, rowOf, storeVersion } from './service.ts';

/** What keys as resources of a vault need. */
export interface ArmKeyParts extends Omit<KeyParts, 'pager'> {
  readonly domain: string;
}

/**
 * PUT …/vaults/{vault}/keys/{name}: the first version of a key; one that is there is answered as it is, and nothing changes.
 * @throws Refusal `name-invalid`, `property-invalid`, `key-name-deleted`, `key-needs-premium`, and those of the vault
 */
export async function putArmKey(parts: ArmKeyParts, call: Call): Promise<Answer> {
  const name = readName(call);
  const body = dataPlaneBody(call);
  const key = readNewKey(body);
  checkWindow(key.attributes.nbf, key.attributes.exp);
  const asked = readProperties(call, true)['rotationPolicy'];
  const policy = asked ? readRotationPolicy(readObject(asked, 'rotationPolicy'), call.time, call.time) : null;
  const vault = await requireVault(parts.store.reader, call);
  providerOf(parts.providers, vault, key);
  checkExport(key.release, vault.settings.sku === 'premium', true);
  const there = await findRow(keyKind, parts.store.reader, vault, foldName(name));
  if (there) return answer(parts, call, vault, there);
  const isToLeave = isExportable({
    release_policy: policyOfVersion(key, null),
    key_ops: JSON.stringify(key.operations),
  });
  const { made, version } = await makeKey(
    parts,
    vault,
    { nameKey: foldName(name), isExportable: isToLeave, ...key },
    call.time,
    (provider, place) => provider.generate(key.spec, place),
  );
  const commit = call.commit(async (transaction) => {
    const current = await requireVault(transaction, call);
    const raced = await findRow(keyKind, transaction, current, foldName(name));
    if (raced) return answer(parts, call, current, raced);
    const nameKey = foldName(name);
    const row = rowOf(key, made, null, { name, nameKey, version }, call.time);
    await storeVersion(parts, transaction, current, row, made.material, false);
    if (policy) {
      const named = { vaultId: current.id, nameKey };
      await writePolicy.change(transaction, { ...named, policy: JSON.stringify(policy) });
      await scheduleRotation(transaction, named, row);
    }
    return answer(parts, call, current, row, policy);
  });
  return commit.finally(() => made.material.fill(0));
}

/** GET of the same, or of one of its versions. */
export async function getArmKey(parts: ArmKeyParts, call: Call): Promise<Answer> {
  const vault = await requireVault(parts.store.reader, call);
  const row = await requireRow(keyKind, parts.store.reader, vault, readName(call), call.parameters['version']);
  return answer(parts, call, vault, row);
}

/** GET …/vaults/{vault}/keys: the live keys, a page at a time, by name. */
export async function listArmKeys(parts: ArmKeyParts, call: Call): Promise<Answer> {
  const page = readPage(call);
  const vault = await requireVault(parts.store.reader, call);
  const asked = { vaultId: vault.id, after: page.after, limit: page.size + 1 };
  const rows = await keyQueries.livePage.all(parts.store.reader, asked);
  const toWire = (row: KeyRow) => keyResource(parts, call, vault, row, null, false);
  const body = pageBody(call, page, rows, (row) => row.name_key, toWire);
  return { status: 200, body, subject: `${vault.resourceId}/keys` };
}

/** GET …/keys/{name}/versions: a page at a time. */
export async function listArmKeyVersions(parts: ArmKeyParts, call: Call): Promise<Answer> {
  const page = readPage(call);
  const vault = await requireVault(parts.store.reader, call);
  const { name_key: nameKey, name } = await requireRow(keyKind, parts.store.reader, vault, readName(call));
  const asked = { vaultId: vault.id, nameKey, after: page.after, limit: page.size + 1 };
  const rows = await keyQueries.versionPage.all(parts.store.reader, asked);
  const toWire = (row: KeyRow) => keyResource(parts, call, vault, row, null, true);
  const body = pageBody(call, page, rows, (row) => row.version, toWire);
  return { status: 200, body, subject: `${vault.resourceId}/keys/${name}` };
}

function readName(call: Call): string {
  const name = call.parameters['key'] ?? '';
  if (!/^[0-9a-zA-Z-]{1,127}$/.test(name)) throw new Refusal('name-invalid', { name: name.slice(0, 200) });
  return name;
}

/** The body as the data plane has it: other names for the same members. */
function dataPlaneBody(call: Call): Body {
  const { kty, keyOps, keySize, curveName, attributes, release_policy } = readProperties(call, true);
  const tags = call.body?.['tags'];
  return { kty, key_ops: keyOps, key_size: keySize, crv: curveName, attributes, release_policy, tags };
}

async function answer(
  parts: ArmKeyParts,
  call: Call,
  vault: Vault,
  row: KeyRow,
  made: RotationPolicy | null = null,
): Promise<Answer> {
  const isOfVersion = call.parameters['version'] !== undefined;
  const policy = made ?? (await policyOf(parts.store.reader, { vaultId: vault.id, nameKey: row.name_key }));
  return {
    status: 200,
    body: keyResource(parts, call, vault, row, isOfVersion ? null : policy, isOfVersion),
    subject: `${vault.resourceId}/keys/${row.name}`,
  };
}

/** `Key` of Microsoft.KeyVault (keys.json, 2019-09-01 and later). */
function keyResource(
  parts: ArmKeyParts,
  call: Call,
  vault: Vault,
  row: KeyRow,
  policy: RotationPolicy | null,
  isOfVersion: boolean,
): object {
  const uri = `${vaultUri(call, parts.domain, vault)}keys/${row.name}`;
  const { crv } = JSON.parse(row.public_key) as { crv?: string };
  const id = `${vault.resourceId}/keys/${row.name}`;
  return {
    id: isOfVersion ? `${id}/versions/${row.version}` : id,
    name: isOfVersion ? row.version : row.name,
    type: `Microsoft.KeyVault/vaults/keys${isOfVersion ? '/versions' : ''}`,
    location: vault.location,
    tags: row.tags === null ? {} : (JSON.parse(row.tags) as unknown),
    properties: {
      attributes: {
        enabled: row.enabled === 1,
        ...(row.nbf !== null && { nbf: row.nbf }),
        ...(row.exp !== null && { exp: row.exp }),
        created: toSeconds(row.created),
        updated: toSeconds(row.updated),
        // This plane's file (keys.json, DeletionRecoveryLevel) has no names for shorter retention.
        recoveryLevel: recoveryLevel(vault.settings).replace('Customized', ''),
        exportable: isExportable(row),
      },
      kty: row.kty,
      keyOps: JSON.parse(row.key_ops) as unknown,
      ...(row.size > 0 && { keySize: row.size }),
      ...(crv !== undefined && { curveName: crv }),
      keyUri: uri,
      keyUriWithVersion: `${uri}/${row.version}`,
      ...(row.release_policy !== null && { release_policy: releasePolicyBody(row.release_policy) }),
      ...(policy && { rotationPolicy: policyBody(policy) }),
    },
  };
}

function policyBody({ rotate, notify, expiryTime, created, updated }: RotationPolicy): object {
  const action = (type: string, trigger: Trigger | null) => (trigger ? [{ trigger, action: { type } }] : []);
  return {
    attributes: { ...(expiryTime && { expiryTime }), created: toSeconds(created), updated: toSeconds(updated) },
    lifetimeActions: [...action('rotate', rotate), ...action('notify', notify)],
  };
}

/** `KeyReleasePolicy` of this plane, which has no word for immutable. */
function releasePolicyBody(policy: string): object {
  const { contentType, data } = JSON.parse(policy) as { contentType: string; data: string };
  return { contentType, data };
}
