import type { Call } from '../../operations/operation.ts';
import { Refusal } from '../../refusals/refusal.ts';
import { readProperties } from '../../resources/request-body.ts';
import { readPermissions } from '../permission-body.ts';
import type { RolePermission } from '../role.ts';
import { parseScope } from '../scope.ts';

/** What the body of a role definition asks for. */
export interface DefinitionBody {
  readonly name: string;
  readonly description: string;
  readonly permissions: readonly RolePermission[];
  readonly assignableScopes: readonly string[];
}

const MAX_NAME = 512;
const MAX_DESCRIPTION = 2048;
const MAX_SCOPES = 2000;

/**
 * Reads a role definition.
 * @throws Refusal `request-content-invalid`, `role-definition-invalid`
 */
export function readDefinition(call: Call): DefinitionBody {
  const { roleName, description, type, permissions, assignableScopes } = readProperties(call, true);
  const refuse = (reason: string) => new Refusal('role-definition-invalid', { reason });
  if (typeof roleName !== 'string' || roleName.trim() === '' || roleName.length > MAX_NAME) {
    throw refuse(`'roleName' is a text of 1 to ${MAX_NAME} characters`);
  }
  if (/[\u0000-\u001f\u007f]/.test(roleName)) throw refuse("'roleName' has control characters");
  if (description !== undefined && description !== null && typeof description !== 'string') {
    throw refuse("'description' is a text");
  }
  if ((description ?? '').length > MAX_DESCRIPTION) {
    throw refuse(`'description' has at most ${MAX_DESCRIPTION} characters`);
  }
  if (type !== undefined && type !== null && type !== '' && type !== 'CustomRole') {
    throw refuse("'type' is CustomRole");
  }
  return {
    name: roleName,
    description: description ?? '',
    permissions: readPermissions(permissions, refuse),
    assignableScopes: readScopes(assignableScopes, refuse),
  };
}

function readScopes(value: unknown, refuse: (reason: string) => Refusal): readonly string[] {
  if (!Array.isArray(value) || value.length === 0 || value.length > MAX_SCOPES) {
    throw refuse(`'assignableScopes' is a list of 1 to ${MAX_SCOPES} scopes`);
  }
  return value.map((scope: unknown) => {
    const parts = typeof scope === 'string' && !scope.includes('*') ? parseScope(scope) : null;
    if (!parts || parts.kind === 'root') {
      const shown = String(scope).slice(0, 200);
      throw refuse(`'${shown}' in 'assignableScopes' is not a subscription, a resource group or a resource`);
    }
    return scope as string;
  });
}
