import type { Call, Operation } from '../operations/operation.ts';
import * as federated from './federated-credentials.ts';
import { ask, read, write } from './graph-rows.ts';
import * as groups from './groups.ts';
import type { DirectoryParts } from './parts.ts';
import * as people from './people.ts';
import type { ReferencedCollection, ShownRelation } from './references.ts';
import * as references from './references.ts';
import * as roles from './role-assignments.ts';

/** The rows of people and groups, and of what ties the objects of the directory together. */
export function peopleOperations(parts: DirectoryParts): readonly Operation[] {
  return [
    write('GraphUserCreate', 'POST', '/users', 201, (call) => people.makeUser(parts, call)),
    write('GraphUserUpdate', 'PATCH', '/users/:id', 204, (call) => people.patchUser(parts, call)),
    write('GraphUserDelete', 'DELETE', '/users/:id', 204, (call) => people.removeUser(call)),
    write('GraphMeChangePassword', 'POST', '/me/changePassword', 204, (call) => people.changeOwnPassword(parts, call)),
    write('GraphUserRevokeSessions', 'POST', '/users/:id/revokeSignInSessions', 200, (call) =>
      people.revokeSignInSessions(parts, call),
    ),
    write('GraphMeRevokeSessions', 'POST', '/me/revokeSignInSessions', 200, (call) =>
      people.revokeOwnSessions(parts, call),
    ),
    write('GraphGroupCreate', 'POST', '/groups', 201, (call) => groups.makeGroup(parts, call)),
    write('GraphGroupUpdate', 'PATCH', '/groups/:id', 204, (call) => groups.patchGroup(call)),
    write('GraphGroupDelete', 'DELETE', '/groups/:id', 204, (call) => groups.removeGroup(call)),
    write('GraphMemberAdd', 'POST', '/groups/:id/members/$ref', 204, (call) => groups.addGroupMember(call)),
    write('GraphMemberRemove', 'DELETE', '/groups/:id/members/:other/$ref', 204, (call) =>
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
    read('GraphObjectGet', '/directoryObjects/:id', (call) => references.readDirectoryObject(parts, call)),
  ];
}

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
    read(id, `${objectPath(collection)}/${relation}`, (call) =>
      references.readRelated(parts, call, collection, relation),
    ),
  );
}

function membershipRows(parts: DirectoryParts, collection: ReferencedCollection, id: string): readonly Operation[] {
  const path = objectPath(collection);
  const groupsOf = (call: Call) => references.readMemberGroups(parts, call, collection);
  const check = (call: Call) => references.checkMemberGroups(parts, call, collection);
  return [
    ask(`${id}GetMemberGroups`, `${path}/getMemberGroups`, groupsOf),
    ask(`${id}GetMemberObjects`, `${path}/getMemberObjects`, groupsOf),
    ask(`${id}CheckMemberGroups`, `${path}/checkMemberGroups`, check),
  ];
}

function ownerRows(collection: ReferencedCollection, id: string): readonly Operation[] {
  const path = `${objectPath(collection)}/owners`;
  return [
    write(`${id}OwnerAdd`, 'POST', `${path}/$ref`, 204, (call) => references.addOwner(call, collection)),
    write(`${id}OwnerRemove`, 'DELETE', `${path}/:other/$ref`, 204, (call) => references.removeOwner(call, collection)),
  ];
}

function federatedRows(parts: DirectoryParts): readonly Operation[] {
  const list = '/applications/:id/federatedIdentityCredentials';
  const one = `${list}/:other`;
  const id = 'GraphFederatedCredential';
  return [
    read(`${id}List`, list, (call) => federated.readFederatedCredentials(parts, call)),
    read(`${id}Get`, one, (call) => federated.readFederatedCredential(parts, call)),
    write(`${id}Create`, 'POST', list, 201, (call) => federated.makeFederatedCredential(parts, call)),
    write(`${id}Update`, 'PATCH', one, 204, (call) => federated.patchFederatedCredential(parts, call)),
    write(`${id}Delete`, 'DELETE', one, 204, (call) => federated.removeFederated(call)),
  ];
}

/** Directory roles are given and taken by a Global Administrator alone, which the pipeline sees to. */
function roleRows(parts: DirectoryParts): readonly Operation[] {
  const need = { kind: 'directory', write: true } as const;
  const definitions = '/roleManagement/directory/roleDefinitions';
  const assignments = '/roleManagement/directory/roleAssignments';
  return [
    read('GraphRoleDefinitionList', definitions, (call) => roles.readRoleDefinitions(call)),
    read('GraphRoleDefinitionGet', `${definitions}/:id`, (call) => roles.readRoleDefinition(call)),
    read('GraphRoleAssignmentList', assignments, (call) => roles.readRoleAssignments(parts, call)),
    read('GraphRoleAssignmentGet', `${assignments}/:id`, (call) => roles.readRoleAssignment(parts, call)),
    {
      ...write('GraphRoleAssignmentCreate', 'POST', assignments, 201, (call) => roles.makeRoleAssignment(call)),
      need,
    },
    {
      ...write('GraphRoleAssignmentDelete', 'DELETE', `${assignments}/:id`, 204, (call) =>
        roles.removeRoleAssignment(call),
      ),
      need,
    },
  ];
}

function objectPath(collection: ReferencedCollection): string {
  return collection === 'me' ? '/me' : `/${collection}/:id`;
}
