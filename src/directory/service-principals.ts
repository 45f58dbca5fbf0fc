import { isUuid } from '../base/ids.ts';
import { changeMemberPrincipal } from '../identity/people.ts';
import * as identity from '../identity/service.ts';
import type { Answer, Call } from '../operations/operation.ts';
import { Refusal } from '../refusals/refusal.ts';
import type { Session } from '../store/port.ts';
import { assertUnchanged, readApplicationBody } from './application-body.ts';
import { changeCredentials } from './applications.ts';
import { requireApplicationRight, requireRight } from './authority.ts';
import { judgeText } from './names.ts';
import type { DirectoryParts } from './parts.ts';
import {
  type ApplicationRecord,
  findApplicationByAppId,
  findPrincipal,
  findPrincipalIdOfApp,
  listCredentials,
  type PrincipalRecord,
} from './repository.ts';
import { applicationOf, type GraphObject, principalOf } from './wire.ts';

const KIND = 'ServicePrincipal';

/** Properties that are kept as they come and mean nothing here. */
const keptTexts = ['description', 'homepage', 'loginUrl', 'notes'];
const keptLists = ['notificationEmailAddresses', 'tags'];
const credentialLists = ['keyCredentials', 'passwordCredentials'];
const MAX_TEXT = 1024;
const MAX_LIST = 100;

/** `POST /servicePrincipals`: makes the service principal of an application. */
export async function makeServicePrincipal(parts: DirectoryParts, call: Call): Promise<Answer> {
  await requireRight(parts.store.reader, call, 'applications');
  const { appId, accountEnabled = true, ...rest } = call.body ?? {};
  const details = readDetails(rest, null);
  if (typeof appId !== 'string' || !isUuid(appId)) throw invalid('appId', 'it must be the GUID of an application');
  if (typeof accountEnabled !== 'boolean') throw invalid('accountEnabled', 'it must be true or false');
  return call.commit(async (transaction) => {
    await requireRight(transaction, call, 'applications');
    const application = await findApplicationByAppId(transaction, appId);
    if (!application) throw new Refusal('graph-application-missing', { appId });
    if (await findPrincipalIdOfApp(transaction, appId)) throw new Refusal('graph-principal-exists', { appId });
    const { id } = await identity.createServicePrincipal(transaction, parts, {
      appId: application.app_id,
      displayName: application.display_name,
      enabled: accountEnabled,
      now: call.time,
    });
    const made = await requireServicePrincipal(transaction, id);
    await changeMemberPrincipal(transaction, id, { ...memberOf(made, accountEnabled), details });
    const record = await requireServicePrincipal(transaction, id);
    const url = `${call.origin}/v1.0/servicePrincipals/${id}`;
    const context = { '@odata.context': `${call.origin}/v1.0/$metadata#servicePrincipals/$entity` };
    return {
      status: 201,
      headers: { location: url },
      body: { ...context, ...principalOf(record, await listCredentials(transaction, [application.app_id])) },
      subject: url,
      audit: { oid: id, appId: application.app_id },
    };
  });
}

/**
 * `PATCH /servicePrincipals/{id}`: enables or disables it, keeps texts and tags. Its certificates are its application's, so that
 * changing them takes the right to change the application.
 */
export async function patchServicePrincipal(parts: DirectoryParts, call: Call): Promise<Answer> {
  return call.commit(async (transaction) => {
    const record = await requireServicePrincipal(transaction, call.parameters['id'] ?? '');
    await requireRight(transaction, call, 'applications', { ownedId: record.id, role: record.directory_role });
    const held = record.app_id === null ? [] : await listCredentials(transaction, [record.app_id]);
    const { accountEnabled = record.enabled === 1, keyCredentials, passwordCredentials, ...rest } = call.body ?? {};
    const details = readDetails(rest, principalOf(record, held));
    if (typeof accountEnabled !== 'boolean') throw invalid('accountEnabled', 'it must be true or false');
    if (!accountEnabled) await assertNotLast(transaction, record.id);
    if (keyCredentials !== undefined || passwordCredentials !== undefined) {
      const application = await requireApplicationOf(transaction, record.id);
      await requireApplicationRight(transaction, call, application);
      const lists = Object.fromEntries(
        Object.entries(call.body ?? {}).filter(([name]) => credentialLists.includes(name)),
      );
      const change = readApplicationBody(lists, applicationOf(application, held));
      await changeCredentials(transaction, parts, application.app_id, change, held, call.time);
    }
    await changeMemberPrincipal(transaction, record.id, {
      ...memberOf(record, accountEnabled),
      details: { ...(JSON.parse(record.own_details ?? '{}') as GraphObject), ...details },
    });
    const changed = Object.keys(call.body ?? {}).filter((name) => /^\w{1,100}$/.test(name));
    return { status: 204, audit: { oid: record.id, accountEnabled, changed } };
  });
}

/** `DELETE /servicePrincipals/{id}`: its tokens and roles end with it; the application stays. */
export async function removeServicePrincipal(call: Call): Promise<Answer> {
  return call.commit(async (transaction) => {
    const record = await requireServicePrincipal(transaction, call.parameters['id'] ?? '');
    await requireRight(transaction, call, 'applications', { ownedId: record.id, role: record.directory_role });
    if (record.type === 'ManagedIdentity')
      throw new Refusal('directory-managed-identity', { resource: record.resource_id });
    await assertNotLast(transaction, record.id);
    await identity.deletePrincipal(transaction, record.id);
    return { status: 204, audit: { oid: record.id, appId: record.app_id } };
  });
}

/**
 * The application whose credentials are a service principal's.
 * @throws Refusal `graph-resource-not-found`, `directory-managed-identity`
 */
export async function requireApplicationOf(session: Session, id: string): Promise<ApplicationRecord> {
  const record = await requireServicePrincipal(session, id);
  if (record.type === 'ManagedIdentity')
    throw new Refusal('directory-managed-identity', { resource: record.resource_id });
  const application = record.app_id === null ? null : await findApplicationByAppId(session, record.app_id);
  if (application) return application;
  throw new Refusal('graph-resource-not-found', { id: id.slice(0, 100), kind: 'application' });
}

async function requireServicePrincipal(session: Session, id: string): Promise<PrincipalRecord> {
  const record = await findPrincipal(session, id);
  if (record?.kind === KIND) return record;
  throw new Refusal('graph-resource-not-found', { id: id.slice(0, 100), kind: KIND });
}

function memberOf(record: PrincipalRecord, enabled: boolean) {
  return { type: record.type, displayName: record.display_name, upn: record.upn, enabled };
}

function readDetails(body: GraphObject, current: GraphObject | null): GraphObject {
  const details: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(body)) {
    if (name.includes('@odata.')) continue;
    if (keptTexts.includes(name)) details[name] = value === null ? null : readText(name, value);
    else if (keptLists.includes(name)) details[name] = readTexts(name, value);
    else assertUnchanged(name, value, current, KIND);
  }
  return details;
}

function readTexts(name: string, value: unknown): readonly string[] {
  if (!Array.isArray(value) || value.length > MAX_LIST) throw invalid(name, `it must be a list of at most ${MAX_LIST}`);
  return value.map((text) => readText(name, text));
}

function readText(name: string, value: unknown): string {
  const reason =
    typeof value === 'string' && value.length <= MAX_TEXT ? judgeText(value) : `it must be a text up to ${MAX_TEXT}`;
  if (reason !== null) throw invalid(name, reason);
  return value as string;
}

async function assertNotLast(session: Session, id: string): Promise<void> {
  if (await identity.isLastAdministrator(session, id)) throw new Refusal('directory-last-administrator', { oid: id });
}

function invalid(property: string, reason: string): Refusal {
  return new Refusal('graph-property-invalid', { property, kind: KIND, reason });
}
