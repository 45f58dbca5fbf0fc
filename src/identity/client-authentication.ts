import { toIso } from '../base/text.ts';
import { Refusal } from '../refusals/refusal.ts';
import { type VerifiedAssertion, verifyAssertion } from './client-assertion.ts';
import { noSecret, verifySecret } from './client-secret.ts';
import { federatedMark, type ProvingCredential } from './credential-mark.ts';
import { outsideIssuer, proveFederated } from './federated-assertion.ts';
import type { IdentityParts } from './parts.ts';
import {
  type CredentialRow,
  credentialsOfApp,
  identityByClient,
  type PrincipalRow,
  principalByAppId,
} from './repository.ts';
import type { TokenRequest } from './token-request.ts';

/** A client that has proved itself. */
export interface AuthenticatedClient {
  readonly principal: PrincipalRow;
  /** Id of the credential that did, for the audit log. */
  readonly credentialId: string;
  /** The credential as the token carries it. */
  readonly credential: ProvingCredential;
  /** Resource id where the client is a managed identity, proved by a federated credential; null for applications. */
  readonly managedIdentity: string | null;
  /** Set where it was an assertion: it counts once, so its use is yet to be recorded. */
  readonly assertion: VerifiedAssertion | null;
}

/**
 * Verifies a client's proof, which came from an address. An unknown client costs the same queries and the same hash as
 * a known one with a wrong secret.
 * @throws Refusal
 */
export async function authenticateClient(
  parts: IdentityParts,
  request: TokenRequest,
  address: string,
  now: number,
): Promise<AuthenticatedClient> {
  const { clientId, proof, resource } = request;
  const [principal, credentials] = await Promise.all([
    principalByAppId.first(parts.store.reader, { appId: clientId }),
    credentialsOfApp.all(parts.store.reader, { appId: clientId }),
  ]);
  const secret = proof.kind === 'secret' ? judgeSecret(proof.secret, credentials, now) : null;
  const issuer = proof.kind === 'assertion' ? outsideIssuer(proof.assertion) : null;
  if (proof.kind === 'assertion' && issuer !== null && principal) {
    const federated = await proveFederated(parts, { clientId, assertion: proof.assertion, issuer }, now);
    assertEnabled(principal, clientId);
    const credential = { mark: federatedMark(federated), expires: null };
    const managed = await identityByClient.first(parts.store.reader, { clientId });
    const managedIdentity = managed?.resource_id ?? null;
    return { principal, credentialId: federated.id, credential, managedIdentity, assertion: null };
  }
  // A managed identity has no credentials of its own: by secret or certificate it is no application.
  if (!principal || principal.type === 'ManagedIdentity') throw new Refusal('application-unknown', { clientId });
  const assertion =
    proof.kind === 'assertion'
      ? await verifyAssertion(parts, { clientId, resource, assertion: proof.assertion, address }, credentials, now)
      : null;
  if (secret) assertSecret(secret, clientId, now);
  // After the proof: whether an application is disabled is its owner's to know.
  assertEnabled(principal, clientId);
  const credentialId = assertion?.credentialId ?? secret!.match!.id;
  const { expires } = credentials.find(({ id }) => id === credentialId)!;
  const credential = { mark: credentialId, expires };
  return { principal, credentialId, credential, managedIdentity: null, assertion };
}

function assertEnabled(principal: PrincipalRow, clientId: string): void {
  if (principal.enabled !== 1) throw new Refusal('application-disabled', { clientId, name: principal.display_name });
}

interface SecretVerdict {
  readonly match: CredentialRow | null;
  readonly valid: boolean;
}

/** Compares with every secret of the application, so that the time does not tell which one it was. */
function judgeSecret(text: string, credentials: readonly CredentialRow[], now: number): SecretVerdict {
  let match: CredentialRow | null = null;
  let valid = false;
  for (const row of credentials) {
    if (row.kind !== 'secret' || !verifySecret(text, row.material)) continue;
    const isValid = row.starts <= now && now < row.expires;
    if (!match || isValid) match = row;
    valid ||= isValid;
  }
  if (!credentials.some((row) => row.kind === 'secret')) verifySecret(text, noSecret);
  return { match, valid };
}

function assertSecret({ match, valid }: SecretVerdict, clientId: string, now: number): void {
  if (!match) throw new Refusal('client-secret-wrong', { clientId });
  if (valid) return;
  const facts = {
    clientId,
    keyId: match.id,
    starts: toIso(match.starts),
    expired: toIso(match.expires),
    now: toIso(now),
  };
  throw new Refusal(match.starts > now ? 'client-secret-not-yet-valid' : 'client-secret-expired', facts);
}
