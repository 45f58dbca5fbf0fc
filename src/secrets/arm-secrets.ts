import type { Random } from '../base/ports.ts';
import { toSeconds } from '../base/text.ts';
import type { Keyring } from '../crypto/keyring.ts';
import { checkWindow } from '../objects/attributes.ts';
import { requireRow } from '../objects/lifecycle.ts';
import type { Answer, Call } from '../operations/operation.ts';
import { Refusal } from '../refusals/refusal.ts';
import { pageBody, readPage } from '../resources/arm-page.ts';
import { requireVault } from '../resources/lookup.ts';
import { readProperties } from '../resources/request-body.ts';
import type { Vault } from '../resources/vault.ts';
import { vaultUri } from '../resources/vault-uri.ts';
import type { Store } from '../store/store.ts';
import { type SecretRow, secretQueries } from './repository.ts';
import { type NewSecret, readNewSecret, readSecretChange } from './rules.ts';
import { secretKind } from './secret-kind.ts';
import { addVersion, changeVersion } from './versions.ts';

/** What secrets as resources of a vault need. */
export interface ArmSecretParts {
  readonly store: Store;
  readonly keyring: Keyring;
  readonly random: Random;
  readonly domain: string;
}

/**
 * PUT …/vaults/{vault}/secrets/{name}: a new version, by the rules and limits of the data plane (201; 200 where the secret is
 * there). The value is never told on the management plane.
 * @throws Refusal `name-invalid`, `property-invalid`, `secret-too-large`, `secret-name-deleted`, and those of the vault
 */
export async function putArmSecret(parts: ArmSecretParts, call: Call): Promise<Answer> {
  const name = readName(call);
  const secret = readNewSecret(secretBody(call, true));
  checkWindow(secret.attributes.nbf, secret.attributes.exp);
  return call.commit(async (transaction) => {
    const vault = await requireVault(transaction, call);
    const row = await addVersion(transaction, parts, vault, { name, secret, time: call.time });
    return answer(parts, call, vault, row, row.sequence === 1 ? 201 : 200);
  });
}

/**
 * PATCH of the same: with a value a new version that keeps what is not named, without one the current version changes.
 * @throws Refusal `name-invalid`, `property-invalid`, `secret-too-large`, `secret-not-found`, `secret-deleted`
 */
export async function patchArmSecret(parts: ArmSecretParts, call: Call): Promise<Answer> {
  const name = readName(call);
  const body = secretBody(call, false);
  const change = readSecretChange(body);
  const secret = body['value'] === undefined || body['value'] === null ? null : readNewSecret(body);
  return call.commit(async (transaction) => {
    const vault = await requireVault(transaction, call);
    const row = await requireRow(secretKind, transaction, vault, name);
    if (!secret)
      return answer(parts, call, vault, await changeVersion(transaction, vault, row, change, call.time), 200);
    const attributes = {
      enabled: change.enabled ?? row.enabled === 1,
      nbf: change.nbf ?? row.nbf,
      exp: change.exp ?? row.exp,
    };
    checkWindow(attributes.nbf, attributes.exp);
    const merged: NewSecret = {
      value: secret.value,
      contentType: change.contentType ?? row.content_type,
      attributes,
      tags: change.tags ?? (row.tags === null ? null : (JSON.parse(row.tags) as Record<string, string>)),
    };
    const added = await addVersion(transaction, parts, vault, { name, secret: merged, time: call.time });
    return answer(parts, call, vault, added, 200);
  });
}

/** GET of the same: what is known of the current version, without its value. */
export async function getArmSecret(parts: ArmSecretParts, call: Call): Promise<Answer> {
  const name = readName(call);
  const vault = await requireVault(parts.store.reader, call);
  return answer(parts, call, vault, await requireRow(secretKind, parts.store.reader, vault, name), 200);
}

/** GET …/vaults/{vault}/secrets: the live secrets, a page at a time, by name. */
export async function listArmSecrets(parts: ArmSecretParts, call: Call): Promise<Answer> {
  const page = readPage(call);
  const vault = await requireVault(parts.store.reader, call);
  const limit = page.size + 1;
  const rows = await secretQueries.livePage.all(parts.store.reader, { vaultId: vault.id, after: page.after, limit });
  const toWire = (row: SecretRow) => secretResource(parts, call, vault, row);
  return {
    status: 200,
    body: pageBody(call, page, rows, (row) => row.name_key, toWire),
    subject: `${vault.resourceId}/secrets`,
  };
}

function readName(call: Call): string {
  const name = call.parameters['secret'] ?? '';
  if (!/^[0-9a-zA-Z-]{1,127}$/.test(name)) throw new Refusal('name-invalid', { name: name.slice(0, 200) });
  return name;
}

/** The body as the data plane has it: there the tags stand beside the value, here beside `properties`. */
function secretBody(call: Call, isRequired: boolean): Readonly<Record<string, unknown>> {
  return { ...readProperties(call, isRequired), tags: call.body?.['tags'] };
}

function answer(parts: ArmSecretParts, call: Call, vault: Vault, row: SecretRow, status: number): Answer {
  return { status, body: secretResource(parts, call, vault, row), subject: secretResourceId(vault, row) };
}

function secretResourceId(vault: Vault, row: SecretRow): string {
  return `${vault.resourceId}/secrets/${row.name}`;
}

/** `Secret` of Microsoft.KeyVault (secrets.json, 2018-02-14 and later): never with the value. */
function secretResource(parts: ArmSecretParts, call: Call, vault: Vault, row: SecretRow): object {
  const uri = `${vaultUri(call, parts.domain, vault)}secrets/${row.name}`;
  return {
    id: secretResourceId(vault, row),
    name: row.name,
    type: 'Microsoft.KeyVault/vaults/secrets',
    location: vault.location,
    tags: row.tags === null ? {} : (JSON.parse(row.tags) as unknown),
    properties: {
      ...(row.content_type !== null && { contentType: row.content_type }),
      attributes: {
        enabled: row.enabled === 1,
        ...(row.nbf !== null && { nbf: row.nbf }),
        ...(row.exp !== null && { exp: row.exp }),
        created: toSeconds(row.created),
        updated: toSeconds(row.updated),
      },
      secretUri: uri,
      secretUriWithVersion: `${uri}/${row.version}`,
    },
  };
}
