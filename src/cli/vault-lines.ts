/** The plan of a move, as far as it is shown. */
export interface MovePlanAnswer {
  readonly sku: string;
  readonly keys: string;
  readonly purgeProtection: boolean;
  readonly uri: { readonly from: string; readonly to: string };
  readonly contents: Readonly<
    Record<
      string,
      { readonly live: number; readonly deleted: number; readonly versions: number; readonly bytes: number }
    >
  >;
  readonly left: readonly LeftAnswer[];
  readonly access: {
    readonly model: string;
    readonly policies: readonly unknown[];
    readonly publicNetworkAccess: string;
    readonly networkAcls: { readonly defaultAction: string; readonly ipRules: readonly string[] };
    readonly locks: readonly string[];
  };
  readonly references: readonly { readonly kind: string; readonly id: string; readonly about: string }[];
  readonly use: {
    readonly since: string;
    readonly unlisted: number;
    readonly unreadable: number;
    readonly clients: readonly ClientAnswer[];
  };
  readonly blockers: readonly { readonly code: string; readonly message: string }[];
}

interface ClientAnswer {
  readonly principalId: string;
  readonly name: string | null;
  readonly calls: number;
  readonly last: string;
  readonly operations: readonly string[];
  readonly changes: readonly string[];
}

interface LeftAnswer {
  readonly name: string;
  readonly reason: string;
}

/** How far a move has come, as far as it is shown. */
export interface MoveAnswer {
  readonly state: string;
  readonly to: string;
  readonly carried?: number;
  readonly removed?: number;
  readonly conflicts?: readonly string[];
  readonly behind?: readonly string[];
  readonly pending?: readonly string[];
  readonly overruled?: readonly string[];
  readonly left?: readonly LeftAnswer[];
  readonly kept?: boolean;
  readonly lost?: readonly string[];
}

/** Why something is left; the same as in docs/operations.md. */
const reasons: Readonly<Record<string, string>> = {
  'made-anew': 'a new key is made: what the old one encrypted or wrapped is read under the old one alone',
  'not-exportable': 'a token holds it and does not give it away',
  deleted: 'deleted; no key is made in its place',
  certificate: 'stays with its key and secret: import or order it in the new vault',
  'deleted-certificate': 'deleted; it can be recovered in the old vault alone',
  'private-endpoint': 'is for the old vault alone: connect the endpoint to the new one',
};

const keys: Readonly<Record<string, string>> = {
  generate: 'new keys are made',
  import: 'every version is taken in as it is',
  copy: 'copied as they are, software keys as software keys',
};

const changes: Readonly<Record<string, string>> = {
  'vault-uri': 'vault URI',
  'key-ids': 'key ids',
  ciphertexts: 'what it encrypted or wrapped',
  signatures: 'the public key its signatures are verified by',
};

const MAX_SHOWN = 50;

/** A plan as lines for a terminal. */
export function movePlanLines(from: string, to: string, plan: MovePlanAnswer): readonly string[] {
  const { contents, access, use, left, references, blockers } = plan;
  const count = (kind: string) => references.filter((one) => one.kind === kind).length;
  const held = Object.entries(contents).map(
    ([kind, one]) =>
      `  ${kind}: ${one.live} live, ${one.deleted} deleted, ${one.versions} versions, ${one.bytes} bytes sealed`,
  );
  const { networkAcls, publicNetworkAccess, model, policies, locks } = access;
  return [
    `${from} is moved to ${to}, ${plan.sku}. Keys: ${keys[plan.keys] ?? plan.keys}.`,
    '',
    'Holds',
    ...held,
    ...section('Stays in the old vault alone', left.map(leftText)),
    '',
    'Access, the same at the new vault',
    `  ${model === 'rbac' ? 'roles' : `access policies, ${policies.length}`}; ${count('roleAssignment')} role assignments, ${count('denyAssignment')} denials, ${count('condition')} conditions, ${count('customRole')} custom roles that become assignable there`,
    `  public network ${publicNetworkAccess}, by default ${networkAcls.defaultAction}, ${networkAcls.ipRules.length} address rules; ${locks.length} locks, set at the end`,
    `  purge protection ${plan.purgeProtection ? 'from the end of the move on' : 'off'}`,
    ...section(`Used since ${use.since} by`, use.clients.map(clientText)),
    ...(use.unlisted > 0 ? [`  and ${use.unlisted} more`] : []),
    ...(use.unreadable > 0 ? [`  ${use.unreadable} BATCHES OF THE LOG CANNOT BE READ: strongroom audit verify`] : []),
    `  Old URI ${plan.uri.from}`,
    `  New URI ${plan.uri.to}`,
    ...(blockers.length === 0
      ? []
      : section(
          'WOULD BE REFUSED',
          blockers.map(({ code, message }) => `${code}: ${message}`),
        )),
  ];
}

/** What a step of a move has done, as lines for a terminal. */
export function moveLines(from: string, to: string, done: MoveAnswer): readonly string[] {
  const {
    state,
    carried,
    removed,
    conflicts = [],
    behind = [],
    pending = [],
    overruled = [],
    left = [],
    lost = [],
  } = done;
  const again = `strongroom vault move --from ${from} --to ${to}`;
  const words: Readonly<Record<string, string>> = {
    carrying: `The move of ${from} to ${to} was begun; not everything is carried yet: ${again} --apply`,
    carried: `${from} is carried to ${to}; both are in use. When the clients have changed: ${again} --finish`,
    closing: `The move was interrupted at its end, and ${from} is closed: ${again} --finish (or --abandon)`,
    finished: `${to} has taken the place of ${from}${done.kept ? ', which is kept' : ', which is deleted'}.`,
    abandoned: `The move is given up; ${to} is purged and ${from} as it was.`,
  };
  return [
    ...(carried === undefined ? [] : [`${carried} carried${removed ? `, ${removed} removed` : ''}.`]),
    ...section('Written in both vaults since; the new one keeps its own', conflicts),
    ...section('Not carried yet', pending),
    ...section('Put off, being written without a pause', behind),
    ...section('Left as the new vault has it', overruled),
    ...section('Stays in the old vault alone', left.map(leftText)),
    ...section('Lost with the new vault', lost),
    words[state] ?? state,
  ];
}

function leftText({ name, reason }: LeftAnswer): string {
  return `${name}: ${reasons[reason] ?? reason}`;
}

function clientText({ principalId, name, calls, last, operations, changes: found }: ClientAnswer): string {
  const must = found.map((one) => changes[one] ?? one).join(', ');
  return `${name ?? '(gone)'} (${principalId}): ${calls} calls, last ${last}, ${operations.join(' ')}; to change: ${must}`;
}

function section(title: string, rows: readonly string[]): readonly string[] {
  if (rows.length === 0) return [];
  const more = rows.length > MAX_SHOWN ? [`  and ${rows.length - MAX_SHOWN} more: --format json`] : [];
  return ['', title, ...rows.slice(0, MAX_SHOWN).map((row) => `  ${row}`), ...more];
}
