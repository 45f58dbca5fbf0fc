import assert from 'node:assert/strict';
import { createPrivateKey, createSign, type KeyObject, randomUUID } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import { newKey } from '../../src/identity/stored-keys.ts';
import { call, getToken, resources } from '../support/http.ts';
import type { TestServer } from '../support/server.ts';
import { type Nodes, startTwoNodes } from '../support/two-nodes.ts';

/** A client assertion that was overheard is brought again: over many connections at once, and to another process. */
let nodes: Nodes;
let first: TestServer;
let second: TestServer;
let clientId: string;
let kid: string;
let privateKey: KeyObject;

const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');

before(async () => {
  nodes = await startTwoNodes();
  [first, second] = nodes.nodes;
  const now = Date.now();
  const made = await newKey(now, now);
  kid = made.kid;
  privateKey = createPrivateKey({ key: Buffer.from(made.pkcs8!, 'base64'), format: 'der', type: 'pkcs8' });
  const token = await getToken(first, resources.graph);
  const graph = async (method: string, path: string, body: unknown) => {
    const reply = await call(first, { method, host: 'graph', path: `/v1.0${path}`, token, body });
    assert.ok(reply.status < 300, `${method} ${path}: ${reply.status} ${reply.text}`);
    return reply.body;
  };
  const application = await graph('POST', '/applications', { displayName: 'certified' });
  clientId = application.appId;
  await graph('POST', '/servicePrincipals', { appId: clientId });
  const key = { type: 'AsymmetricX509Cert', usage: 'Verify', key: made.certificate };
  await graph('PATCH', `/applications/${application.id}`, { keyCredentials: [key] });
});
after(() => nodes.stop());

function assertion(claims: Readonly<Record<string, unknown>> = {}): string {
  const now = Math.floor(Date.now() / 1000);
  const aud = `https://login.${first.domain}:${first.port}/${first.tenantId}/oauth2/v2.0/token`;
  const input = `${encode({ alg: 'RS256', typ: 'JWT', x5t: kid })}.${encode({
    aud,
    iss: clientId,
    sub: clientId,
    jti: randomUUID(),
    nbf: now,
    exp: now + 600,
    ...claims,
  })}`;
  return `${input}.${createSign('RSA-SHA256').update(input).sign(privateKey).toString('base64url')}`;
}

const bring = (node: TestServer, text: string, resource = resources.data) =>
  call(node, {
    method: 'POST',
    host: 'login',
    path: `/${node.tenantId}/oauth2/v2.0/token`,
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: new URLSearchParams({
      grant_type: 'client_credentials',
      client_id: clientId,
      client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
      client_assertion: text,
      scope: `${resource}/.default`,
    }).toString(),
  });

describe('a client assertion', () => {
  it('is good once for a resource, of many that bring it at once over both processes', async () => {
    for (let round = 0; round < 5; round++) {
      const text = assertion();
      const replies = await Promise.all(Array.from({ length: 16 }, (_, turn) => bring(nodes.nodes[turn % 2]!, text)));
      assert.deepEqual(
        replies.map(({ status }) => status).sort(),
        [200, ...Array.from({ length: 15 }, () => 401)],
        replies.map(({ status, text: body }) => `${status} ${body.slice(0, 120)}`).join('\n'),
      );
      for (const { status, text: body } of replies) if (status !== 200) assert.match(body, /AADSTS/);
    }
  });

  it('stays used up in the other process, and afterwards', async () => {
    const text = assertion();
    assert.equal((await bring(first, text)).status, 200);
    for (const node of [second, first, second]) assert.equal((await bring(node, text)).status, 401);
    // Another resource is another use, once.
    assert.equal((await bring(second, text, resources.management)).status, 200);
    assert.equal((await bring(first, text, resources.management)).status, 401);
  });

  it('is not another by another spelling of the same', async () => {
    const text = assertion();
    assert.equal((await bring(first, text)).status, 200);
    const [head, payload, signature] = text.split('.') as [string, string, string];
    const spaced = encode(JSON.parse(Buffer.from(payload, 'base64url').toString()));
    for (const spelled of [
      `${text}=`,
      `${head}.${payload}=.${signature}`,
      ` ${text}`,
      `${head}.${spaced}.${signature}`,
    ]) {
      assert.notEqual((await bring(second, spelled)).status, 200, spelled.slice(-10));
    }
  });

  it('is for this authority and of this client, whichever process is asked', async () => {
    for (const claims of [
      { aud: `https://login.microsoftonline.com/${first.tenantId}/oauth2/v2.0/token` },
      { aud: `https://login.${first.domain}:${first.port}/${randomUUID()}/oauth2/v2.0/token` },
      { aud: 'https://login.localhost.example/' },
      { iss: first.administrator.clientId },
      { sub: first.administrator.clientId },
      { exp: Math.floor(Date.now() / 1000) - 600 },
    ]) {
      for (const node of nodes.nodes) {
        assert.equal((await bring(node, assertion(claims))).status, 401, JSON.stringify(claims));
      }
    }
  });
});
