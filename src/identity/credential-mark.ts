import { hash } from 'node:crypto';
import type { Session } from '../store/port.ts';
import { type FederatedCredential, listFederatedCredentials } from './federated-credentials.ts';
import { isSecretOfHost } from './host-secrets.ts';
import { type FindHost, hasIdentity } from './identity-host.ts';
import { officialTool } from './official-tools.ts';
import { passwordOf } from './people-rows.ts';
import { credentialOfApp, identityByClient, principalByAppId } from './repository.ts';
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

/**
 * The mark of a managed identity on a host: the host's folded resource id, and the id of the secret where one was shown, so that
 * a token ends with the assignment, the host and the secret.
 */
export function hostMark(resourceKey: string, secretId: string | null): string {
  return secretId === null ? resourceKey : `${resourceKey}#${secretId}`;
}

/** Whether a mark is one of {@link hostMark}; ids of credentials hold no slash. */
export function isHostMark(mark: string): boolean {
  return mark.startsWith('/');
}

/** Whether what a token was got by still stands: a credential of the application or person, or the identity's place on its host. */
export async function stillStands(session: Session, findHost: FindHost, appId: string, mark: string): Promise<boolean> {
  if (mark.startsWith(PERSON)) return personStands(session, appId, mark.slice(PERSON.length));
  if (isHostMark(mark)) return standsOnHost(session, findHost, appId, mark);
  if (!mark.includes('.')) return (await credentialOfApp.first(session, { appId, id: mark })) !== null;
  const federated = await listFederatedCredentials(session, appId);
  return federated.some((credential) => federatedMark(credential) === mark);
}

/** A sign-in ends with the password, and while another is asked for; with its client; with its family of refresh tokens. */
async function personStands(session: Session, clientId: string, mark: string): Promise<boolean> {
  const [principalId = '', proof = '', family = ''] = mark.split(':');
  const password = await passwordOf.first(session, { principalId });
  if (password?.version !== proof || password.must_change === 1) return false;
  const isTool = officialTool(clientId) !== null;
  if (!isTool && (await principalByAppId.first(session, { appId: clientId }))?.enabled !== 1) return false;
  return family === '' || (await liveOfFamily.first(session, { family })) !== null;
}

async function standsOnHost(session: Session, findHost: FindHost, clientId: string, mark: string): Promise<boolean> {
  const [resourceKey = '', secretId] = mark.split('#');
  const host = await findHost(session, resourceKey);
  const identity = await identityByClient.first(session, { clientId });
  if (!host || !identity || !hasIdentity(host, identity.resource_id)) return false;
  return secretId === undefined || isSecretOfHost(session, { resourceKey, id: secretId });
}
