import type { RolePermission } from './role.ts';

const lists = ['actions', 'notActions', 'dataActions', 'notDataActions'] as const;
const MAX_PATTERNS = 2000;
const MAX_BLOCKS = 100;

/**
 * Reads the `permissions` of a role definition or a deny assignment.
 * @param refuse makes the refusal of a reason
 * @throws what `refuse` makes
 */
export function readPermissions(value: unknown, refuse: (reason: string) => Error): readonly RolePermission[] {
  if (!Array.isArray(value) || value.length === 0 || value.length > MAX_BLOCKS) {
    throw refuse(`'permissions' is a list of 1 to ${MAX_BLOCKS} objects`);
  }
  const blocks = value.map((block: unknown) => readBlock(block, refuse));
  if (blocks.every(({ actions, dataActions }) => actions.length + dataActions.length === 0)) {
    throw refuse("'permissions' names neither actions nor dataActions");
  }
  return blocks;
}

function readBlock(block: unknown, refuse: (reason: string) => Error): RolePermission {
  if (typeof block !== 'object' || block === null || Array.isArray(block)) {
    throw refuse("each of 'permissions' is an object");
  }
  const members = block as Readonly<Record<string, unknown>>;
  for (const name of ['condition', 'conditionVersion']) {
    // A limit that would not be kept is not stored.
    if ((members[name] ?? '') !== '') throw refuse(`'permissions.${name}' cannot be set; put it on the assignments`);
  }
  const read = (name: (typeof lists)[number]) => readPatterns(members[name], name, refuse);
  return {
    actions: read('actions'),
    notActions: read('notActions'),
    dataActions: read('dataActions'),
    notDataActions: read('notDataActions'),
  };
}

function readPatterns(value: unknown, name: string, refuse: (reason: string) => Error): readonly string[] {
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value) || value.length > MAX_PATTERNS) {
    throw refuse(`'${name}' is a list of at most ${MAX_PATTERNS} actions`);
  }
  for (const pattern of value as readonly unknown[]) {
    if (typeof pattern !== 'string' || pattern.length > 512 || !isPattern(pattern)) {
      throw refuse(`'${String(pattern).slice(0, 100)}' in '${name}' is not an action`);
    }
  }
  return value as readonly string[];
}

/** `*`, or `Provider.Name/…` of letters, digits, dots, dashes and `*`, the provider perhaps a `*` (`*` and `read`). */
function isPattern(text: string): boolean {
  return text === '*' || /^[A-Za-z0-9.*-]+(\/[A-Za-z0-9.*_$-]+)+$/.test(text);
}
