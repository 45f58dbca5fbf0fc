import type { Answer, Call } from '../operations/operation.ts';
import { Refusal } from '../refusals/refusal.ts';
import type { Transaction } from '../store/port.ts';
import { keepUse } from './client-assertion.ts';
import {
  DEVICE_CODE_SECONDS,
  judgeDeviceCode,
  keepDeviceCode,
  newDeviceCode,
  notePoll,
  POLL_SECONDS,
  takeDeviceCode,
} from './device-codes.ts';
import type { IdentityParts } from './parts.ts';
import { answerPerson } from './person-answer.ts';
import {
  type PersonOrder,
  readDevicePoll,
  readPasswordRequest,
  readPersonOrder,
  readRefreshRequest,
} from './person-request.ts';
import { assertStanding, type PersonSignIn, type SignedInPerson } from './person-sign-in.ts';
import { admitPersonClient, type PersonClient } from './public-clients.ts';
import {
  endFamily,
  judgeRefreshToken,
  keepRefreshToken,
  newRefreshToken,
  replaceRefreshToken,
} from './refresh-tokens.ts';
import { type ClaimedClient, readClient } from './token-request.ts';

/** The grants by which a client gets tokens for a person. */
export class PersonTokens {
  readonly #parts: IdentityParts;
  readonly #signIn: PersonSignIn;

  constructor(parts: IdentityParts, signIn: PersonSignIn) {
    this.#parts = parts;
    this.#signIn = signIn;
  }

  /** `grant_type=password` @throws Refusal */
  async byPassword(call: Call, version: 1 | 2): Promise<Answer> {
    const request = readPasswordRequest(call.body ?? {}, authorizationOf(call), version, this.#parts.domain);
    const { username, password, order } = request;
    const client = await this.#admit(call, request.client, order);
    const person = await this.#signIn.signIn({ username, password, address: call.clientAddress, now: call.time });
    return this.grant(call, client, person, order, async () => {});
  }

  /** `grant_type=refresh_token` @throws Refusal */
  async byRefreshToken(call: Call, version: 1 | 2): Promise<Answer> {
    const { reader } = this.#parts.store;
    const request = readRefreshRequest(call.body ?? {}, authorizationOf(call), version, this.#parts.domain);
    const client = await this.#admit(call, request.client, request.order);
    const brought = { text: request.refreshToken, clientId: client.clientId, now: call.time };
    try {
      const first = await judgeRefreshToken(reader, this.#parts.keyring, brought);
      const { session } = first;
      const principal = await assertStanding(reader, session);
      const refresh = { family: session.family, text: first.next };
      const answer = await this.#answer(call, client, { principal, proof: session.proof }, request.order, refresh);
      return await call.commit(async (transaction) => {
        // Once more: of two requests that bring it, one replaces it.
        const redemption = await judgeRefreshToken(transaction, this.#parts.keyring, brought);
        if (redemption.next !== first.next) throw new Refusal('refresh-token-unknown');
        await assertStanding(transaction, session);
        if (redemption.replaces) await replaceRefreshToken(transaction, brought.text, redemption, call.time);
        await keepProof(transaction, client);
        return answer;
      });
    } catch (error) {
      if (error instanceof Refusal && error.code === 'refresh-token-reused') {
        const family = String(error.facts['family']);
        await this.#parts.store.write((transaction) => endFamily(transaction, family));
      }
      throw error;
    }
  }

  /** `POST …/devicecode` @throws Refusal */
  async startDevice(call: Call, version: 1 | 2): Promise<Answer> {
    const form = call.body ?? {};
    const claimed = readClient(form, authorizationOf(call));
    const order = readPersonOrder(form, version, this.#parts.domain);
    const { clientId } = await this.#admit(call, claimed, order);
    const code = newDeviceCode(this.#parts.random);
    const start = { clientId, order, address: call.clientAddress, now: call.time };
    return call.commit(async (transaction) => {
      await keepDeviceCode(transaction, code, start);
      return deviceAnswer(call.origin, version, code);
    });
  }

  /** `grant_type=urn:ietf:params:oauth:grant-type:device_code` @throws Refusal */
  async byDeviceCode(call: Call, version: 1 | 2): Promise<Answer> {
    const { reader } = this.#parts.store;
    const poll = readDevicePoll(call.body ?? {}, authorizationOf(call), version);
    const asked = { text: poll.deviceCode, clientId: poll.client.clientId, now: call.time };
    const approved = await judgeDeviceCode(reader, asked).catch(async (error: unknown) => {
      if (error instanceof Refusal && error.code === 'device-code-pending')
        await this.#parts.store.write((transaction) => notePoll(transaction, poll.deviceCode, call.time));
      throw error;
    });
    const { oid, proof } = approved;
    const order = { ...approved.order, version, wantsClientInfo: poll.wantsClientInfo };
    const client = await this.#admit(call, poll.client, order);
    const principal = await assertStanding(reader, { oid, proof });
    return this.grant(call, client, { principal, proof }, order, (transaction) =>
      takeDeviceCode(transaction, poll.deviceCode),
    );
  }

  /**
   * Gives a client the tokens of a person who has just signed in.
   * @param settle what else is to hold together with it, in its transaction
   */
  async grant(
    call: Call,
    client: PersonClient,
    person: SignedInPerson,
    order: PersonOrder,
    settle: (transaction: Transaction) => Promise<void>,
  ): Promise<Answer> {
    const refresh = order.wantsRefreshToken ? newRefreshToken(this.#parts.random) : null;
    const answer = await this.#answer(call, client, person, order, refresh);
    const { proof } = person;
    const oid = person.principal.id;
    return call.commit(async (transaction) => {
      await settle(transaction);
      await assertStanding(transaction, { oid, proof });
      if (refresh) {
        const session = { family: refresh.family, oid, clientId: client.clientId, proof };
        await keepRefreshToken(transaction, refresh.text, session, call.time);
      }
      await keepProof(transaction, client);
      return answer;
    });
  }

  async #admit(call: Call, claimed: ClaimedClient, { resource }: PersonOrder): Promise<PersonClient> {
    call.note({ clientId: claimed.clientId, resource });
    const address = call.clientAddress;
    return admitPersonClient(this.#parts, claimed, { resource, address, now: call.time });
  }

  #answer(
    call: Call,
    client: PersonClient,
    { principal, proof }: SignedInPerson,
    order: PersonOrder,
    refresh: { readonly family: string; readonly text: string } | null,
  ): Promise<Answer> {
    const issuer = `${call.origin}/${this.#parts.tenantId}/v2.0`;
    const grant = { principal, client, proof, refresh, issuer, address: call.clientAddress, now: call.time };
    return answerPerson(this.#parts, grant, order);
  }
}

/** RFC 8628 §3.2; version 1 has numbers as text, and `verification_url`. */
function deviceAnswer(
  origin: string,
  version: 1 | 2,
  code: { readonly text: string; readonly userCode: string },
): Answer {
  const url = `${origin}/devicelogin`;
  const { text, userCode } = code;
  const [expires, interval] =
    version === 2 ? [DEVICE_CODE_SECONDS, POLL_SECONDS] : [`${DEVICE_CODE_SECONDS}`, `${POLL_SECONDS}`];
  const message = `To sign in, use a web browser to open the page ${url} and enter the code ${userCode} to authenticate.`;
  return {
    status: 200,
    headers: { 'cache-control': 'no-store', pragma: 'no-cache' },
    body: {
      user_code: userCode,
      device_code: text,
      verification_uri: url,
      ...(version === 1 && { verification_url: url }),
      expires_in: expires,
      interval,
      message,
    },
  };
}

/** The Authorization header of a request at the token endpoint. */
export function authorizationOf(call: Call): string | undefined {
  const { authorization } = call.headers;
  return typeof authorization === 'string' ? authorization : undefined;
}

/** A client's assertion counts once, here as everywhere. */
async function keepProof(transaction: Transaction, { clientId, proved }: PersonClient): Promise<void> {
  if (proved?.assertion) await keepUse(transaction, proved.assertion.use, clientId);
}
