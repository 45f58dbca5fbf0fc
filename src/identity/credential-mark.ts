import { hash } from 'node:crypto';
import type { Session } from '../store/port.ts';
import { type FederatedCredential, listFederatedCredentials } from './federated-credentials.ts';
import { credentialOfApp } from './repository.ts';

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

/** Whether the credential that a token was got by is still one of the application. */
export async function stillStands(session: Session, appId: string, mark: string): Promise<boolean> {
  if (!mark.includes('.')) return (await credentialOfApp.first(session, { appId, id: mark })) !== null;
  const federated = await listFederatedCredentials(session, appId);
  return federated.some((credential) => federatedMark(credential) === mark);
}
