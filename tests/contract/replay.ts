import assert from 'node:assert/strict';
import type { TestServer } from '../support/server.ts';
import type { Contract, ContractPlane } from './openapi.ts';
import type { Recording } from './recordings.ts';
import { openWire, type Wire, type WireAnswer } from './wire.ts';

/** The ids that stand in the recordings for the recorder's own. */
const recorded = {
  tenantId: '11111111-1111-1111-1111-111111111111',
  clientId: '22222222-2222-2222-2222-222222222222',
  objectId: '33333333-3333-3333-3333-333333333333',
  subscriptionId: '44444444-4444-4444-4444-444444444444',
  guid: '<guid>',
  domain: 'example.test',
} as const;

/** How one recording is sent. */
export interface Replaying {
  /** Texts of the recording (URL and body) and what takes their place, beside the ids and hosts. */
  readonly replace?: Readonly<Record<string, string>>;
  /** Fields of the recorded form that get another value. */
  readonly form?: Readonly<Record<string, string>>;
  /** The vault that stands for the recording's `v1`. */
  readonly vault?: string;
}

/** Sends recorded requests to a started server, with its hosts, ids and tokens in place of the recorder's. */
export class Replay {
  readonly server: TestServer;
  readonly contract: Contract;
  readonly #wire: Wire;
  readonly #tokens = new Map<string, Promise<string>>();

  constructor(server: TestServer, contract: Contract) {
    this.server = server;
    this.contract = contract;
    this.#wire = openWire(server);
  }

  close(): void {
    this.#wire.close();
  }

  /** Sends a recording and, where the contract has the operation, demands what its files demand of the answer. */
  async send(recording: Recording, how: Replaying = {}): Promise<WireAnswer> {
    const { server } = this;
    if (recording.host.startsWith('imds')) {
      return this.#wire.sendPlain({
        method: recording.method,
        url: this.#substitute(recording.url, how),
        headers: recording.headers,
      });
    }
    const host = recording.host.replace(recorded.domain, server.domain).replace(/^v1\./, `${how.vault ?? 'v1'}.`);
    const body = this.#bodyOf(recording, how);
    const authorization = recording.authorized ? `Bearer ${await this.token(host)}` : undefined;
    return this.exchange({
      method: recording.method,
      host,
      url: this.#substitute(recording.url, how),
      headers: { ...withoutLength(recording.headers), ...(authorization ? { authorization } : {}) },
      ...(body === undefined ? {} : { body }),
    });
  }

  /** Sends any request; the answer is held against the contract where it has the operation, an error always. */
  async exchange(request: Parameters<Wire['send']>[0]): Promise<WireAnswer> {
    const answer = await this.#wire.send(request);
    const plane = planeOf(request.host);
    if (!plane) return answer;
    const { problems } = this.contract.judge({
      plane,
      method: request.method,
      path: request.url,
      apiVersion: apiVersionOf(request.url),
      status: answer.status,
      headers: answer.headers,
      body: answer.body,
    });
    assert.deepEqual(problems, [], `${request.method} ${request.url}: ${answer.status}`);
    return answer;
  }

  /** Sends an authorised request with a JSON body; for what a recording takes for granted. */
  async prepare(method: string, host: string, url: string, body?: unknown): Promise<WireAnswer> {
    const headers = { authorization: `Bearer ${await this.token(host)}`, 'content-type': 'application/json' };
    const text = body === undefined ? {} : { body: JSON.stringify(body) };
    return this.exchange({ method, host, url, headers, ...text });
  }

  /** An access token of the administrator for the plane of a host, from the server's own token endpoint. */
  token(host: string): Promise<string> {
    const { domain, port } = this.server;
    const name = host.endsWith(`.vault.${domain}`) ? `vault.${domain}` : host;
    const known = this.#tokens.get(name);
    if (known) return known;
    const asked = this.#askForToken(`https://${name}:${port}/.default`);
    this.#tokens.set(name, asked);
    return asked;
  }

  async #askForToken(scope: string): Promise<string> {
    const { tenantId, clientId, clientSecret } = this.server.administrator;
    const form = { client_id: clientId, client_secret: clientSecret, grant_type: 'client_credentials', scope };
    const { status, body } = await this.#wire.send({
      method: 'POST',
      host: `login.${this.server.domain}`,
      url: `/${tenantId}/oauth2/v2.0/token`,
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: new URLSearchParams(form).toString(),
    });
    assert.equal(status, 200, 'the token endpoint');
    return body.access_token;
  }

  #bodyOf({ body }: Recording, how: Replaying): string | undefined {
    if (body === undefined) return undefined;
    if (typeof body !== 'string') return this.#substitute(JSON.stringify(body), how);
    const form = new URLSearchParams(body);
    for (const [name, value] of form) form.set(name, how.form?.[name] ?? this.#substitute(value, how));
    return form.toString();
  }

  #substitute(text: string, { replace = {} }: Replaying): string {
    const { administrator, subscriptionId, domain, port } = this.server;
    const pairs = {
      ...replace,
      [recorded.tenantId]: administrator.tenantId,
      [recorded.clientId]: administrator.clientId,
      [recorded.subscriptionId]: subscriptionId,
      [recorded.guid]: '0f0e0d0c-0b0a-4908-8706-050403020100',
      [`vault.${recorded.domain}`]: `vault.${domain}:${port}`,
    };
    return Object.entries(pairs).reduce((result, [from, to]) => result.replaceAll(from, to), text);
  }
}

/** The value of `api-version`, whose name clients also write percent-encoded; empty where there is none. */
export function apiVersionOf(url: string): string {
  return new URLSearchParams(url.slice(url.indexOf('?') + 1)).get('api-version') ?? '';
}

/** The plane of a host name that the contract has files for. */
export function planeOf(host: string): ContractPlane | null {
  if (/^[^.]+\.vault\./.test(host)) return 'data';
  return host.startsWith('management.') ? 'management' : null;
}

function withoutLength(headers: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => name !== 'content-length'));
}
