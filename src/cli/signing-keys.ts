import { type Command, type CommandArguments, CommandError, type CommandIo, EXIT_USAGE } from './command.ts';
import { DATA_DIR_USAGE, dataDirOf, dataDirOption, hostUrl, type Runtime, requireRuntime } from './data-dir.ts';
import { askAsOwner } from './owner-request.ts';

const VERSION = '2026-01-01';
const ASK_MS = 15_000;

/** `strongroom signing-keys`: shows the keys that sign tokens, hastens the next, revokes one that leaked. */
export const command: Command = {
  name: 'signing-keys',
  summary: 'list, rotate or revoke the keys that sign tokens',
  usage: `strongroom signing-keys list | rotate | revoke KID [--data-dir DIR]

Keys rotate by themselves; this is for looking, and for emergencies. Asks the running server as its first administrator.

  list        the keys: announced (published, not signing yet), signing, retired (published until their tokens ended)
  rotate      lets the next key sign as soon as it was published long enough; no token is refused
  revoke KID  removes a key at once, in every process: all tokens that it signed are refused from the next request on
${DATA_DIR_USAGE}`,
  options: { ...dataDirOption },
  async run(args, io) {
    const order = orderOf(args);
    const dataDir = dataDirOf(args, io);
    const runtime = requireRuntime(dataDir, args);
    const path = `/subscriptions/${runtime.subscriptionId}/providers/Strongroom.Identity/signingKeys${order}?api-version=${VERSION}`;
    const method = order === '' ? 'GET' : 'POST';
    const body = await askAsOwner(dataDir, runtime, {
      path,
      method,
      timeoutMs: ASK_MS,
      otherwise: `  az rest --method ${method.toLowerCase()} --url ${urlOf(runtime, path)}`,
    });
    show(body['value'] as readonly Readonly<Record<string, string | null>>[], io);
    return 0;
  },
};

function orderOf({ positionals: [action, kid, ...rest] }: CommandArguments): string {
  const isOnly = rest.length === 0 && kid === undefined;
  if (action === 'list' && isOnly) return '';
  if (action === 'rotate' && isOnly) return '/rotate';
  if (action === 'revoke' && rest.length === 0 && kid !== undefined && /^[\w-]{1,64}$/.test(kid)) {
    return `/${kid}/revoke`;
  }
  throw new CommandError('strongroom signing-keys takes list, rotate, or revoke and the id of a key.', EXIT_USAGE);
}

function urlOf(runtime: Runtime, path: string): string {
  return `"${hostUrl('management', runtime)}${path}"`;
}

function show(keys: readonly Readonly<Record<string, string | null>>[], io: CommandIo): void {
  for (const { kid, state, signsFrom, removedFrom, privatePart } of keys) {
    const until = removedFrom ? `, removed from ${removedFrom}` : '';
    io.stdout(`${kid}  ${state?.padEnd(9)}  signs from ${signsFrom}${until}; private part ${privatePart}`);
  }
}
