import { foldName } from '../base/ids.ts';
import { Refusal } from '../refusals/refusal.ts';
import type { Session, Transaction } from '../store/port.ts';
import { countFailure, failuresFor, isSubjectLocked, noteSeen } from './attempts.ts';
import { addressGroup, attemptsAllowed, FORGET_ADDRESS_MS } from './lockout.ts';
import type { IdentityParts } from './parts.ts';
import { noPassword, verifyPassword } from './password.ts';
import { deleteFailures, passwordOf } from './people-rows.ts';
import { type PrincipalRow, principalById, userByName } from './repository.ts';
import { WorkLimit } from './work-limit.ts';

/** A person whose password was right. */
export interface SignedInPerson {
  readonly principal: PrincipalRow;
  /** The version of the password that proved it: what is got by the sign-in ends when it changes. */
  readonly proof: string;
}

/** What a person gives to sign in, and from where. */
export interface SignInAttempt {
  readonly username: string;
  readonly password: string;
  readonly address: string;
  /** Milliseconds since the Unix epoch. */
  readonly now: number;
}

/** No password of ours is longer, so that what is longer need not be hashed. */
const MAX_PASSWORD = 1024;
const MAX_NAME = 256;

/**
 * Signs people in by name and password: the one place where passwords are guessed at. Names that nobody has pass through the
 * same queries, writes and the same hash as names that somebody has, and are locked in the same way.
 */
export class PersonSignIn {
  readonly #parts: IdentityParts;
  /** A hash takes a processor 0.1 to 0.3 s and 32 MiB; two at once leave room for everything else. */
  readonly #work = new WorkLimit({ atOnce: 2, waiting: 32, ofOneSource: 8 });

  constructor(parts: IdentityParts) {
    this.#parts = parts;
  }

  /**
   * Signs somebody in.
   * @param purpose `toChangeIt`: also where the password has to be changed first
   * @throws Refusal `sign-in-wrong` for an unknown name as for a wrong password, `sign-in-locked` whatever the password is,
   * `sign-in-busy`; `person-disabled` and `password-expired` only where the password was right
   */
  async signIn(attempt: SignInAttempt, purpose: { readonly toChangeIt?: boolean } = {}): Promise<SignedInPerson> {
    const { username, password, address, now } = attempt;
    if (username.length > MAX_NAME || password.length > MAX_PASSWORD) throw wrong(null, address);
    const subjects = this.#subjects(attempt);
    return this.#work.run(addressGroup(address), async () => {
      const { store } = this.#parts;
      await store.write((transaction) => beginAttempt(transaction, subjects, address, now));
      const principal = await userByName.first(store.reader, { upnKey: foldName(username) });
      const row = await passwordOf.first(store.reader, { principalId: principal?.id ?? '' });
      const isRight = await verifyPassword(password, row?.material ?? noPassword);
      await store.write((transaction) => endAttempt(transaction, subjects, isRight && row !== null, now));
      if (!isRight || !row || !principal) throw wrong(principal, address);
      if (principal.enabled !== 1) throw new Refusal('person-disabled', { oid: principal.id });
      if (row.must_change === 1 && !purpose.toChangeIt) throw new Refusal('password-expired', { oid: principal.id });
      return { principal, proof: row.version };
    });
  }

  /** Names are kept as digests under a key: a password typed into the wrong field is not told to who reads the database. */
  #subjects({ username, address }: SignInAttempt): Subjects {
    const group = addressGroup(address);
    const { keyring } = this.#parts;
    const name = foldName(username);
    const pair = keyring.mac('sign-in', JSON.stringify(['pair', name, group]));
    return {
      pair: `pair:${pair}`,
      familiar: `familiar:${pair}`,
      name: `name:${keyring.mac('sign-in', JSON.stringify(['name', name]))}`,
      address: `address:${group}`,
    };
  }
}

/**
 * Whether what a sign-in rests on still holds: the same person, enabled, with the same password. Asked inside the transaction
 * that gives something for it.
 * @throws Refusal `sign-in-revoked`, `person-disabled`, `password-expired`
 */
export async function assertStanding(
  session: Session,
  person: { readonly oid: string; readonly proof: string },
): Promise<PrincipalRow> {
  const { oid } = person;
  const principal = await principalById.first(session, { id: oid });
  const row = await passwordOf.first(session, { principalId: oid });
  if (principal?.kind !== 'User' || row?.version !== person.proof) throw new Refusal('sign-in-revoked', { oid });
  if (principal.enabled !== 1) throw new Refusal('person-disabled', { oid });
  if (row.must_change === 1) throw new Refusal('password-expired', { oid });
  return principal;
}

interface Subjects {
  readonly pair: string;
  readonly familiar: string;
  readonly name: string;
  readonly address: string;
}

/**
 * Refuses where a lock is on, and counts the attempt before the password is looked at, so that attempts side by side count as
 * well. The locks over all addresses and over all names do not reach an address that the person has signed in from: nobody
 * elsewhere locks them out.
 */
async function beginAttempt(transaction: Transaction, subjects: Subjects, address: string, now: number): Promise<void> {
  const familiar = await failuresFor(transaction, subjects.familiar);
  const isFamiliar = familiar !== null && now - familiar.last < FORGET_ADDRESS_MS;
  const judged = isFamiliar ? [subjects.pair] : [subjects.pair, subjects.name, subjects.address];
  for (const subject of judged) {
    if (await isSubjectLocked(transaction, subject, now)) throw new Refusal('sign-in-locked', { address });
  }
  await countFailure(transaction, subjects.pair, attemptsAllowed.pair, now);
}

async function endAttempt(transaction: Transaction, subjects: Subjects, isRight: boolean, now: number): Promise<void> {
  if (isRight) {
    await deleteFailures.change(transaction, { subject: subjects.pair });
    await noteSeen(transaction, subjects.familiar, now);
    return;
  }
  await countFailure(transaction, subjects.name, attemptsAllowed.name, now);
  await countFailure(transaction, subjects.address, attemptsAllowed.address, now);
}

/** Who was tried is told to the audit log where there is such a person; what else was typed may be a password. */
function wrong(principal: PrincipalRow | null, address: string): Refusal {
  return new Refusal('sign-in-wrong', { oid: principal?.id ?? 'nobody', address });
}
