/** What the directory is divided into where rights are given. */
export type DirectoryPart = 'users' | 'groups' | 'applications' | 'roles';

/** A directory role that can be held, by its template id, the same in every tenant of Entra. */
export interface DirectoryRole {
  readonly templateId: string;
  readonly name: string;
  readonly description: string;
  /** What its holders may change. */
  readonly changes: readonly DirectoryPart[];
}

/** The directory roles there are (Microsoft Entra built-in roles, 2025), as far as they mean something here. */
export const directoryRoles: readonly DirectoryRole[] = [
  {
    templateId: '62e90394-69f5-4237-9190-012177145e10',
    name: 'Global Administrator',
    description: 'Changes everything in the directory and alone gives directory roles.',
    changes: ['users', 'groups', 'applications', 'roles'],
  },
  {
    templateId: 'fe930be7-5e62-47db-91af-98c3a49a38b1',
    name: 'User Administrator',
    description: 'Manages users that hold no directory role, and groups.',
    changes: ['users', 'groups'],
  },
  {
    templateId: 'fdd7a751-b60b-444a-984c-02652fe8fa1c',
    name: 'Groups Administrator',
    description: 'Manages groups.',
    changes: ['groups'],
  },
  {
    templateId: '9b895d92-2cd3-44c7-9d02-a6ac2d5ea5c3',
    name: 'Application Administrator',
    description: 'Manages applications and service principals that hold no directory role.',
    changes: ['applications'],
  },
  {
    templateId: '158c047a-c907-4556-b7ef-446551a6b5f7',
    name: 'Cloud Application Administrator',
    description: 'Manages applications and service principals that hold no directory role.',
    changes: ['applications'],
  },
  {
    templateId: '88d8e3e3-8f55-4a1e-953a-9b9898b8876b',
    name: 'Directory Readers',
    description: 'Reads the directory, as everyone of the tenant may.',
    changes: [],
  },
];

/** A change somebody asks for. */
export interface AskedChange {
  readonly part: DirectoryPart;
  /** The directory role of who asks, or null. */
  readonly role: string | null;
  /** Whether who asks owns what is to be changed. */
  readonly isOwner: boolean;
  /** The directory role that what is to be changed holds, or that an application's service principal holds; null for none. */
  readonly targetRole: string | null;
}

/**
 * Whether the change may be made. What holds a role that can change anything is changed by a Global Administrator alone, also
 * where another owns it: whoever sets its password or adds a credential could act as it.
 */
export function mayChange({ part, role, isOwner, targetRole }: AskedChange): boolean {
  const changes = changesOf(role);
  if (changes.includes('roles')) return true;
  if (part === 'roles') return false;
  if (targetRole !== null && !isPowerless(targetRole)) return false;
  return changes.includes(part) || isOwner;
}

/** Whether the role lets its holder change nothing. A role that is not known is taken to change everything. */
function isPowerless(name: string): boolean {
  return directoryRoles.some((role) => role.name === name && role.changes.length === 0);
}

function changesOf(name: string | null): readonly DirectoryPart[] {
  return directoryRoles.find((role) => role.name === name)?.changes ?? [];
}
