import { vaultScope } from './arm.ts';
import { call, type Reply } from './http.ts';
import type { TestServer } from './server.ts';

const V = 'api-version=7.5';

/** One request about the move of a vault; none of the verbs reads how far it has come. */
export function askMove(
  server: TestServer,
  token: string,
  vault: string,
  verb: '' | 'plan' | 'apply' | 'finish' | 'abandon',
  properties: object = {},
): Promise<Reply> {
  const path = `${vaultScope(server, vault)}/providers/Strongroom.Resources/move${verb && `/${verb}`}?api-version=2026-01-01`;
  return call(server, {
    host: 'management',
    method: verb === '' ? 'GET' : 'POST',
    path,
    token,
    ...(verb !== '' && { body: { properties } }),
  });
}

/** Sets a secret; @returns the status, or null where no answer came */
export async function setSecret(
  server: TestServer,
  token: string,
  vault: string,
  name: string,
  value: string,
): Promise<number | null> {
  const ask = { host: `${vault}.vault`, method: 'PUT', path: `/secrets/${name}?${V}`, token, body: { value } };
  return call(server, ask).then(
    ({ status }) => status,
    () => null,
  );
}

/** The value of a secret, or the status of the refusal. */
export async function secretValue(
  server: TestServer,
  token: string,
  vault: string,
  name: string,
): Promise<string | number> {
  const { status, body } = await call(server, { host: `${vault}.vault`, path: `/secrets/${name}?${V}`, token });
  return status === 200 ? (body.value as string) : status;
}
