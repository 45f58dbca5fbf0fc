import { rows } from './row.ts';

/** Refusals about people, groups and who may change them (Microsoft Graph error codes). */
export const peopleRefusals = rows({
  'directory-right-missing': {
    check: 'authorise',
    status: 403,
    error: 'Authorization_RequestDenied',
    message: 'Insufficient privileges to complete the operation.',
    cause:
      'The caller {oid} holds the directory role {role} and does not own the object; that does not allow changing {part}. The object holds the directory role {target}; one that holds a role is changed by a Global Administrator alone.',
    remedy: [
      'Ask a Global Administrator for the change, or for a directory role: docs/security-model.md lists what each may change.',
    ],
  },
  'directory-role-held': {
    check: 'state',
    status: 400,
    error: 'Request_BadRequest',
    message: 'A conflicting object with one or more of the specified property values is present in the directory.',
    cause: 'The principal {oid} holds the directory role {role}; one at a time is what a principal can hold here.',
    remedy: [
      'Take that role first: az rest --method DELETE --url GRAPH/v1.0/roleManagement/directory/roleAssignments/ASSIGNMENT',
    ],
  },
  'graph-federated-full': {
    check: 'state',
    status: 400,
    error: 'Request_BadRequest',
    message: 'The maximum number of federated identity credentials, {most}, has been reached.',
    cause: 'An application believes at most {most} pairs of issuer and subject.',
    remedy: ['Remove one first: az ad app federated-credential delete'],
  },
  'graph-federated-taken': {
    check: 'state',
    status: 409,
    error: 'Request_MultipleObjectsWithSameKeyValue',
    message: 'FederatedIdentityCredential with the same {property} already exists.',
    cause: 'Names, and pairs of issuer and subject, are once in an application.',
    remedy: ['az ad app federated-credential list --id APPLICATION'],
  },
  'graph-password-policy': {
    check: 'body',
    status: 400,
    error: 'Request_BadRequest',
    message: 'The specified password does not comply with password complexity requirements: {reason}.',
    cause: 'Passwords of people have 8 to 256 characters of three classes, without the name of the user.',
    remedy: ['Choose another password.'],
  },
  'graph-password-wrong': {
    check: 'state',
    status: 400,
    error: 'Request_BadRequest',
    message: 'The specified current password is not correct.',
    cause: 'The caller {oid} gave a current password that is not theirs, or it was changed in between.',
    remedy: ['Give the current password, or have an administrator set a new one: az ad user update --password'],
  },
  'graph-password-attempts': {
    check: 'state',
    status: 429,
    error: 'Request_ThrottledTemporarily',
    message: 'The current password was given wrongly too often. Try again in a minute.',
    cause: 'Ten attempts of {oid} to change the password failed within a minute of each other.',
    remedy: ['Wait a minute, or have an administrator set a new password: az ad user update --password'],
  },
  'graph-user-exists': {
    check: 'state',
    status: 400,
    error: 'Request_MultipleObjectsWithSameKeyValue',
    message: 'Another object with the same value for property userPrincipalName already exists.',
    cause: 'User principal names name one user each, without regard to ASCII case.',
    remedy: ['az ad user show --id {upn}'],
  },
  'graph-reference-exists': {
    check: 'state',
    status: 400,
    error: 'Request_BadRequest',
    message: "One or more added object references already exist for the following modified properties: '{property}'.",
    cause: 'The object {id} is among the {property} already.',
    remedy: ['Nothing: what was asked for is so.'],
  },
});
