import { randomInt } from 'node:crypto';
import { vaultScope } from './arm.ts';
import { call, getToken, type Reply, resources } from './http.ts';
import type { TestServer } from './server.ts';

const V = 'api-version=2026-04-01';
const MOVE = 'api-version=2026-01-01';

/** One call of the secrets API that changes nothing that matters, with the permission it needs. */
export interface SecretCall {
  readonly id: string;
  readonly permission: string;
  readonly method: string;
  readonly path: string;
  readonly body?: unknown;
}

/** Every operation on secrets; whoever is let in gets another answer than 403. */
export const secretCalls: readonly SecretCall[] = [
  { id: 'SecretSet', permission: 'set', method: 'PUT', path: '/secrets/one', body: { value: 'v' } },
  { id: 'SecretGet', permission: 'get', method: 'GET', path: '/secrets/one' },
  { id: 'SecretUpdate', permission: 'set', method: 'PATCH', path: '/secrets/one', body: { tags: { a: 'b' } } },
  { id: 'SecretList', permission: 'list', method: 'GET', path: '/secrets' },
  { id: 'SecretListVersions', permission: 'list', method: 'GET', path: '/secrets/one/versions' },
  { id: 'SecretDelete', permission: 'delete', method: 'DELETE', path: '/secrets/none' },
  { id: 'SecretBackup', permission: 'backup', method: 'POST', path: '/secrets/one/backup' },
  { id: 'SecretRestore', permission: 'restore', method: 'POST', path: '/secrets/restore', body: { value: 'AA' } },
  { id: 'SecretListDeleted', permission: 'list', method: 'GET', path: '/deletedsecrets' },
  { id: 'SecretGetDeleted', permission: 'get', method: 'GET', path: '/deletedsecrets/none' },
  { id: 'SecretRecover', permission: 'recover', method: 'POST', path: '/deletedsecrets/none/recover' },
  { id: 'SecretPurge', permission: 'purge', method: 'DELETE', path: '/deletedsecrets/none' },
];

/** The permissions of secrets. */
export const secretPermissions = ['get', 'list', 'set', 'delete', 'backup', 'restore', 'recover', 'purge'];

/** Each member with a chance. */
export function some<T>(list: readonly T[], percent: number): T[] {
  return list.filter(() => randomInt(100) < percent);
}

/** Whether a vault lets a token do a call. */
export async function isLetIn(server: TestServer, vault: string, token: string, one: SecretCall): Promise<boolean> {
  const { method, path, body } = one;
  const reply = await call(server, { host: `${vault}.vault`, method, path: `${path}?${V}`, token, body });
  if (reply.status === 401 || reply.status >= 500) throw new Error(`${method} ${path}: ${reply.status} ${reply.text}`);
  return reply.status !== 403;
}

/** The ids of the calls that a vault lets a token do. */
export async function letIn(server: TestServer, vault: string, token: string): Promise<ReadonlySet<string>> {
  const found = new Set<string>();
  for (const one of secretCalls) if (await isLetIn(server, vault, token, one)) found.add(one.id);
  return found;
}

/** One request for a vault's permission model: plan, apply, revert, or none to read it. */
export function askModel(
  server: TestServer,
  token: string,
  vault: string,
  verb: '' | 'plan' | 'apply' | 'revert',
  properties?: object,
): Promise<Reply> {
  const path = `${vaultScope(server, vault)}/providers/Strongroom.Access/permissionModel${verb && `/${verb}`}?${MOVE}`;
  const method = verb === '' ? 'GET' : 'POST';
  return call(server, { host: 'management', method, path, token, ...(properties && { body: { properties } }) });
}

/** Makes a group of these members. @returns its object id */
export async function makeGroup(server: TestServer, name: string, members: readonly string[]): Promise<string> {
  const token = await getToken(server, resources.graph);
  const send = async (path: string, body: object) => {
    const reply = await call(server, { host: 'graph', method: 'POST', path, token, body });
    if (reply.status >= 300) throw new Error(`${path}: ${reply.status} ${reply.text}`);
    return reply;
  };
  const made = await send('/v1.0/groups', {
    displayName: name,
    mailEnabled: false,
    mailNickname: name,
    securityEnabled: true,
  });
  const id = made.body.id as string;
  for (const member of members) {
    const reference = `https://graph.${server.domain}:${server.port}/v1.0/directoryObjects/${member}`;
    await send(`/v1.0/groups/${id}/members/$ref`, { '@odata.id': reference });
  }
  return id;
}
