import type { Grant } from './role.ts';

/**
 * Whether the caller may create or delete an assignment of the role. A grant of a role with `assignsOnly` counts for those
 * roles alone; any other counts for every role.
 * @param grants the caller's grants that allow the action at the scope
 */
export function mayAssign(grants: readonly Grant[], roleId: string): boolean {
  const id = roleId.toLowerCase();
  return grants.some(({ role }) => role.assignsOnly === undefined || role.assignsOnly.includes(id));
}
