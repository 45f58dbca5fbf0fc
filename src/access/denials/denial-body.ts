import { isUuid } from '../../base/ids.ts';
import { toIso } from '../../base/text.ts';
import type { Call } from '../../operations/operation.ts';
import { Refusal } from '../../refusals/refusal.ts';
import { readProperties } from '../../resources/request-body.ts';
import { readPermissions } from '../permission-body.ts';
import type { RolePermission } from '../role.ts';
import { type Denial, type DeniedPrincipal, everyone } from './denial.ts';

/** What the body of a deny assignment asks for. */
export interface DenialBody {
  readonly name: string;
  readonly description: string;
  readonly permissions: readonly RolePermission[];
  readonly principals: readonly DeniedPrincipal[];
  readonly excludePrincipals: readonly DeniedPrincipal[];
  readonly isOnlyHere: boolean;
}

const MAX_PRINCIPALS = 500;
const principalTypes: readonly string[] = ['User', 'Group', 'ServicePrincipal', 'SystemDefined', 'Everyone'];

/**
 * Reads a deny assignment.
 * @throws Refusal `request-content-invalid`, `deny-assignment-invalid`
 */
export function readDenial(call: Call): DenialBody {
  const properties = readProperties(call, true);
  const refuse = (reason: string) => new Refusal('deny-assignment-invalid', { reason });
  const { denyAssignmentName, description, doNotApplyToChildScopes, condition, isSystemProtected } = properties;
  if (typeof denyAssignmentName !== 'string' || denyAssignmentName.trim() === '' || denyAssignmentName.length > 512) {
    throw refuse("'denyAssignmentName' is a text of 1 to 512 characters");
  }
  if ((description ?? null) !== null && (typeof description !== 'string' || description.length > 2048)) {
    throw refuse("'description' is a text of at most 2048 characters");
  }
  if (doNotApplyToChildScopes !== undefined && typeof doNotApplyToChildScopes !== 'boolean') {
    throw refuse("'doNotApplyToChildScopes' is true or false");
  }
  if ((condition ?? '') !== '') throw refuse("'condition' is not available on deny assignments");
  if (isSystemProtected === true) throw refuse("'isSystemProtected' cannot be set");
  const principals = readPrincipals(properties['principals'], 'principals', refuse);
  if (principals.length === 0) throw refuse("'principals' names nobody");
  const excludePrincipals = readPrincipals(properties['excludePrincipals'], 'excludePrincipals', refuse);
  if (excludePrincipals.some(({ id }) => id === everyone)) throw refuse("'excludePrincipals' leaves everyone out");
  return {
    name: denyAssignmentName,
    description: typeof description === 'string' ? description : '',
    permissions: readPermissions(properties['permissions'], refuse),
    principals,
    excludePrincipals,
    isOnlyHere: doNotApplyToChildScopes === true,
  };
}

/** The id of a deny assignment. */
export function denialId(denial: Pick<Denial, 'scope' | 'id'>): string {
  const prefix = denial.scope === '/' ? '' : denial.scope;
  return `${prefix}/providers/Microsoft.Authorization/denyAssignments/${denial.id}`;
}

/** A deny assignment as the wire has it. */
export function denialBody(denial: Denial): object {
  return {
    id: denialId(denial),
    name: denial.id,
    type: 'Microsoft.Authorization/denyAssignments',
    properties: {
      denyAssignmentName: denial.name,
      description: denial.description,
      permissions: denial.permissions,
      scope: denial.scope,
      doNotApplyToChildScopes: denial.isOnlyHere,
      principals: denial.principals,
      excludePrincipals: denial.excludePrincipals,
      isSystemProtected: false,
      createdOn: toIso(denial.created),
      updatedOn: toIso(denial.updated),
      createdBy: denial.createdBy,
      updatedBy: denial.createdBy,
    },
  };
}

function readPrincipals(value: unknown, name: string, refuse: (reason: string) => Refusal): readonly DeniedPrincipal[] {
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value) || value.length > MAX_PRINCIPALS) {
    throw refuse(`'${name}' is a list of at most ${MAX_PRINCIPALS} principals`);
  }
  return value.map((one: unknown) => {
    const { id, type } = (typeof one === 'object' && one !== null ? one : {}) as Readonly<Record<string, unknown>>;
    if (typeof id !== 'string' || !isUuid(id)) throw refuse(`each of '${name}' has an object id as 'id'`);
    if (id === everyone) return { id, type: 'SystemDefined' };
    if (type !== undefined && (typeof type !== 'string' || !principalTypes.includes(type))) {
      throw refuse(`'type' in '${name}' is User, Group, ServicePrincipal or SystemDefined`);
    }
    return { id: id.toLowerCase(), type: type ?? '' };
  });
}
