import type { Answer, Call, Operation } from '../operations/operation.ts';
import { Refusal } from '../refusals/refusal.ts';
import * as applications from './applications.ts';
import { ask, read, write } from './graph-rows.ts';
import type { DirectoryParts } from './parts.ts';
import { peopleOperations } from './people-operations.ts';
import * as principals from './principals.ts';
import { type Collection, collections } from './principals.ts';
import * as servicePrincipals from './service-principals.ts';

/** The rows of the directory: Microsoft Graph v1.0, as far as `az` and the vault's users need it. */
export function graphOperations(parts: DirectoryParts): readonly Operation[] {
  return [
    read('GraphMe', '/me', (call) => principals.readMe(parts, call)),
    read('GraphOrganizations', '/organization', (call) => readOrganizations(parts, call)),
    ...(Object.keys(collections) as Collection[]).flatMap((collection) => readsOf(parts, collection)),
    ask('GraphGetByIds', '/directoryObjects/getByIds', (call) => principals.readByIds(parts, call)),
    read('GraphApplicationList', '/applications', (call) => applications.readApplications(parts, call)),
    read('GraphApplicationGet', '/applications/:id', (call) => applications.readApplication(parts, call, idOf(call))),
    // Below the others: takes `servicePrincipals(appId='…')`, which no path template can express, and names unknown
    // segments.
    read('GraphByKey', '/:segment', (call) => readByKey(parts, call)),
    ...writes(parts),
    ...peopleOperations(parts),
  ];
}

function readsOf(parts: DirectoryParts, collection: Collection): readonly Operation[] {
  const name = collections[collection];
  return [
    read(`Graph${name}List`, `/${collection}`, (call) => principals.readPrincipals(parts, call, collection)),
    read(`Graph${name}Get`, `/${collection}/:id`, (call) =>
      principals.readPrincipal(parts, call, collection, idOf(call)),
    ),
  ];
}

function writes(parts: DirectoryParts): readonly Operation[] {
  return [
    write('GraphApplicationCreate', 'POST', '/applications', 201, (call) => applications.makeApplication(parts, call)),
    write('GraphApplicationUpdate', 'PATCH', '/applications/:id', 204, (call) =>
      applications.patchApplication(parts, call),
    ),
    write('GraphApplicationDelete', 'DELETE', '/applications/:id', 204, (call) => applications.removeApplication(call)),
    write('GraphPasswordAdd', 'POST', '/applications/:id/addPassword', 200, (call) =>
      applications.addPassword(parts, call),
    ),
    write('GraphPasswordRemove', 'POST', '/applications/:id/removePassword', 204, (call) =>
      applications.removePassword(call),
    ),
    write('GraphServicePrincipalPasswordAdd', 'POST', '/servicePrincipals/:id/addPassword', 200, (call) =>
      applications.addPassword(parts, call, servicePrincipals.requireApplicationOf),
    ),
    write('GraphServicePrincipalPasswordRemove', 'POST', '/servicePrincipals/:id/removePassword', 204, (call) =>
      applications.removePassword(call, servicePrincipals.requireApplicationOf),
    ),
    write('GraphServicePrincipalCreate', 'POST', '/servicePrincipals', 201, (call) =>
      servicePrincipals.makeServicePrincipal(parts, call),
    ),
    write('GraphServicePrincipalUpdate', 'PATCH', '/servicePrincipals/:id', 204, (call) =>
      servicePrincipals.patchServicePrincipal(parts, call),
    ),
    write('GraphServicePrincipalDelete', 'DELETE', '/servicePrincipals/:id', 204, (call) =>
      servicePrincipals.removeServicePrincipal(call),
    ),
  ];
}

function idOf(call: Call): string {
  return call.parameters['id'] ?? '';
}

async function readByKey(parts: DirectoryParts, call: Call): Promise<Answer> {
  const segment = call.parameters['segment'] ?? '';
  const match = /^(servicePrincipals|applications)\(appId='([0-9a-fA-F-]{36})'\)$/.exec(segment);
  if (!match) throw new Refusal('graph-segment-unknown', { segment: segment.slice(0, 100) });
  return match[1] === 'applications'
    ? applications.readApplicationByAppId(parts, call, match[2]!)
    : principals.readPrincipalByAppId(parts, call, match[2]!);
}

async function readOrganizations(parts: DirectoryParts, call: Call): Promise<Answer> {
  const domain = { capabilities: '', isDefault: true, isInitial: true, name: parts.domain, type: 'Managed' };
  const organization = { id: parts.tenantId, displayName: 'Strongroom', tenantType: 'AAD', verifiedDomains: [domain] };
  const context = { '@odata.context': `${call.origin}/v1.0/$metadata#organization` };
  return { status: 200, body: { ...context, value: [organization] } };
}
