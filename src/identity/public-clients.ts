import { Refusal } from '../refusals/refusal.ts';
import { type AuthenticatedClient, authenticateClient } from './client-authentication.ts';
import { officialTool } from './official-tools.ts';
import type { IdentityParts } from './parts.ts';
import { applicationDetails, principalByAppId } from './repository.ts';
import type { ClaimedClient } from './token-request.ts';

/** A client that people sign in through. */
export interface PersonClient {
  readonly clientId: string;
  /** Its name, as people are shown it. */
  readonly name: string;
  /** How it proved itself: `0` not at all, being public; `1` by secret, `2` by certificate or federated token. */
  readonly acr: '0' | '1' | '2';
  /** The proof; null where it is public. */
  readonly proved: AuthenticatedClient | null;
}

/**
 * Admits the client of a request about a person: one of the official tools, an application that is registered as public client,
 * or any application that proves itself.
 * @throws Refusal `application-unknown`, `client-proof-missing` and what the proof of a client leads to
 */
export async function admitPersonClient(
  parts: IdentityParts,
  claimed: ClaimedClient,
  request: { readonly resource: string; readonly address: string; readonly now: number },
): Promise<PersonClient> {
  const { clientId, proof } = claimed;
  const tool = officialTool(clientId);
  if (tool !== null) return { clientId, name: tool, acr: '0', proved: null };
  if (proof) {
    const asked = { clientId, proof, resource: request.resource };
    const proved = await authenticateClient(parts, asked, request.address, request.now);
    return { clientId, name: proved.principal.display_name, acr: proof.kind === 'secret' ? '1' : '2', proved };
  }
  const { reader } = parts.store;
  const principal = await principalByAppId.first(reader, { appId: clientId });
  if (principal?.type !== 'Application') throw new Refusal('application-unknown', { clientId });
  const application = await applicationDetails.first(reader, { appId: clientId });
  if (!application || !isPublic(application.details)) throw new Refusal('client-proof-missing', { clientId });
  if (principal.enabled !== 1) throw new Refusal('application-disabled', { clientId, name: principal.display_name });
  return { clientId, name: principal.display_name, acr: '0', proved: null };
}

/** The name of a client that was admitted before, as people are shown it. */
export async function clientName(parts: IdentityParts, clientId: string): Promise<string> {
  const tool = officialTool(clientId);
  if (tool !== null) return tool;
  return (await principalByAppId.first(parts.store.reader, { appId: clientId }))?.display_name ?? clientId;
}

/** Whether an application's details say that people may sign in through it without its proving itself (Graph's property). */
function isPublic(details: string): boolean {
  return (JSON.parse(details) as { isFallbackPublicClient?: unknown }).isFallbackPublicClient === true;
}
