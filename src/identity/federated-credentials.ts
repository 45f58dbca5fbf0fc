import { foldName, newUuid } from '../base/ids.ts';
import type { Random } from '../base/ports.ts';
import type { Session, Transaction } from '../store/port.ts';
import * as rows from './people-rows.ts';

/** An issuer and subject whose tokens an application, or by its client id a managed identity, is believed by. */
export interface FederatedCredential {
  readonly id: string;
  readonly name: string;
  readonly issuer: string;
  readonly subject: string;
  readonly audiences: readonly string[];
  readonly description: string | null;
}

/** What stands in the way of a federated credential. */
export type FederatedFault =
  | { readonly kind: 'invalid'; readonly property: string; readonly reason: string }
  | { readonly kind: 'taken'; readonly property: 'name' | 'subject' }
  | { readonly kind: 'full'; readonly most: number };

/** As many as one application or identity may have (Entra, workload identity federation, 2025). */
const MAX_CREDENTIALS = 20;
const MAX_TEXT = 600;

/**
 * What is wrong with a federated credential in itself, or null: names are 3 to 120 characters of URLs, issuers https URLs, subjects
 * and the one audience texts up to 600 characters.
 */
export function validateFederatedCredential(credential: Omit<FederatedCredential, 'id'>): FederatedFault | null {
  const { name, issuer, subject, audiences, description } = credential;
  if (!/^[A-Za-z0-9][A-Za-z0-9_-]{2,119}$/.test(name)) {
    return invalid('name', 'it must be 3 to 120 letters, digits, hyphens and underscores, a letter or digit first');
  }
  if (issuer.length > MAX_TEXT || !isHttpsUrl(issuer))
    return invalid('issuer', 'it must be an https URL without query');
  if (!isText(subject)) return invalid('subject', `it must be a text of 1 to ${MAX_TEXT} characters`);
  if (audiences.length !== 1 || !isText(audiences[0]!)) {
    return invalid('audiences', `it must be a list of one text of 1 to ${MAX_TEXT} characters`);
  }
  if (description !== null && description !== '' && !isText(description)) {
    return invalid('description', `it must be a text of at most ${MAX_TEXT} characters`);
  }
  return null;
}

/**
 * Adds a federated credential. Names, and pairs of issuer and subject, are once in an application.
 * @returns the credential, or why it was not added
 */
export async function addFederatedCredential(
  transaction: Transaction,
  parts: { readonly random: Random },
  order: {
    readonly appId: string;
    readonly credential: Omit<FederatedCredential, 'id'>;
    readonly now: number;
    /** The id it is to have, where it takes the place of one that was removed. */
    readonly id?: string;
  },
): Promise<FederatedCredential | FederatedFault> {
  const { appId, credential, now } = order;
  const fault = validateFederatedCredential(credential);
  if (fault) return fault;
  const present = await listFederatedCredentials(transaction, appId);
  if (present.length >= MAX_CREDENTIALS) return { kind: 'full', most: MAX_CREDENTIALS };
  if (present.some(({ name }) => foldName(name) === foldName(credential.name)))
    return { kind: 'taken', property: 'name' };
  if (present.some(({ issuer, subject }) => issuer === credential.issuer && subject === credential.subject)) {
    return { kind: 'taken', property: 'subject' };
  }
  const id = order.id ?? newUuid(parts.random);
  await rows.insertFederatedCredential.change(transaction, {
    appId,
    id,
    nameKey: foldName(credential.name),
    name: credential.name,
    issuer: credential.issuer,
    subject: credential.subject,
    audiences: JSON.stringify(credential.audiences),
    description: credential.description,
    created: now,
  });
  transaction.touch();
  return { ...credential, id };
}

/** The federated credentials of an application id, oldest first; there are at most 20. */
export async function listFederatedCredentials(
  session: Session,
  appId: string,
): Promise<readonly FederatedCredential[]> {
  const found = await rows.federatedCredentialsOf.all(session, { appId: foldName(appId) });
  return found.map(credentialOf);
}

/** A federated credential of whichever application, with the application's id. */
export interface FoundCredential extends FederatedCredential {
  readonly appId: string;
}

/** The federated credentials with exactly this issuer and subject; where more than one application has one, two of them. */
export async function credentialsOfSubject(
  session: Session,
  who: { readonly issuer: string; readonly subject: string },
): Promise<readonly FoundCredential[]> {
  const found = await rows.federatedCredentialsBySubject.all(session, who);
  return found.map((row) => ({ ...credentialOf(row), appId: row.app_id }));
}

function credentialOf(row: rows.FederatedCredentialRow): FederatedCredential {
  return {
    id: row.id,
    name: row.name,
    issuer: row.issuer,
    subject: row.subject,
    audiences: JSON.parse(row.audiences) as string[],
    description: row.description,
  };
}

/** One by its id or by its name in any case, or null. */
export async function findFederatedCredential(
  session: Session,
  appId: string,
  idOrName: string,
): Promise<FederatedCredential | null> {
  const key = foldName(idOrName);
  const all = await listFederatedCredentials(session, appId);
  return all.find(({ id, name }) => id === key || foldName(name) === key) ?? null;
}

/** Removes one by its id. @returns whether there was one */
export async function removeFederatedCredential(transaction: Transaction, appId: string, id: string): Promise<boolean> {
  transaction.touch();
  return (await rows.deleteFederatedCredential.change(transaction, { appId: foldName(appId), id })) > 0;
}

function isHttpsUrl(text: string): boolean {
  const url = URL.canParse(text) && isText(text) ? new URL(text) : null;
  const hasMore = url && (url.username !== '' || url.password !== '' || url.search !== '' || url.hash !== '');
  return url?.protocol === 'https:' && !hasMore;
}

function isText(text: string): boolean {
  return text.length > 0 && text.length <= MAX_TEXT && text.isWellFormed() && !/[\p{Cc}\p{Zl}\p{Zp}]/u.test(text);
}

function invalid(property: string, reason: string): FederatedFault {
  return { kind: 'invalid', property, reason };
}
