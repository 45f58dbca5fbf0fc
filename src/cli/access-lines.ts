/** The answers of a vault's permission model, as far as they are shown. */
export interface PlanAnswer {
  readonly model: string;
  readonly vault: string;
  readonly digest: string;
  readonly plan: ShownPlan;
  readonly names: Readonly<Record<string, { readonly displayName: string; readonly kind: string }>>;
  readonly replay: ShownReplay;
  readonly narrower: readonly { readonly principalId: string; readonly objects: readonly string[] }[];
}

interface ShownPlan {
  readonly to: string;
  readonly grants: readonly {
    readonly principalId: string;
    readonly role: { readonly name?: string; readonly dataActions?: readonly string[] };
  }[];
  readonly policies: readonly {
    readonly objectId: string;
    readonly applicationId?: string;
    readonly permissions: Readonly<Record<string, readonly string[]>>;
  }[];
  readonly gains: readonly ShownChange[];
  readonly losses: readonly ShownChange[];
  readonly notes: readonly ShownChange[];
}

interface ShownChange {
  readonly principalId: string;
  readonly applicationId: string | null;
  readonly permissions: readonly string[];
  readonly reason: string;
  readonly detail: string;
}

/** A replay of the log, as it is shown. */
export interface ShownReplay {
  readonly days: number;
  readonly since: string;
  readonly calls: number;
  readonly refusedAnyway: number;
  readonly ofGoneCallers: number;
  readonly goneCallers: readonly string[];
  readonly unlisted: number;
  readonly unreadable: number;
  readonly unknown: number;
  readonly refused: readonly {
    readonly principalId: string;
    readonly appId: string;
    readonly name: string | null;
    readonly operation: string;
    readonly calls: number;
    readonly last: string;
    readonly objects: readonly string[];
    readonly hasMoreObjects: boolean;
    readonly reason: string;
  }[];
}

/** Why, in words; the same as in docs/operations.md. */
const reasons: Readonly<Record<string, string>> = {
  role: 'comes with',
  management: 'on the management plane, comes with',
  assignment: 'assigned already, begins to hold:',
  widened: 'given more widely than before',
  'denial-ends': 'taken away no longer by',
  application: 'a role cannot be bound to an application',
  denied: 'taken away by',
  'object-scope': 'a policy cannot be for some objects alone:',
  condition: 'a policy cannot have a condition:',
  'no-such-permission': 'the permission would give more besides',
  'no-such-principal': 'the directory has no such principal',
  'never-applied': 'never held: no token of the principal is for this application',
  'not-served': 'no operation here needs it',
  dropped: 'lies unused now, and is not brought back to life',
};

const names: Readonly<Record<string, string>> = { rbac: 'roles', policies: 'access policies' };

/** A plan as lines for a terminal. */
export function planLines(vault: string, answer: PlanAnswer): readonly string[] {
  const { model, plan, names: known, digest, replay, narrower } = answer;
  const who = (id: string) => (known[id] ? `${known[id].displayName} (${id})` : id);
  const change = (one: ShownChange) => [
    `${who(one.principalId)}${one.applicationId ? ` through application ${one.applicationId}` : ''}`,
    one.permissions.join(', '),
    `${reasons[one.reason] ?? one.reason} ${one.detail}`.trim(),
  ];
  return [
    `${vault} uses ${names[model]}; this is a plan for ${names[plan.to]}.`,
    ...(plan.to === 'rbac'
      ? section(
          'Assign at the vault',
          plan.grants.map((grant) => [who(grant.principalId), roleText(grant.role)]),
        )
      : section(
          'Access policies afterwards',
          plan.policies.map((policy) => [who(policy.objectId), policyText(policy)]),
        )),
    ...section('Gains', plan.gains.map(change)),
    ...section('Losses', plan.losses.map(change)),
    ...section('Notes', plan.notes.map(change)),
    ...replayLines(replay),
    ...(narrower.length === 0
      ? []
      : section(
          'Touched these objects alone, so that roles at them might do; the plan covers all that was given',
          narrower.map(({ principalId, objects }) => [who(principalId), objects.join(', ')]),
        )),
    '',
    `Digest ${digest}`,
  ];
}

/** A replay as lines for a terminal. */
export function replayLines(replay: ShownReplay): readonly string[] {
  const { refused, calls, days, since, refusedAnyway, ofGoneCallers, goneCallers, unlisted, unreadable, unknown } =
    replay;
  const rows = refused.map((row) => [
    `${row.name ?? ''} (${row.principalId})`,
    row.operation,
    `${row.calls} ${row.calls === 1 ? 'call' : 'calls'}, last ${row.last}`,
    `${row.objects.join(', ')}${row.hasMoreObjects ? ', …' : ''} ${row.reason}`.trim(),
  ]);
  const line = (count: number, text: string) => (count > 0 ? [`  ${count} ${text}`] : []);
  return [
    '',
    `Replay of ${days} days, since ${since}: ${calls} calls were let in`,
    ...(refused.length === 0 ? ['  none would be refused'] : table([['WOULD BE REFUSED', '', '', ''], ...rows])),
    ...line(unlisted, 'further calls would be refused, of more callers than are listed'),
    ...line(refusedAnyway, 'are refused as policies and roles are now, whichever model'),
    ...line(ofGoneCallers, `are of callers that no longer exist: ${goneCallers.slice(0, 10).join(', ')}`),
    ...line(unknown, 'are of operations that this release does not have'),
    ...line(unreadable, 'BATCHES OF THE LOG CANNOT BE READ: strongroom audit verify'),
  ];
}

function roleText({ name, dataActions = [] }: ShownPlan['grants'][number]['role']): string {
  const short = dataActions.map((action) => action.replace('Microsoft.KeyVault/vaults/', ''));
  return name ?? `a custom role: ${short.join(', ')}`;
}

function policyText({ permissions, applicationId }: ShownPlan['policies'][number]): string {
  const given = Object.entries(permissions).map(([kind, words]) => `${kind} ${words.join(', ')}`);
  return `${given.join('; ')}${applicationId ? `, through application ${applicationId}` : ''}`;
}

function section(title: string, rows: readonly (readonly string[])[]): readonly string[] {
  return ['', title, ...(rows.length === 0 ? ['  none'] : table(rows))];
}

/** A longer cell than this is not waited for by the others. */
const WIDEST = 80;

function table(rows: readonly (readonly string[])[]): readonly string[] {
  const widths = (rows[0] ?? []).map((_, column) => {
    const lengths = rows.map((row) => row[column]?.length ?? 0);
    return Math.max(0, ...lengths.filter((length) => length <= WIDEST));
  });
  return rows.map((row) => `  ${row.map((cell, column) => cell.padEnd(widths[column]!)).join('  ')}`.trimEnd());
}
