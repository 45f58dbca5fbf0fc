import assert from 'node:assert/strict';
import { call } from '../../support/http.ts';
import type { TestServer } from '../../support/server.ts';

/** A token of the first administrator's for the data plane. */
export async function tokenOf(server: TestServer): Promise<string> {
  const { tenantId, clientId, clientSecret } = server.administrator;
  const form = new URLSearchParams({
    grant_type: 'client_credentials',
    client_id: clientId,
    client_secret: clientSecret,
    scope: 'https://vault.azure.net/.default',
  });
  const reply = await call(server, {
    method: 'POST',
    host: 'login',
    path: `/${tenantId}/oauth2/v2.0/token`,
    body: form.toString(),
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
  });
  assert.equal(reply.status, 200, reply.text);
  return reply.body.access_token;
}
