import {
  type Command,
  type CommandArguments,
  CommandError,
  type CommandIo,
  EXIT_USAGE,
  flagOption,
  textOption,
} from './command.ts';
import { DATA_DIR_USAGE, dataDirOf, dataDirOption, hostUrl, type Runtime, requireRuntime } from './data-dir.ts';
import { askAsOwner } from './owner-request.ts';

const VERSION = '2026-01-01';
const ASK_MS = 15_000;
/** What is due after a long move is purged before the answer. */
const MOVE_MS = 900_000;

const UNIT_SECONDS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400 };

/** `strongroom clock`: shows the clock, and moves it forward where the server was started for development. */
export const command: Command = {
  name: 'clock',
  summary: 'show the clock, or move it forward in development',
  usage: `strongroom clock [--advance DURATION | --set INSTANT] [--data-dir DIR]

Shows the clock of the running server. A server that was started with --dev lets an Owner of the subscription move it
forward; whatever is due by then is done before the command ends. Tokens from before expire as they would: sign in again.

  --advance DURATION  by so much: a number and s, m, h or d, such as 90d
  --set INSTANT       to a moment ahead, such as 2030-01-31T12:00:00Z
  --reset             always refused: the clock goes forward only
${DATA_DIR_USAGE}`,
  options: {
    ...dataDirOption,
    advance: { type: 'string' },
    set: { type: 'string' },
    reset: { type: 'boolean' },
  },
  async run(args, io) {
    const order = orderOf(args);
    const dataDir = dataDirOf(args, io);
    const runtime = requireRuntime(dataDir, args);
    const body = await askAsOwner(dataDir, runtime, {
      path: pathOf(runtime),
      method: order ? 'POST' : 'GET',
      ...(order && { body: order }),
      timeoutMs: order ? MOVE_MS : ASK_MS,
      otherwise:
        `  az rest --method get --url ${hostUrl('management', runtime)}${pathOf(runtime)}\n` +
        '  (to move it: --method post --body \'{"advanceSeconds": 7776000}\')',
    });
    show(body, io);
    return 0;
  },
};

function orderOf(args: CommandArguments): Readonly<Record<string, unknown>> | null {
  if (flagOption(args, 'reset')) {
    throw new CommandError(
      'The clock goes forward only: going back would bring back tokens, secrets and vaults whose time has ended.\n' +
        'Real time returns with a new data directory, or with a backup from before the clock was moved.',
    );
  }
  const [advance, to] = [textOption(args, 'advance'), textOption(args, 'set')];
  if (advance !== undefined && to !== undefined) {
    throw new CommandError('--advance and --set cannot be given together.', EXIT_USAGE);
  }
  if (to !== undefined) return { to };
  if (advance === undefined) return null;
  const match = /^(\d{1,9})([smhd])$/.exec(advance);
  if (!match) throw new CommandError('--advance takes a number and s, m, h or d, such as 90d.', EXIT_USAGE);
  return { advanceSeconds: Number(match[1]) * UNIT_SECONDS[match[2]!]! };
}

function pathOf(runtime: Runtime): string {
  return `/subscriptions/${runtime.subscriptionId}/providers/Strongroom.Development/clock?api-version=${VERSION}`;
}

function show(body: Readonly<Record<string, unknown>>, io: CommandIo): void {
  const ahead = Number(body['aheadSeconds']);
  io.stdout(`Clock    ${String(body['now'])}`);
  io.stdout(`Machine  ${String(body['machine'])}`);
  if (ahead > 0) io.stdout(`MOVED    ${(ahead / 86_400).toFixed(1)} days ahead; for development, never for production`);
  else
    io.stdout(body['movable'] === true ? 'Movable, not moved' : 'Not movable: the server was not started with --dev');
}
