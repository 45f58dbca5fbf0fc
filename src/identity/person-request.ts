import { Refusal } from '../refusals/refusal.ts';
import { type ClaimedClient, type Form, field, readAudience, readClient, requireField } from './token-request.ts';

/** What a request about a person asks for, whichever way the person signs in. */
export interface PersonOrder {
  /** The audience of the access token, exactly as asked for. */
  readonly resource: string;
  /** The version of the endpoint: it decides about the members of the answer. */
  readonly version: 1 | 2;
  /** The scope as asked for, handed back in the answer; the empty text where a resource was named. */
  readonly scope: string;
  /** Whether an id token is asked for (`openid`). */
  readonly wantsIdToken: boolean;
  /** Whether a refresh token is asked for (`offline_access`; version 1 gives one always). */
  readonly wantsRefreshToken: boolean;
  /** Whether `client_info` is asked for, by which MSAL knows accounts apart. */
  readonly wantsClientInfo: boolean;
}

/** A sign-in by name and password (RFC 6749 §4.3). */
export interface PasswordRequest {
  readonly client: ClaimedClient;
  readonly order: PersonOrder;
  readonly username: string;
  readonly password: string;
}

/** A refresh token brought for new tokens (RFC 6749 §6). */
export interface RefreshRequest {
  readonly client: ClaimedClient;
  readonly order: PersonOrder;
  readonly refreshToken: string;
}

/**
 * What a client may ask of a resource for a person: all of it, by the names that clients of Key Vault, Resource Manager and
 * Graph use for that. There is no way to ask for less.
 */
const PERSON_PERMISSIONS = ['.default', 'user_impersonation', 'Directory.AccessAsUser.All'];

/** Reads a password request. @throws Refusal */
export function readPasswordRequest(
  form: Form,
  authorization: string | undefined,
  version: 1 | 2,
  domain: string,
): PasswordRequest {
  const client = readClient(form, authorization);
  const order = readPersonOrder(form, version, domain);
  return { client, order, username: requireField(form, 'username'), password: requireField(form, 'password') };
}

/** Reads a refresh request. A resource has to be named: a refresh token is good for all of them. @throws Refusal */
export function readRefreshRequest(
  form: Form,
  authorization: string | undefined,
  version: 1 | 2,
  domain: string,
): RefreshRequest {
  const client = readClient(form, authorization);
  return {
    client,
    order: readPersonOrder(form, version, domain),
    refreshToken: requireField(form, 'refresh_token'),
  };
}

/** A device that asks with its code whether its user has decided (RFC 8628 §3.4). */
export interface DevicePoll {
  readonly client: ClaimedClient;
  readonly deviceCode: string;
  readonly version: 1 | 2;
  readonly wantsClientInfo: boolean;
}

/** Reads a device's question; libraries of version 1 call the code `code`. @throws Refusal */
export function readDevicePoll(form: Form, authorization: string | undefined, version: 1 | 2): DevicePoll {
  return {
    client: readClient(form, authorization),
    deviceCode: field(form, 'device_code') || requireField(form, field(form, 'code') ? 'code' : 'device_code'),
    version,
    wantsClientInfo: field(form, 'client_info') === '1',
  };
}

/** Reads what a form asks for about a person. @throws Refusal */
export function readPersonOrder(form: Form, version: 1 | 2, domain: string): PersonOrder {
  const resource = readAudience(form, version, domain, PERSON_PERMISSIONS);
  const scope = field(form, 'scope') ?? '';
  const scopes = scope.split(' ');
  const isFirstForm = version === 1 && field(form, 'resource') !== undefined;
  if (scope.length > MAX_SCOPE) throw new Refusal('scope-invalid', { scope: '(too long)' });
  return {
    resource,
    version,
    scope: isFirstForm ? '' : scope,
    wantsIdToken: isFirstForm || scopes.includes('openid'),
    wantsRefreshToken: isFirstForm || scopes.includes('offline_access'),
    wantsClientInfo: field(form, 'client_info') === '1',
  };
}

const MAX_SCOPE = 1024;
