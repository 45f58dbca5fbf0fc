import { hash } from 'node:crypto';
import type { Session } from '../store/port.ts';
import { type FederatedCredential, listFederatedCredentials } from './federated-credentials.ts';
import { passwordOf } from './people-rows.ts';
import { credentialOfApp } from './repository.ts';
import { liveOfFamily } from './sign-in-rows.ts';

/** The credential that proved whoever a token is for, as the token carries it. */
export interface ProvingCredential {
  /** What finds it again; {@link stillStands} reads it. */
  readonly mark: string;
  /** When it ends, milliseconds since the Unix epoch; null where it has no end. */
  readonly expires: number | null;
}

/**
 * The mark of a federated credential: its id, and a digest of what it believes, so that a token ends also where the
 * credential is changed to believe another subject.
 */
export function federatedMark({ id, issuer, subject, audiences }: FederatedCredential): string {
  return `${id}.${hash('sha256', JSON.stringify([issuer, subject, audiences]), 'base64url')}`;
}

const PERSON = 'person:';

/**
 * The mark of a person's sign-in: the version of the password, and the family of refresh tokens where there is one, so that a
 * token ends with either.
 */
export function personMark(sign: {
  readonly oid: string;
  readonly proof: string;
  readonly family: string | null;
}): string {
  return PERSON + [sign.oid, sign.proof, sign.family ?? ''].join(':');
}

/** Whether the credential that a token was got by is still one of the application, or of the person. */
export async function stillStands(session: Session, appId: string, mark: string): Promise<boolean> {
  if (mark.startsWith(PERSON)) return personStands(session, mark.slice(PERSON.length));
  if (!mark.includes('.')) return (await credentialOfApp.first(session, { appId, id: mark })) !== null;
  const federated = await listFederatedCredentials(session, appId);
  return federated.some((credential) => federatedMark(credential) === mark);
}

async function personStands(session: Session, mark: string): Promise<boolean> {
  const [principalId = '', proof = '', family = ''] = mark.split(':');
  if ((await passwordOf.first(session, { principalId }))?.version !== proof) return false;
  return family === '' || (await liveOfFamily.first(session, { family })) !== null;
}
