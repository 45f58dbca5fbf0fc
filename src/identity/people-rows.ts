import { statement } from '../store/statement.ts';

/** Adds a user or a group. */
export const insertMemberPrincipal = statement<{
  id: string;
  tenantId: string;
  kind: string;
  type: string;
  displayName: string;
  upn: string | null;
  upnKey: string | null;
  enabled: number;
  created: number;
  details: string;
}>((db, p) =>
  db.insertInto('principals').values({
    id: p('id'),
    tenant_id: p('tenantId'),
    kind: p('kind'),
    type: p('type'),
    display_name: p('displayName'),
    app_id: null,
    upn: p('upn'),
    upn_key: p('upnKey'),
    enabled: p('enabled'),
    directory_role: null,
    created: p('created'),
    details: p('details'),
  }),
);

/** Changes a user or a group. */
export const updateMemberPrincipal = statement<{
  id: string;
  type: string;
  displayName: string;
  upn: string | null;
  upnKey: string | null;
  enabled: number;
  details: string;
}>((db, p) =>
  db
    .updateTable('principals')
    .set({
      type: p('type'),
      display_name: p('displayName'),
      upn: p('upn'),
      upn_key: p('upnKey'),
      enabled: p('enabled'),
      details: p('details'),
    })
    .where('id', '=', p('id')),
);

/** Gives a principal the one directory role it holds, or takes it (null). */
export const setDirectoryRole = statement<{ id: string; role: string | null }>((db, p) =>
  db
    .updateTable('principals')
    .set({ directory_role: p('role') })
    .where('id', '=', p('id')),
);

/** Sets a user's password. */
export const insertPassword = statement<{
  principalId: string;
  material: string;
  mustChange: number;
  changed: number;
  version: string;
}>((db, p) =>
  db.insertInto('passwords').values({
    principal_id: p('principalId'),
    material: p('material'),
    must_change: p('mustChange'),
    changed: p('changed'),
    version: p('version'),
  }),
);

/** A user's password, hashed. */
export const passwordOf = statement<{ principalId: string }, PasswordRow>((db, p) =>
  db
    .selectFrom('passwords')
    .select(['material', 'version', 'must_change'])
    .where('principal_id', '=', p('principalId')),
);

/** A user's password, hashed; the version changes with it, and whenever what was got by it is to end. */
export interface PasswordRow {
  readonly material: string;
  readonly version: string;
  readonly must_change: number;
}

/** Gives a password another version, which ends what was got by the one before. */
export const setPasswordVersion = statement<{ principalId: string; version: string }>((db, p) =>
  db
    .updateTable('passwords')
    .set({ version: p('version') })
    .where('principal_id', '=', p('principalId')),
);

/** Says whether the password has to be changed at the next sign-in. */
export const setMustChange = statement<{ principalId: string; mustChange: number }>((db, p) =>
  db
    .updateTable('passwords')
    .set({ must_change: p('mustChange') })
    .where('principal_id', '=', p('principalId')),
);

/** Forgets a user's password. */
export const deletePassword = statement<{ principalId: string }>((db, p) =>
  db.deleteFrom('passwords').where('principal_id', '=', p('principalId')),
);

/** Ends a user's sessions. */
export const deleteRefreshTokensOf = statement<{ principalId: string }>((db, p) =>
  db.deleteFrom('refresh_tokens').where('principal_id', '=', p('principalId')),
);

/** Forgets the device codes that a user approved. */
export const deleteDeviceCodesOf = statement<{ principalId: string }>((db, p) =>
  db.deleteFrom('device_codes').where('principal_id', '=', p('principalId')),
);

/** Puts a principal into a group. */
export const insertMember = statement<{ groupId: string; memberId: string; created: number }>((db, p) =>
  db.insertInto('group_members').values({ group_id: p('groupId'), member_id: p('memberId'), created: p('created') }),
);

/** Takes a principal out of a group. */
export const deleteMember = statement<{ groupId: string; memberId: string }>((db, p) =>
  db.deleteFrom('group_members').where('group_id', '=', p('groupId')).where('member_id', '=', p('memberId')),
);

/** Removes every membership that a principal has or, being a group, gives. */
export const deleteMembershipsOf = statement<{ id: string }>((db, p) =>
  db.deleteFrom('group_members').where((eb) => eb.or([eb('group_id', '=', p('id')), eb('member_id', '=', p('id'))])),
);

/** Makes a principal an owner of an object. */
export const insertOwner = statement<{ objectId: string; ownerId: string; created: number }>((db, p) =>
  db.insertInto('directory_owners').values({ object_id: p('objectId'), owner_id: p('ownerId'), created: p('created') }),
);

/** Takes an owner from an object. */
export const deleteOwner = statement<{ objectId: string; ownerId: string }>((db, p) =>
  db.deleteFrom('directory_owners').where('object_id', '=', p('objectId')).where('owner_id', '=', p('ownerId')),
);

/** Removes every ownership of an object, and by it. */
export const deleteOwnershipsOf = statement<{ id: string }>((db, p) =>
  db.deleteFrom('directory_owners').where((eb) => eb.or([eb('object_id', '=', p('id')), eb('owner_id', '=', p('id'))])),
);

/** Removes the federated credentials of an application or, by its client id, of a managed identity. */
export const deleteFederatedCredentialsOf = statement<{ appId: string }>((db, p) =>
  db.deleteFrom('federated_credentials').where('app_id', '=', p('appId')),
);

/** Whether a principal is a direct member of a group. */
export const memberOfGroup = statement<{ groupId: string; memberId: string }, { member_id: string }>((db, p) =>
  db
    .selectFrom('group_members')
    .select('member_id')
    .where('group_id', '=', p('groupId'))
    .where('member_id', '=', p('memberId')),
);

/** Whether a principal owns an object. */
export const ownerOfObject = statement<{ objectId: string; ownerId: string }, { owner_id: string }>((db, p) =>
  db
    .selectFrom('directory_owners')
    .select('owner_id')
    .where('object_id', '=', p('objectId'))
    .where('owner_id', '=', p('ownerId')),
);

/** A federated credential. */
export interface FederatedCredentialRow {
  readonly app_id: string;
  readonly id: string;
  readonly name: string;
  readonly issuer: string;
  readonly subject: string;
  readonly audiences: string;
  readonly description: string | null;
  readonly created: number;
}

const federatedColumns = ['app_id', 'id', 'name', 'issuer', 'subject', 'audiences', 'description', 'created'] as const;

/** The federated credentials of an application id, oldest first. */
export const federatedCredentialsOf = statement<{ appId: string }, FederatedCredentialRow>((db, p) =>
  db
    .selectFrom('federated_credentials')
    .select(federatedColumns)
    .where('app_id', '=', p('appId'))
    .orderBy('created')
    .orderBy('id'),
);

/** The federated credentials of an issuer and a subject, whoever's they are: two where there are more than one. */
export const federatedCredentialsBySubject = statement<{ issuer: string; subject: string }, FederatedCredentialRow>(
  (db, p) =>
    db
      .selectFrom('federated_credentials')
      .select(federatedColumns)
      .where('subject', '=', p('subject'))
      .where('issuer', '=', p('issuer'))
      .orderBy('app_id')
      .limit(2),
);

/** Adds a federated credential. */
export const insertFederatedCredential = statement<{
  appId: string;
  id: string;
  nameKey: string;
  name: string;
  issuer: string;
  subject: string;
  audiences: string;
  description: string | null;
  created: number;
}>((db, p) =>
  db.insertInto('federated_credentials').values({
    app_id: p('appId'),
    id: p('id'),
    name_key: p('nameKey'),
    name: p('name'),
    issuer: p('issuer'),
    subject: p('subject'),
    audiences: p('audiences'),
    description: p('description'),
    created: p('created'),
  }),
);

/** Removes one federated credential. */
export const deleteFederatedCredential = statement<{ appId: string; id: string }>((db, p) =>
  db.deleteFrom('federated_credentials').where('app_id', '=', p('appId')).where('id', '=', p('id')),
);

/** Forgets the wrong passwords given for a subject. */
export const deleteFailures = statement<{ subject: string }>((db, p) =>
  db.deleteFrom('sign_in_failures').where('subject', '=', p('subject')),
);
