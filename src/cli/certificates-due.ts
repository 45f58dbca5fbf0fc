import { type CommandArguments, CommandError, type CommandIo, EXIT_USAGE, textOption } from './command.ts';
import { dataDirOf, hostUrl, requireRuntime } from './data-dir.ts';
import { askAsOwner } from './owner-request.ts';

const VERSION = '2026-01-01';
const ASK_MS = 15_000;

interface Due {
  readonly vault: string;
  readonly certificate: string;
  readonly issuer: string;
  readonly expires: string | null;
  readonly risk: string;
  readonly why: string;
}

/** An issuer that would take no order now. */
interface FailingIssuer {
  readonly vault: string;
  readonly issuer: string;
  readonly provider: string;
  readonly since: string;
  readonly why: string;
}

/** The options of `due`. */
export const dueOptions = { days: { type: 'string' } } as const;

/** What `due` does, for the command's own help. */
export const DUE_USAGE = `due asks the running server, as its first administrator, which certificates of all vaults need somebody: those that have ended, whose
renewal failed or does not get on, that wait for an answer for more than two days, or that end soon and nobody renews; and which issuers would take no order now.

  --days N    how far ahead an end is looked for; 30 unless told otherwise

It ends with 0 where there is none, with 3 where there is one.`;

/**
 * `strongroom certificates due`: the certificates that need somebody, and why.
 * @returns 0 where there is none, 3 where there is one, for monitoring
 * @throws CommandError
 */
export async function listDue(args: CommandArguments, io: CommandIo): Promise<number> {
  const days = textOption(args, 'days');
  if (args.positionals.length !== 1 || (days !== undefined && !/^\d{1,4}$/.test(days))) {
    throw new CommandError('strongroom certificates due takes --days with a number.', EXIT_USAGE);
  }
  const dataDir = dataDirOf(args, io);
  const runtime = requireRuntime(dataDir, args);
  const query = days === undefined ? '' : `&days=${days}`;
  const path = `/subscriptions/${runtime.subscriptionId}/providers/Strongroom.Certificates/due?api-version=${VERSION}${query}`;
  const body = await askAsOwner(dataDir, runtime, {
    path,
    method: 'GET',
    timeoutMs: ASK_MS,
    otherwise: `  az rest --method get --url "${hostUrl('management', runtime)}${path}"`,
  });
  return show(body['value'] as readonly Due[], body['issuers'] as readonly FailingIssuer[], io);
}

const AT_RISK = 3;

function show(dues: readonly Due[], issuers: readonly FailingIssuer[], io: CommandIo): number {
  for (const { vault, issuer, provider, since, why } of issuers) {
    io.stdout(`${vault}/issuers/${issuer}  takes no orders  since ${since}  ${provider}: ${why}`);
  }
  for (const { vault, certificate, issuer, expires, risk, why } of dues) {
    io.stdout(`${vault}/${certificate}  ${risk}  ends ${expires ?? 'never began'}  issuer ${issuer}: ${why}`);
  }
  const isCalm = dues.length + issuers.length === 0;
  if (isCalm) io.stdout('No certificate is at risk.');
  return isCalm ? 0 : AT_RISK;
}
