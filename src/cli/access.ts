import { type PlanAnswer, planLines, replayLines, type ShownReplay } from './access-lines.ts';
import {
  type Command,
  type CommandArguments,
  CommandError,
  type CommandIo,
  EXIT_USAGE,
  flagOption,
  textOption,
} from './command.ts';
import { DATA_DIR_USAGE, dataDirOf, dataDirOption, hostUrl, requireRuntime } from './data-dir.ts';
import { askAsOwner } from './owner-request.ts';

const VERSION = '2026-01-01';
/** A long log is read before the answer. */
const REPLAY_MS = 900_000;

/** `strongroom access plan`: moves a vault from one permission model to the other, so that nobody is locked out. */
export const command: Command = {
  name: 'access',
  summary: 'move a vault between access policies and roles without locking anybody out',
  usage: `strongroom access plan --vault NAME --to rbac|policies [--apply] [OPTIONS]
strongroom access plan --vault NAME --revert [OPTIONS]

Shows what stands in for the vault's access policies as roles, or the other way round; who gains and loses what; and which
calls of the last days would be refused. Nothing is changed without --apply.

  --vault NAME         the vault
  --to rbac|policies   the model to move to
  --days N             how far back the audit log is replayed (default: 30)
  --roles exact        a custom role where no built-in role gives what a policy gives and nothing besides (default)
  --roles built-in     built-in roles alone, the least that cover a policy
  --widen              give more widely what the new model cannot say as narrowly, instead of losing it
  --apply              assign, replay, then switch
  --digest TEXT        with --apply: only if the plan is still the one that had this digest
  --accept-losses      with --apply: also if the plan or the replay says that something is lost
  --revert             undo the last plan that was applied
  --format text|json   (default: text)
${DATA_DIR_USAGE}`,
  options: {
    ...dataDirOption,
    vault: { type: 'string' },
    to: { type: 'string' },
    days: { type: 'string' },
    roles: { type: 'string' },
    widen: { type: 'boolean' },
    apply: { type: 'boolean' },
    digest: { type: 'string' },
    'accept-losses': { type: 'boolean' },
    revert: { type: 'boolean' },
    format: { type: 'string' },
  },
  run,
};

async function run(args: CommandArguments, io: CommandIo): Promise<number> {
  const vault = textOption(args, 'vault');
  const isRevert = flagOption(args, 'revert');
  const isMeant = args.positionals.length === 1 && args.positionals[0] === 'plan' && vault;
  if (!isMeant || isRevert === (textOption(args, 'to') !== undefined))
    throw new CommandError(command.usage, EXIT_USAGE);
  const format = textOption(args, 'format') ?? 'text';
  if (format !== 'text' && format !== 'json') throw new CommandError('--format is text or json.', EXIT_USAGE);
  const order = isRevert ? {} : orderOf(args);
  const dataDir = dataDirOf(args, io);
  const runtime = requireRuntime(dataDir, args);
  const base = hostUrl('management', runtime);
  const otherwise = `  az rest --method post --url "${base}VAULT_ID/providers/Strongroom.Access/permissionModel/plan?api-version=${VERSION}" --body '{"properties":${JSON.stringify(order)}}'`;
  const client: Client = {
    send: (method, path, body) =>
      askAsOwner(dataDir, runtime, { method, path, ...(body && { body }), timeoutMs: REPLAY_MS, otherwise }),
  };
  const path = await pathOf(client, runtime.subscriptionId, vault);
  const shown = isRevert ? await revert(client, path, vault) : await planOrApply(client, path, vault, order, args);
  for (const line of format === 'json' ? [JSON.stringify(shown.body, null, 2)] : shown.lines) io.stdout(line);
  return 0;
}

type AnswerBody = Readonly<Record<string, unknown>>;

/** The management plane. */
interface Client {
  send(method: 'GET' | 'POST', path: string, body?: AnswerBody): Promise<AnswerBody>;
}

interface Shown {
  readonly body: unknown;
  readonly lines: readonly string[];
}

function orderOf(args: CommandArguments): AnswerBody {
  const days = textOption(args, 'days') ?? '30';
  if (!/^\d{1,4}$/.test(days)) throw new CommandError('--days takes a number of days, such as 30.', EXIT_USAGE);
  for (const option of ['digest', 'accept-losses']) {
    if (args.values[option] !== undefined && !flagOption(args, 'apply')) {
      throw new CommandError(`--${option} means something with --apply alone.`, EXIT_USAGE);
    }
  }
  const order = { to: textOption(args, 'to'), roles: textOption(args, 'roles') ?? 'exact', days: Number(days) };
  return { ...order, widen: flagOption(args, 'widen') };
}

async function planOrApply(
  client: Client,
  path: (verb: string) => string,
  vault: string,
  order: AnswerBody,
  args: CommandArguments,
): Promise<Shown> {
  const { properties } = await client.send('POST', path('/plan'), { properties: order });
  const plan = properties as PlanAnswer;
  const lines = planLines(vault, plan);
  if (!flagOption(args, 'apply')) {
    const hint = 'Nothing has been changed. To do it: the same with --apply --digest and this digest.';
    return { body: plan, lines: [...lines, hint] };
  }
  const digest = textOption(args, 'digest') ?? plan.digest;
  const apply = { ...order, digest, acceptLosses: flagOption(args, 'accept-losses') };
  const answer = await client.send('POST', path('/apply'), { properties: apply });
  const done = answer['properties'] as { readonly replay: ShownReplay; readonly assignments: readonly unknown[] };
  const what = plan.plan.to === 'rbac' ? `roles; ${done.assignments.length} assignments were made` : 'access policies';
  const undo = `To undo it: strongroom access plan --vault ${vault} --revert`;
  return {
    body: done,
    lines: [...lines, '', 'APPLIED', ...replayLines(done.replay), '', `${vault} uses ${what}. ${undo}`],
  };
}

async function revert(client: Client, path: (verb: string) => string, vault: string): Promise<Shown> {
  const { properties } = await client.send('POST', path('/revert'));
  const done = properties as {
    readonly model: string;
    readonly kept: readonly { readonly id: string; readonly reason: string }[];
    readonly notes: readonly string[];
    readonly losses: readonly { readonly principalId: string; readonly permissions: readonly string[] }[];
  };
  const lines = [
    `The plan for ${vault} is undone; it uses ${done.model === 'rbac' ? 'roles' : 'access policies'}.`,
    ...done.notes,
    ...done.kept.map(({ id, reason }) => `Not removed: ${id}: ${reason}`),
    ...done.losses.map(
      ({ principalId, permissions }) =>
        `${principalId} had been granted what it cannot do any more: ${permissions.join(', ')}`,
    ),
  ];
  return { body: done, lines };
}

async function pathOf(client: Client, subscriptionId: string, vault: string): Promise<(verb: string) => string> {
  const filter = `resourceType eq 'Microsoft.KeyVault/vaults' and name eq '${vault.replaceAll("'", "''")}'`;
  const query = new URLSearchParams({ 'api-version': '2022-12-01', $filter: filter });
  const { value } = await client.send('GET', `/subscriptions/${subscriptionId}/resources?${query}`);
  const [found] = value as readonly { readonly id: string }[];
  if (!found) throw new CommandError(`There is no vault ${vault}, or it is deleted.`);
  return (verb) => `${found.id}/providers/Strongroom.Access/permissionModel${verb}?api-version=${VERSION}`;
}
