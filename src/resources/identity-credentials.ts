import { foldName } from '../base/ids.ts';
import {
  addFederatedCredential,
  type FederatedCredential,
  type FederatedFault,
  findFederatedCredential,
  listFederatedCredentials,
  removeFederatedCredential,
} from '../identity/federated-credentials.ts';
import type { ManagedIdentity } from '../identity/service.ts';
import type { Answer, Call } from '../operations/operation.ts';
import { Refusal } from '../refusals/refusal.ts';
import type { Session } from '../store/port.ts';
import { pageBody, readPage } from './arm-page.ts';
import { requireIdentity } from './identities.ts';
import type { ResourceParts } from './parts.ts';
import { readProperties } from './request-body.ts';

const TYPE = 'Microsoft.ManagedIdentity/userAssignedIdentities/federatedIdentityCredentials';
const KNOWN = ['issuer', 'subject', 'audiences'];

/** Lists the federated credentials of a user-assigned identity, of which there are at most 20, in the order of their names. */
export async function listIdentityCredentials(parts: ResourceParts, call: Call): Promise<Answer> {
  const identity = await requireIdentity(parts.store.reader, call);
  const page = readPage(call);
  const keyOf = ({ name }: FederatedCredential) => foldName(name);
  const credentials = [...(await listFederatedCredentials(parts.store.reader, identity.clientId))]
    .sort((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1))
    .filter((credential) => keyOf(credential) > page.after)
    .slice(0, page.size + 1);
  const toWire = (credential: FederatedCredential) => credentialBody(identity, credential);
  return { status: 200, body: pageBody(call, page, credentials, keyOf, toWire) };
}

/** Reads one. */
export async function getIdentityCredential(parts: ResourceParts, call: Call): Promise<Answer> {
  const identity = await requireIdentity(parts.store.reader, call);
  const credential = await findNamed(parts.store.reader, identity, call);
  if (credential) return answer(200, identity, credential);
  throw new Refusal('resource-not-found', { type: TYPE, name: nameOf(call), group: call.parameters['group'] ?? '' });
}

/**
 * Makes a federated credential (201), or changes what one believes (200): tokens that were got by what it believed before end.
 * @throws Refusal `identity-credential-invalid`, `identity-credential-taken`, `identity-credentials-full`
 */
export async function putIdentityCredential(parts: ResourceParts, call: Call): Promise<Answer> {
  const credential = readCredential(call);
  return call.commit(async (transaction) => {
    const identity = await requireIdentity(transaction, call);
    const { clientId: appId } = identity;
    const before = await findNamed(transaction, identity, call);
    if (before) await removeFederatedCredential(transaction, appId, before.id);
    const order = {
      appId,
      credential: { ...credential, name: before?.name ?? credential.name },
      now: call.time,
      ...(before && { id: before.id }),
    };
    const made = accepted(await addFederatedCredential(transaction, parts, order));
    return answer(before ? 200 : 201, identity, made);
  });
}

/** Removes one, and the tokens that were got by it; 204 where there is none. */
export async function deleteIdentityCredential(_parts: ResourceParts, call: Call): Promise<Answer> {
  return call.commit(async (transaction) => {
    const identity = await requireIdentity(transaction, call);
    const credential = await findNamed(transaction, identity, call);
    if (!credential) return { status: 204 };
    await removeFederatedCredential(transaction, identity.clientId, credential.id);
    return { ...answer(200, identity, credential), body: undefined };
  });
}

function readCredential(call: Call): Omit<FederatedCredential, 'id'> {
  const properties = readProperties(call, true);
  const { issuer, subject, audiences } = properties;
  if (properties['claimsMatchingExpression'] !== undefined && properties['claimsMatchingExpression'] !== null) {
    throw invalid('claimsMatchingExpression', 'expressions are not evaluated here: name one subject');
  }
  const other = Object.keys(properties).find((name) => !KNOWN.includes(name) && properties[name] !== null);
  if (other !== undefined) throw invalid(other.slice(0, 100), 'it is not a property of a federated credential');
  if (typeof issuer !== 'string' || typeof subject !== 'string' || !Array.isArray(audiences)) {
    throw invalid('properties', "it must specify 'issuer', 'subject' and 'audiences'");
  }
  if (!audiences.every((audience) => typeof audience === 'string')) {
    throw invalid('audiences', 'it must be a list of one text');
  }
  return { name: nameOf(call), issuer, subject, audiences, description: null };
}

function accepted(result: FederatedCredential | FederatedFault): FederatedCredential {
  if (!('kind' in result)) return result;
  if (result.kind === 'invalid') throw invalid(result.property, result.reason);
  if (result.kind === 'full') throw new Refusal('identity-credentials-full', { most: result.most });
  // The name is the path's: where it is taken, the credential of it was replaced before.
  throw new Refusal('identity-credential-taken');
}

/** The one of the path: by name alone, which its id may not stand for. */
async function findNamed(session: Session, identity: ManagedIdentity, call: Call): Promise<FederatedCredential | null> {
  const found = await findFederatedCredential(session, identity.clientId, nameOf(call));
  return found && foldName(found.name) === foldName(nameOf(call)) ? found : null;
}

function answer(status: number, identity: ManagedIdentity, credential: FederatedCredential): Answer {
  const { id: federatedCredential, issuer, subject } = credential;
  const body = credentialBody(identity, credential);
  return {
    status,
    body,
    subject: body.id,
    audit: { appId: identity.clientId, federatedCredential, issuer, subject },
  };
}

function credentialBody(identity: ManagedIdentity, credential: FederatedCredential) {
  const { name, issuer, subject, audiences } = credential;
  const id = `${identity.resourceId}/federatedIdentityCredentials/${name}`;
  return { id, name, type: TYPE, properties: { issuer, subject, audiences } };
}

function nameOf(call: Call): string {
  return call.parameters['credential'] ?? '';
}

function invalid(property: string, reason: string): Refusal {
  return new Refusal('identity-credential-invalid', { property, reason });
}
