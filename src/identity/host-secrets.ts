import { hash } from 'node:crypto';
import { newUuid } from '../base/ids.ts';
import type { Random } from '../base/ports.ts';
import { toBase64Url } from '../base/text.ts';
import type { Keyring } from '../crypto/keyring.ts';
import type { RootSealed } from '../crypto/sealed-rows.ts';
import type { Session, Transaction } from '../store/port.ts';
import * as rows from './repository.ts';

/** What making and reading secrets of hosts takes. */
export interface HostSecretParts {
  readonly keyring: Keyring;
  readonly random: Random;
}

/** Whose secret a text is: the host's folded resource id, and the id of this one secret of it. */
export interface HostSecretOwner {
  readonly resourceKey: string;
  readonly id: string;
}

/**
 * The secret by which a host asks for its identities' tokens in the App Service form, made at the first call: 43 characters of
 * base64url (256 random bits). The store has it sealed, and its SHA-256 to find it by.
 * @param now milliseconds since the Unix epoch
 */
export async function hostSecret(
  transaction: Transaction,
  parts: HostSecretParts,
  resourceKey: string,
  now: number,
): Promise<string> {
  const row = await rows.secretOfHost.first(transaction, { resourceKey });
  if (row) return parts.keyring.openValue(sealName(resourceKey), row.sealed).toString('utf8');
  return keepHostSecret(transaction, parts, { resourceKey, secret: toBase64Url(parts.random.bytes(32)), now });
}

/** Gives a host another secret; the old one, and the tokens that it was used for, are refused from the next request. */
export async function renewHostSecret(
  transaction: Transaction,
  parts: HostSecretParts,
  resourceKey: string,
  now: number,
): Promise<string> {
  await deleteHostSecret(transaction, resourceKey);
  return hostSecret(transaction, parts, resourceKey, now);
}

/** Stores a host's secret, where it has none yet; one that it is to keep from an earlier release. @returns the secret */
export async function keepHostSecret(
  transaction: Transaction,
  parts: HostSecretParts,
  order: { readonly resourceKey: string; readonly secret: string; readonly now: number },
): Promise<string> {
  const { resourceKey, secret, now } = order;
  await rows.insertHostSecret.change(transaction, {
    resourceKey,
    id: newUuid(parts.random),
    digest: digestOf(secret),
    sealed: parts.keyring.sealValue(sealName(resourceKey), Buffer.from(secret)),
    created: now,
  });
  transaction.touch();
  return secret;
}

/** Takes a host's secret away, as when the host is deleted: one of the same name begins with another. */
export async function deleteHostSecret(transaction: Transaction, resourceKey: string): Promise<void> {
  await rows.deleteHostSecret.change(transaction, { resourceKey });
  transaction.touch();
}

/** The host whose secret the text is, or null. It is sought by its digest: the time tells nothing about the secret itself. */
export async function ownerOfSecret(session: Session, text: string): Promise<HostSecretOwner | null> {
  const row = await rows.hostOfSecret.first(session, { digest: digestOf(text) });
  return row && { resourceKey: row.resource_key, id: row.id };
}

/** Whether this is still the host's secret. */
export async function isSecretOfHost(session: Session, { resourceKey, id }: HostSecretOwner): Promise<boolean> {
  return (await rows.secretOfHost.first(session, { resourceKey }))?.id === id;
}

/** The secrets of hosts, as the rotation of the root key sees them. */
export const hostSecrets: RootSealed = {
  table: 'identity_secrets',
  nameOf: sealName,
  page: async (session, after, limit) =>
    (await rows.hostSecretPage.all(session, { after, limit })).map((row) => ({
      key: row.resource_key,
      envelope: row.sealed,
    })),
  read: async (session, resourceKey) => (await rows.secretOfHost.first(session, { resourceKey }))?.sealed ?? null,
  write: (transaction, resourceKey, sealed) => rows.resealHostSecret.change(transaction, { resourceKey, sealed }),
};

function digestOf(secret: string): string {
  return hash('sha256', secret, 'base64url');
}

function sealName(resourceKey: string): string {
  return `identity-secret/${resourceKey}`;
}
