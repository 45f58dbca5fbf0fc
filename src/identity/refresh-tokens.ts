import { hash } from 'node:crypto';
import { newUuid } from '../base/ids.ts';
import type { Random } from '../base/ports.ts';
import { DAY, toBase64Url } from '../base/text.ts';
import type { Keyring } from '../crypto/keyring.ts';
import { Refusal } from '../refusals/refusal.ts';
import type { Session, Transaction } from '../store/port.ts';
import * as rows from './sign-in-rows.ts';

/** A refresh token ends this long after it was given, as in Entra; each use gives one that lives as long again. */
export const REFRESH_DAYS = 90;
/**
 * How long a new token is given once more to whoever brings the one before it, and is itself not replaced by its use. An
 * answer may be lost; and programs side by side, sharing one cache of tokens, bring the same token at the same moment.
 */
export const REPLACEMENT_GRACE_MS = 60_000;

const PREFIX = 'strongroom_rt_';
const PATTERN = /^strongroom_rt_[A-Za-z0-9_-]{43}$/;

/** The sign-in that a refresh token carries on. */
export interface RefreshSession {
  /** What joins the tokens that came of one sign-in. */
  readonly family: string;
  readonly oid: string;
  readonly clientId: string;
  /** The version of the password that the sign-in rests on. */
  readonly proof: string;
}

/** What bringing a refresh token leads to. */
export interface Redemption {
  readonly session: RefreshSession;
  /** The refresh token to give: a new one, or the one that was brought. */
  readonly next: string;
  /** Whether the brought one is to be replaced by it. */
  readonly replaces: boolean;
}

/** A new family and its first token; nothing of it is kept yet. */
export function newRefreshToken(random: Random): { readonly family: string; readonly text: string } {
  return { family: newUuid(random), text: PREFIX + toBase64Url(random.bytes(32)) };
}

/** Keeps the first token of a family, by its digest alone. */
export async function keepRefreshToken(
  transaction: Transaction,
  text: string,
  session: RefreshSession,
  now: number,
): Promise<void> {
  const { family, oid, clientId, proof } = session;
  const order = { digest: digestOf(text), family, principalId: oid, clientId, proof };
  await rows.insertRefreshToken.change(transaction, { ...order, created: now, expires: now + REFRESH_DAYS * DAY });
}

/**
 * Judges a refresh token that a client brings. Read outside and again inside the transaction that answers.
 * @throws Refusal `refresh-token-unknown`, `refresh-token-client`, `refresh-token-expired`, `refresh-token-reused`
 */
export async function judgeRefreshToken(
  session: Session,
  keyring: Keyring,
  brought: { readonly text: string; readonly clientId: string; readonly now: number },
): Promise<Redemption> {
  const { text, clientId, now } = brought;
  const row = PATTERN.test(text) ? await rows.refreshTokenByDigest.first(session, { digest: digestOf(text) }) : null;
  if (!row) throw new Refusal('refresh-token-unknown');
  const { family, principal_id: oid, proof } = row;
  const facts = { oid, family, clientId: row.client_id };
  if (row.client_id !== clientId) throw new Refusal('refresh-token-client', { ...facts, found: clientId });
  if (now >= Number(row.expires)) throw new Refusal('refresh-token-expired', { ...facts, days: REFRESH_DAYS });
  const found = { family, oid, clientId, proof };
  const next = successor(keyring, text);
  if (row.state === 'live') {
    return now - Number(row.created) < REPLACEMENT_GRACE_MS
      ? { session: found, next: text, replaces: false }
      : { session: found, next, replaces: true };
  }
  const follower = await rows.refreshTokenByDigest.first(session, { digest: digestOf(next) });
  if (follower && now - Number(follower.created) < REPLACEMENT_GRACE_MS)
    return { session: found, next, replaces: false };
  throw new Refusal('refresh-token-reused', facts);
}

/** Replaces a live refresh token by its successor. */
export async function replaceRefreshToken(
  transaction: Transaction,
  text: string,
  { session, next }: Redemption,
  now: number,
): Promise<void> {
  await rows.replaceRefreshToken.change(transaction, { digest: digestOf(text) });
  await keepRefreshToken(transaction, next, session, now);
}

/** Ends a family: somebody brought a token that had been replaced, so one of its holders is not the person. */
export async function endFamily(transaction: Transaction, family: string): Promise<void> {
  await rows.deleteFamily.change(transaction, { family });
  transaction.touch();
}

/**
 * The token that follows one: made from it under a key of ours, so that there is one line of tokens, whoever brings which, and
 * nobody can work out the next.
 */
function successor(keyring: Keyring, text: string): string {
  return PREFIX + toBase64Url(Buffer.from(keyring.mac('sign-in', `refresh-token\n${text}`), 'hex'));
}

function digestOf(text: string): string {
  return hash('sha256', text, 'hex');
}
