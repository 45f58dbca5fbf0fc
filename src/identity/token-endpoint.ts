import type { Answer, Call } from '../operations/operation.ts';
import { keepUse } from './client-assertion.ts';
import { type AuthenticatedClient, authenticateClient } from './client-authentication.ts';
import { assertTenant, type IdentityParts } from './parts.ts';
import { authorizationOf, type PersonTokens } from './person-tokens.ts';
import { deleteAssertionsBefore } from './repository.ts';
import { readTokenRequest, type TokenRequest } from './token-request.ts';
import { type IssuedToken, issueAccessToken, TOKEN_SECONDS } from './tokens.ts';

/** The token endpoint: proves the client, and the person where there is one, and issues the tokens. */
export class TokenEndpoint {
  readonly #parts: IdentityParts;
  readonly #people: PersonTokens;
  #cleaned = 0;

  constructor(parts: IdentityParts, people: PersonTokens) {
    this.#parts = parts;
    this.#people = people;
  }

  async issue(call: Call, version: 1 | 2): Promise<Answer> {
    assertTenant(this.#parts, call);
    switch (call.body?.['grant_type']) {
      case 'password':
        return this.#people.byPassword(call, version);
      case 'refresh_token':
        return this.#people.byRefreshToken(call, version);
      case 'urn:ietf:params:oauth:grant-type:device_code':
      case 'device_code':
        return this.#people.byDeviceCode(call, version);
      default:
        return this.#issueToApplication(call, version);
    }
  }

  async #issueToApplication(call: Call, version: 1 | 2): Promise<Answer> {
    const parts = this.#parts;
    const request = readTokenRequest(call.body ?? {}, authorizationOf(call), version, parts.domain);
    const { clientId, resource, proof } = request;
    call.note({ clientId, resource, proof: proof.kind });
    const client = await authenticateClient(parts, request, call.clientAddress, call.time);
    // Signed before the assertion is used up: a transaction waits for nothing but itself.
    const issued = await this.#sign(request, client, call.time);
    const answer = tokenAnswer(issued, request, client, version);
    return client.assertion ? this.#useAssertion(call, client, answer) : answer;
  }

  #sign(
    { resource, clientId, proof }: TokenRequest,
    { principal, credential, managedIdentity }: AuthenticatedClient,
    now: number,
  ): Promise<IssuedToken> {
    return issueAccessToken(this.#parts, {
      resource,
      oid: principal.id,
      appId: clientId,
      appIdAcr: proof.kind === 'secret' ? '1' : '2',
      lifetimeSeconds: TOKEN_SECONDS,
      credential,
      ...(managedIdentity !== null && { managedIdentity }),
      now,
    });
  }

  /**
   * Keeps an assertion's use, in the transaction of the audit record: of two requests that bring it, one is answered.
   */
  #useAssertion(call: Call, client: AuthenticatedClient, answer: Answer): Promise<Answer> {
    const { use } = client.assertion!;
    const isCleaning = call.time - this.#cleaned > 60_000;
    if (isCleaning) this.#cleaned = call.time;
    return call.commit(async (transaction) => {
      if (isCleaning) await deleteAssertionsBefore.change(transaction, { now: call.time });
      await keepUse(transaction, use, client.principal.app_id ?? '');
      return answer;
    });
  }
}

function tokenAnswer(issued: IssuedToken, request: TokenRequest, client: AuthenticatedClient, version: 1 | 2): Answer {
  const seconds = issued.expires - issued.notBefore;
  // A number in both versions (RFC 6749 §5.1): az adds it to the time, also where it came through the AD FS form.
  const common = {
    token_type: 'Bearer',
    access_token: issued.token,
    expires_in: seconds,
    ext_expires_in: seconds,
  };
  const body =
    version === 2
      ? common
      : {
          ...common,
          expires_on: String(issued.expires),
          not_before: String(issued.notBefore),
          resource: request.resource,
        };
  return {
    status: 200,
    body,
    headers: { 'cache-control': 'no-store', pragma: 'no-cache' },
    audit: { oid: client.principal.id, tokenId: issued.id, keyId: client.credentialId },
  };
}
