import { hash } from 'node:crypto';
import type { Random } from '../base/ports.ts';
import { toBase64Url } from '../base/text.ts';
import { Refusal } from '../refusals/refusal.ts';
import type { Session, Transaction } from '../store/port.ts';
import { countFailure, countWithin, isSubjectLocked } from './attempts.ts';
import * as rows from './device-rows.ts';
import { addressGroup, attemptsAllowed } from './lockout.ts';
import type { PersonOrder } from './person-request.ts';

/** How long a device code waits for its user, as in Entra. */
export const DEVICE_CODE_SECONDS = 900;
/** How often a device may ask. */
export const POLL_SECONDS = 5;

/** Letters and digits that are not taken for one another, without vowels, so that no code is a word. */
const ALPHABET = 'BCDFGHJKLMNPQRSTVWXZ23456789';
const USER_CODE_LENGTH = 9;
const USER_CODE = new RegExp(`^[${ALPHABET}]{${USER_CODE_LENGTH}}$`);
/** Devices ask at whole seconds, more or less. */
const POLL_LEEWAY_MS = 1000;
const MOST_WAITING = 10_000;
const MOST_OF_AN_ADDRESS = { attempts: 200, spanMs: DEVICE_CODE_SECONDS * 1000 };
/** Wrong passwords under one code, after which it is declined. */
const MOST_ATTEMPTS = 10;

/** What a device code stands for. */
export interface DeviceRequest {
  readonly order: PersonOrder;
  /** The version of the password of who approved it. */
  readonly proof?: string;
}

/** A device code and the code its user types; about 256 and 43 random bits. */
export function newDeviceCode(random: Random): { readonly text: string; readonly userCode: string } {
  let userCode = '';
  while (userCode.length < USER_CODE_LENGTH) {
    for (const byte of random.bytes(16)) {
      // A byte beyond the last whole round of the alphabet would make some letters likelier than others.
      if (byte < 256 - (256 % ALPHABET.length) && userCode.length < USER_CODE_LENGTH)
        userCode += ALPHABET[byte % ALPHABET.length];
    }
  }
  return { text: toBase64Url(random.bytes(32)), userCode };
}

/** Keeps a new device code. @throws Refusal `device-codes-exhausted` */
export async function keepDeviceCode(
  transaction: Transaction,
  code: { readonly text: string; readonly userCode: string },
  start: { readonly clientId: string; readonly order: PersonOrder; readonly address: string; readonly now: number },
): Promise<void> {
  const { clientId, order, address, now } = start;
  const isAllowed = await countWithin(transaction, `device:${addressGroup(address)}`, MOST_OF_AN_ADDRESS, now);
  const kept = await rows.countDeviceCodes.first(transaction, {});
  if (!isAllowed || Number(kept?.count ?? 0) >= MOST_WAITING) throw new Refusal('device-codes-exhausted', { address });
  await rows.insertDeviceCode.change(transaction, {
    digest: digestOf(code.text),
    userCode: code.userCode,
    clientId,
    request: JSON.stringify({ order } satisfies DeviceRequest),
    created: now,
    expires: now + DEVICE_CODE_SECONDS * 1000,
  });
}

/**
 * Judges a device code that its device asks with: who approved it, and what for.
 * @throws Refusal `device-code-unknown`, `device-code-expired`, `device-code-declined`, `device-code-pending`,
 * `device-code-slow-down`
 */
export async function judgeDeviceCode(
  session: Session,
  asked: { readonly text: string; readonly clientId: string; readonly now: number },
): Promise<{ readonly oid: string; readonly order: PersonOrder; readonly proof: string }> {
  const row = await rows.deviceCodeByDigest.first(session, { digest: digestOf(asked.text) });
  const { now } = asked;
  if (!row || row.client_id !== asked.clientId) throw new Refusal('device-code-unknown');
  if (now >= Number(row.expires)) throw new Refusal('device-code-expired', { minutes: DEVICE_CODE_SECONDS / 60 });
  if (row.state === 'declined') throw new Refusal('device-code-declined');
  const { order, proof } = JSON.parse(row.request) as DeviceRequest;
  if (row.state !== 'approved' || row.principal_id === null || proof === undefined) {
    const isEarly = now - Number(row.polled) < POLL_SECONDS * 1000 - POLL_LEEWAY_MS;
    throw new Refusal(isEarly ? 'device-code-slow-down' : 'device-code-pending', { seconds: POLL_SECONDS });
  }
  return { oid: row.principal_id, order, proof };
}

/** Notes that a device asked while its user had not decided. */
export async function notePoll(transaction: Transaction, text: string, now: number): Promise<void> {
  await rows.setPolled.change(transaction, { digest: digestOf(text), now });
}

/** Uses an approved device code up. @throws Refusal `device-code-unknown` where another request did */
export async function takeDeviceCode(transaction: Transaction, text: string): Promise<void> {
  if ((await rows.takeDeviceCode.change(transaction, { digest: digestOf(text) })) !== 1)
    throw new Refusal('device-code-unknown');
}

/** A device code that waits for the decision of a user who typed its code. */
export interface WaitingDevice {
  readonly userCode: string;
  readonly clientId: string;
  readonly order: PersonOrder;
}

/**
 * Finds what waits under a typed code, in any case and with spaces or hyphens. Codes that are unknown, over or decided are all
 * the same wrong code, and counted for the address they come from. Null for such a code: the count is to be kept.
 * @throws Refusal `user-code-locked`
 */
export async function findWaiting(
  transaction: Transaction,
  typed: string,
  address: string,
  now: number,
): Promise<WaitingDevice | null> {
  const subject = `user-code:${addressGroup(address)}`;
  if (await isSubjectLocked(transaction, subject, now)) throw new Refusal('user-code-locked', { address });
  const userCode = typed.slice(0, 64).replace(/[\s-]/g, '').toUpperCase();
  const row = USER_CODE.test(userCode) ? await rows.deviceCodeByUserCode.first(transaction, { userCode }) : null;
  if (row && row.state === 'pending' && now < Number(row.expires)) {
    const { order } = JSON.parse(row.request) as DeviceRequest;
    return { userCode, clientId: row.client_id, order };
  }
  await countFailure(transaction, subject, attemptsAllowed.userCode, now);
  return null;
}

/** Counts a wrong password given under a code, which the tenth one declines. */
export async function countWrongPassword(transaction: Transaction, userCode: string): Promise<void> {
  await rows.countCodeAttempt.change(transaction, { userCode });
  const row = await rows.deviceCodeByUserCode.first(transaction, { userCode });
  if (Number(row?.attempts ?? 0) >= MOST_ATTEMPTS) await rows.declineDeviceCode.change(transaction, { userCode });
}

/** Lets the device have the person's tokens, or not. @throws Refusal `user-code-wrong` where it waits no more */
export async function decide(
  transaction: Transaction,
  device: WaitingDevice,
  decision: { readonly oid: string; readonly proof: string } | 'declined',
): Promise<void> {
  const { userCode, order } = device;
  const changed =
    decision === 'declined'
      ? await rows.declineDeviceCode.change(transaction, { userCode })
      : await rows.approveDeviceCode.change(transaction, {
          userCode,
          principalId: decision.oid,
          request: JSON.stringify({ order, proof: decision.proof } satisfies DeviceRequest),
        });
  if (changed !== 1) throw new Refusal('user-code-wrong');
}

function digestOf(text: string): string {
  return hash('sha256', text, 'hex');
}
