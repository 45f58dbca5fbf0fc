import type { Answer, Call, Operation } from '../operations/operation.ts';
import { noVersions } from '../operations/versions.ts';
import * as federated from './federated-credentials.ts';
import * as groups from './groups.ts';
import type { DirectoryParts } from './parts.ts';
import * as people from './people.ts';
import type { ReferencedCollection, ShownRelation } from './references.ts';
import * as references from './references.ts';
import * as roles from './role-assignments.ts';

/** The rows of people and groups, and of what ties the objects of the directory together. */
export function peopleOperations(parts: DirectoryParts): readonly Operation[] {
  return [
    change('GraphUserCreate', 'POST', '/users', 201, (call) => people.makeUser(parts, call)),
    change('GraphUserUpdate', 'PATCH', '/users/:id', 204, (call) => people.patchUser(parts, call)),
    change('GraphUserDelete', 'DELETE', '/users/:id', 204, (call) => people.removeUser(call)),
    change('GraphMeChangePassword', 'POST', '/me/changePassword', 204, (call) => people.changeOwnPassword(parts, call)),
    change('GraphGroupCreate', 'POST', '/groups', 201, (call) => groups.makeGroup(parts, call)),
    change('GraphGroupUpdate', 'PATCH', '/groups/:id', 204, (call) => groups.patchGroup(call)),
    change('GraphGroupDelete', 'DELETE', '/groups/:id', 204, (call) => groups.removeGroup(call)),
    change('GraphMemberAdd', 'POST', '/groups/:id/members/$ref', 204, (call) => groups.addGroupMember(call)),
    change('GraphMemberRemove', 'DELETE', '/groups/:id/members/:other/$ref', 204, (call) =>
      groups.removeGroupMember(call),
    ),
    ...ownerRows('groups', 'GraphGroup'),
    ...ownerRows('applications', 'GraphApplication'),
    ...ownerRows('servicePrincipals', 'GraphServicePrincipal'),
    ...relatedRows(parts),
    ...membershipRows(parts, 'users', 'GraphUser'),
    ...membershipRows(parts, 'groups', 'GraphGroup'),
    ...membershipRows(parts, 'servicePrincipals', 'GraphServicePrincipal'),
    ...membershipRows(parts, 'directoryObjects', 'GraphObject'),
    ...membershipRows(parts, 'me', 'GraphMe'),
    ...federatedRows(parts),
    ...roleRows(parts),
    read('GraphObjectGet', 'GET', '/directoryObjects/:id', (call) => references.readDirectoryObject(parts, call)),
  ];
}

const common = { plane: 'graph', versions: noVersions, throttle: 'none' } as const;

/** Each object's lists. */
const related: readonly (readonly [string, ReferencedCollection, ShownRelation])[] = [
  ['GraphGroupMembers', 'groups', 'members'],
  ['GraphGroupTransitiveMembers', 'groups', 'transitiveMembers'],
  ['GraphGroupOwners', 'groups', 'owners'],
  ['GraphApplicationOwners', 'applications', 'owners'],
  ['GraphServicePrincipalOwners', 'servicePrincipals', 'owners'],
  ['GraphUserOwnedObjects', 'users', 'ownedObjects'],
  ['GraphServicePrincipalOwnedObjects', 'servicePrincipals', 'ownedObjects'],
  ['GraphMeOwnedObjects', 'me', 'ownedObjects'],
  ['GraphUserMemberOf', 'users', 'memberOf'],
  ['GraphGroupMemberOf', 'groups', 'memberOf'],
  ['GraphServicePrincipalMemberOf', 'servicePrincipals', 'memberOf'],
  ['GraphMeMemberOf', 'me', 'memberOf'],
  ['GraphUserTransitiveMemberOf', 'users', 'transitiveMemberOf'],
  ['GraphGroupTransitiveMemberOf', 'groups', 'transitiveMemberOf'],
  ['GraphServicePrincipalTransitiveMemberOf', 'servicePrincipals', 'transitiveMemberOf'],
  ['GraphMeTransitiveMemberOf', 'me', 'transitiveMemberOf'],
];

function relatedRows(parts: DirectoryParts): readonly Operation[] {
  return related.map(([id, collection, relation]) =>
    read(id, 'GET', `${objectPath(collection)}/${relation}`, (call) =>
      references.readRelated(parts, call, collection, relation),
    ),
  );
}

function membershipRows(parts: DirectoryParts, collection: ReferencedCollection, id: string): readonly Operation[] {
  const path = objectPath(collection);
  const groupsOf = (call: Call) => references.readMemberGroups(parts, call, collection);
  const check = (call: Call) => references.checkMemberGroups(parts, call, collection);
  return [
    read(`${id}GetMemberGroups`, 'POST', `${path}/getMemberGroups`, groupsOf),
    read(`${id}GetMemberObjects`, 'POST', `${path}/getMemberObjects`, groupsOf),
    read(`${id}CheckMemberGroups`, 'POST', `${path}/checkMemberGroups`, check),
  ];
}

function ownerRows(collection: ReferencedCollection, id: string): readonly Operation[] {
  const path = `${objectPath(collection)}/owners`;
  return [
    change(`${id}OwnerAdd`, 'POST', `${path}/$ref`, 204, (call) => references.addOwner(call, collection)),
    change(`${id}OwnerRemove`, 'DELETE', `${path}/:other/$ref`, 204, (call) =>
      references.removeOwner(call, collection),
    ),
  ];
}

function federatedRows(parts: DirectoryParts): readonly Operation[] {
  const list = '/applications/:id/federatedIdentityCredentials';
  const one = `${list}/:other`;
  const id = 'GraphFederatedCredential';
  return [
    read(`${id}List`, 'GET', list, (call) => federated.readFederatedCredentials(parts, call)),
    read(`${id}Get`, 'GET', one, (call) => federated.readFederatedCredential(parts, call)),
    change(`${id}Create`, 'POST', list, 201, (call) => federated.makeFederatedCredential(parts, call)),
    change(`${id}Update`, 'PATCH', one, 204, (call) => federated.patchFederatedCredential(parts, call)),
    change(`${id}Delete`, 'DELETE', one, 204, (call) => federated.removeFederated(call)),
  ];
}

/** Directory roles are given and taken by a Global Administrator alone, which the pipeline sees to. */
function roleRows(parts: DirectoryParts): readonly Operation[] {
  const need = { kind: 'directory', write: true } as const;
  const definitions = '/roleManagement/directory/roleDefinitions';
  const assignments = '/roleManagement/directory/roleAssignments';
  return [
    read('GraphRoleDefinitionList', 'GET', definitions, (call) => roles.readRoleDefinitions(call)),
    read('GraphRoleDefinitionGet', 'GET', `${definitions}/:id`, (call) => roles.readRoleDefinition(call)),
    read('GraphRoleAssignmentList', 'GET', assignments, (call) => roles.readRoleAssignments(parts, call)),
    read('GraphRoleAssignmentGet', 'GET', `${assignments}/:id`, (call) => roles.readRoleAssignment(parts, call)),
    {
      ...change('GraphRoleAssignmentCreate', 'POST', assignments, 201, (call) => roles.makeRoleAssignment(call)),
      need,
    },
    {
      ...change('GraphRoleAssignmentDelete', 'DELETE', `${assignments}/:id`, 204, (call) =>
        roles.removeRoleAssignment(call),
      ),
      need,
    },
  ];
}

function objectPath(collection: ReferencedCollection): string {
  return collection === 'me' ? '/me' : `/${collection}/:id`;
}

function read(id: string, method: 'GET' | 'POST', path: string, run: (call: Call) => Promise<Answer>): Operation {
  const need = { kind: 'directory', write: false } as const;
  const body = method === 'GET' ? 'none' : 'json';
  return { ...common, id, method, path: `/v1.0${path}`, need, body, success: [200], run };
}

/** A change whose service function asks for the right to it, or for the caller's own password. */
function change(
  id: string,
  method: 'POST' | 'PATCH' | 'DELETE',
  path: string,
  status: number,
  run: (call: Call) => Promise<Answer>,
): Operation {
  const need = { kind: 'directory', write: 'by-service' } as const;
  const body = method === 'DELETE' ? 'none' : 'json';
  return { ...common, id, method, path: `/v1.0${path}`, need, body, success: [status], run };
}
