import type { Random } from '../base/ports.ts';
import { sealEnvelope } from '../crypto/envelope.ts';
import type { Keyring } from '../crypto/keyring.ts';
import { type Carrier, digestOf, type ItemState } from '../moving/carrier.ts';
import { carriedQueries, type StoredName, type StoredObject, type StoredVersion } from '../objects/carried-queries.ts';
import type { Vault } from '../resources/vault.ts';
import type { Transaction } from '../store/port.ts';
import * as repository from './repository.ts';
import { secretBinding } from './versions.ts';

type Name = StoredName & { managed: number };
type Version = StoredVersion & { content_type: string | null };

/** How many values are opened at a time. */
const PAGE = 100;

const carriedSecrets = carriedQueries<Name, Version>(
  { names: 'secrets', versions: 'secret_versions' },
  { ofNames: ['managed'], ofVersions: ['content_type'] },
);

/**
 * Carries secrets from vault to vault: every version with its id, attributes, tags, instants and order, deleted secrets with what is
 * left of their retention. Values are opened and sealed inside the server, and go nowhere else.
 */
export function secretCarrier(parts: { readonly keyring: Keyring; readonly random: Random }): Carrier {
  const { secretQueries } = repository;
  return {
    kind: 'secrets',
    page: async (session, { from }, after, limit) => {
      // A page without anything to carry is not the last one.
      for (let place = after; ; ) {
        const secrets = await carriedSecrets.page(session, from.id, place, limit);
        const states = secrets.filter(isCarried).map(stateOf);
        if (states.length > 0 || secrets.length < limit) return states;
        place = secrets[secrets.length - 1]!.name.name_key;
      }
    },
    find: async (session, { from }, nameKey) => {
      const found = await carriedSecrets.one(session, { vaultId: from.id, nameKey });
      return found && isCarried(found) ? stateOf(found) : null;
    },
    findCopy: async (session, { to }, nameKey) => {
      const found = await carriedSecrets.one(session, { vaultId: to.id, nameKey });
      return found && { digest: stateOf(found).digest, made: null };
    },
    carry: async (transaction, { from, to }, nameKey, { before }) => {
      const found = await carriedSecrets.one(transaction, { vaultId: from.id, nameKey });
      if (!found || !isCarried(found)) return null;
      const named = { vaultId: to.id, nameKey };
      if (before) {
        await secretQueries.removeVersions.change(transaction, named);
        await secretQueries.removeName.change(transaction, named);
      }
      await copyVersions(parts, transaction, { from, to }, found.name);
      const { name, current_version: version, created, deleted, purge_at: purgeAt } = found.name;
      await repository.insertSecret.change(transaction, { ...named, name, version, created, managed: 0 });
      if (deleted !== null) await secretQueries.markDeleted.change(transaction, { ...named, deleted, purgeAt });
      return { digest: stateOf(found).digest, made: null };
    },
    removeCopy: async (transaction, { to }, nameKey) => {
      await secretQueries.removeVersions.change(transaction, { vaultId: to.id, nameKey });
      await secretQueries.removeName.change(transaction, { vaultId: to.id, nameKey });
    },
    contents: (session, { from }) => carriedSecrets.contents(session, from.id),
    pageOfCopies: async (session, { to }, after, limit) =>
      (await carriedSecrets.page(session, to.id, after, limit)).map(stateOf),
  };
}

/** A certificate's secret is the certificate's to carry. */
function isCarried({ name }: StoredObject<Name, Version>): boolean {
  return name.managed !== 1;
}

function stateOf({ name, versions }: StoredObject<Name, Version>): ItemState {
  return {
    key: name.name_key,
    name: `secrets/${name.name}`,
    digest: digestOf([Object.values(name), versions.map((version) => Object.values(version))]),
    size: versions.length,
  };
}

async function copyVersions(
  { keyring, random }: { readonly keyring: Keyring; readonly random: Random },
  transaction: Transaction,
  { from, to }: { readonly from: Vault; readonly to: Vault },
  name: Name,
): Promise<void> {
  const { name_key: nameKey } = name;
  const key = await keyring.vaultKey(transaction, to.id);
  for (let after = 0; ; ) {
    const page = await carriedSecrets.sealed.all(transaction, { vaultId: from.id, nameKey, after, limit: PAGE });
    for (const { envelope, ...version } of page) {
      const binding = secretBinding(from.id, nameKey, version.version);
      const value = await keyring.openInVault(transaction, from.id, binding, envelope);
      const sealed = sealEnvelope(key, secretBinding(to.id, nameKey, version.version), value, random);
      value.fill(0);
      const { insertVersion } = repository;
      await insertVersion.change(transaction, {
        vaultId: to.id,
        nameKey,
        version: version.version,
        sequence: version.sequence,
        created: version.created,
        updated: version.updated,
        enabled: version.enabled,
        nbf: version.nbf,
        exp: version.exp,
        contentType: version.content_type,
        tags: version.tags,
        previousVersion: version.previous_version,
        envelope: sealed,
      });
    }
    if (page.length < PAGE) return;
    after = page[page.length - 1]!.sequence;
  }
}
