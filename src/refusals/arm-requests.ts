import { rows } from './row.ts';

/** Refusals of requests to the management plane that name nothing it has, or something the caller may not link to. */
export const armRequestRefusals = rows({
  'subscription-id-invalid': {
    check: 'request',
    status: 400,
    error: 'InvalidSubscriptionId',
    message: "The provided subscription identifier '{subscription}' is malformed or invalid.",
    cause: 'A subscription is named by its id, a GUID, not by its name.',
    remedy: ['az account list --query "[].id"'],
  },
  'resource-type-unknown': {
    check: 'request',
    status: 404,
    error: 'InvalidResourceType',
    message: "The resource type '{type}' could not be found in the namespace '{namespace}'. Its types are '{types}'.",
    cause: 'The path names a type of resource that this release does not have.',
    remedy: ['az provider show --namespace {namespace} --query "resourceTypes[].resourceType"'],
  },
  'linked-authorization-failed': {
    check: 'authorise',
    status: 403,
    error: 'LinkedAuthorizationFailed',
    message:
      "The client '{appid}' with object id '{oid}' has permission to perform action '{own}' on scope '{ownScope}'; however, it does not have permission to perform action(s) '{action}' on the linked scope(s) '{scope}' (respectively) or the linked scope(s) are invalid.",
    cause: 'What the request writes refers to a resource, and using that takes a right of its own.',
    remedy: [
      'az role assignment create --role "{role}" --assignee-object-id {oid} --assignee-principal-type {principalType} --scope {scope}',
    ],
  },
});
