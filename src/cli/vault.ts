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
import { type MoveAnswer, type MovePlanAnswer, moveLines, movePlanLines } from './vault-lines.ts';

const VERSION = '2026-01-01';
/** A large vault, and a long log, take their time. */
const MOVE_MS = 3_600_000;

/** `strongroom vault move`: moves a vault to a new one, as one of another tier. */
export const command: Command = {
  name: 'vault',
  summary: 'move a vault to a new one, such as from Standard to Premium',
  usage: `strongroom vault move --from OLD --to NEW [--dry-run] [OPTIONS]
strongroom vault move --from OLD --to NEW --apply | --status | --finish [--keep] | --abandon

Makes a new vault beside the old one and carries secrets, keys, access and settings to it. Shows first what that means and who must
change what; nothing is changed without --apply. The old vault is only read until --finish, and both can be used until then.

  --from OLD           the vault to move
  --to NEW             the name of the new vault; it must be free
  --sku premium        the new vault's tier: premium (default) or standard
  --keys generate      new keys of the new vault's kind; the old ones read what they encrypted (default for premium)
  --keys import        every version of a key is taken in by the token of the new vault
  --keys copy          software keys stay software keys, every version as it is (default for standard)
  --purge-protection   the new vault is protected from the end on, also where the old one is not
  --days N             how far back the audit log is read for clients (default: 30)
  --dry-run            the plan alone, as without it
  --apply              make the new vault and carry everything; again: carry what changed since
  --status             how far it has come
  --finish             carry the rest, then delete the old vault; recoverable until its retention ends
  --keep               with --finish: the old vault stays as it is
  --abandon            purge the new vault; the old one is as it was
  --accept-losses      with --finish or --abandon: also if something is lost by it
  --format text|json   (default: text)
${DATA_DIR_USAGE}`,
  options: {
    ...dataDirOption,
    from: { type: 'string' },
    to: { type: 'string' },
    sku: { type: 'string' },
    keys: { type: 'string' },
    'purge-protection': { type: 'boolean' },
    days: { type: 'string' },
    'dry-run': { type: 'boolean' },
    apply: { type: 'boolean' },
    status: { type: 'boolean' },
    finish: { type: 'boolean' },
    keep: { type: 'boolean' },
    abandon: { type: 'boolean' },
    'accept-losses': { type: 'boolean' },
    format: { type: 'string' },
  },
  run,
};

const verbs = ['dry-run', 'apply', 'status', 'finish', 'abandon'] as const;
type Verb = (typeof verbs)[number];

/** What means something with some of the verbs alone. */
const optionsOf: Readonly<Record<string, readonly Verb[]>> = {
  sku: ['dry-run', 'apply'],
  keys: ['dry-run', 'apply'],
  'purge-protection': ['dry-run', 'apply'],
  days: ['dry-run'],
  keep: ['finish'],
  'accept-losses': ['finish', 'abandon'],
};

type AnswerBody = Readonly<Record<string, unknown>>;

async function run(args: CommandArguments, io: CommandIo): Promise<number> {
  const from = textOption(args, 'from');
  const to = textOption(args, 'to');
  if (args.positionals.length !== 1 || args.positionals[0] !== 'move' || !from || !to) {
    throw new CommandError(command.usage, EXIT_USAGE);
  }
  const verb = verbOf(args);
  const format = textOption(args, 'format') ?? 'text';
  if (format !== 'text' && format !== 'json') throw new CommandError('--format is text or json.', EXIT_USAGE);
  const order = orderOf(args, verb, to);
  const dataDir = dataDirOf(args, io);
  const runtime = requireRuntime(dataDir, args);
  const otherwise = `  az rest --method post --url "${hostUrl('management', runtime)}VAULT_ID/providers/Strongroom.Resources/move/plan?api-version=${VERSION}" --body '{"properties":{"to":"${to}"}}'`;
  const send: Send = (method, path, body) =>
    askAsOwner(dataDir, runtime, { method, path, ...(body && { body }), timeoutMs: MOVE_MS, otherwise });
  const id = await idOfOld(send, runtime.subscriptionId, from, verb === 'dry-run' ? null : to);
  const url = (step: string) => `${id}/providers/Strongroom.Resources/move${step}?api-version=${VERSION}`;
  if (verb === 'finish' || verb === 'abandon') await requireTarget(send, url(''), from, to);
  const { properties } = await (verb === 'status'
    ? send('GET', url(''))
    : send('POST', url(verb === 'dry-run' ? '/plan' : `/${verb}`), { properties: order }));
  const lines =
    verb === 'dry-run'
      ? [...movePlanLines(from, to, properties as MovePlanAnswer), '', 'Nothing has been changed. To do it: --apply.']
      : moveLines(from, to, properties as MoveAnswer);
  for (const line of format === 'json' ? [JSON.stringify(properties, null, 2)] : lines) io.stdout(line);
  return 0;
}

type Send = (method: 'GET' | 'POST', path: string, body?: AnswerBody) => Promise<AnswerBody>;

function verbOf(args: CommandArguments): Verb {
  const given = verbs.filter((verb) => flagOption(args, verb));
  if (given.length > 1) throw new CommandError(`--${given.join(' and --')} cannot be given together.`, EXIT_USAGE);
  const verb = given[0] ?? 'dry-run';
  for (const [option, allowed] of Object.entries(optionsOf)) {
    if (args.values[option] !== undefined && !allowed.includes(verb)) {
      throw new CommandError(`--${option} means nothing with --${verb}.`, EXIT_USAGE);
    }
  }
  return verb;
}

function orderOf(args: CommandArguments, verb: Verb, to: string): AnswerBody {
  if (verb === 'finish') return { keep: flagOption(args, 'keep'), acceptLosses: flagOption(args, 'accept-losses') };
  if (verb === 'abandon') return { acceptLosses: flagOption(args, 'accept-losses') };
  const days = textOption(args, 'days') ?? '30';
  if (!/^\d{1,4}$/.test(days)) throw new CommandError('--days takes a number of days, such as 30.', EXIT_USAGE);
  const [sku, keys] = [textOption(args, 'sku'), textOption(args, 'keys')];
  const purgeProtection = flagOption(args, 'purge-protection');
  return { to, ...(sku && { sku }), ...(keys && { keys }), purgeProtection, days: Number(days) };
}

/** A move that was interrupted at its end has closed the old vault, which no list shows then; the new one is beside it. */
async function idOfOld(send: Send, subscriptionId: string, from: string, to: string | null): Promise<string> {
  const id = await vaultId(send, subscriptionId, from);
  if (id) return id;
  const beside = to && (await vaultId(send, subscriptionId, to));
  if (!beside) throw new CommandError(`There is no vault ${from}, or it is deleted.`);
  return `${beside.slice(0, beside.lastIndexOf('/') + 1)}${encodeURIComponent(from)}`;
}

async function vaultId(send: Send, subscriptionId: string, vault: string): Promise<string | null> {
  const filter = `resourceType eq 'Microsoft.KeyVault/vaults' and name eq '${vault.replaceAll("'", "''")}'`;
  const query = new URLSearchParams({ 'api-version': '2022-12-01', $filter: filter });
  const { value } = await send('GET', `/subscriptions/${subscriptionId}/resources?${query}`);
  const [found] = value as readonly { readonly id: string }[];
  return found?.id ?? null;
}

/** What is ended must be the move that was named: a slip of the name ends nothing. */
async function requireTarget(send: Send, url: string, from: string, to: string): Promise<void> {
  const { properties } = await send('GET', url);
  const target = (properties as MoveAnswer).to.split('/').pop()!;
  if (target.toLowerCase() === to.toLowerCase()) return;
  throw new CommandError(`${from} is being moved to ${target}, not to ${to}.`);
}
