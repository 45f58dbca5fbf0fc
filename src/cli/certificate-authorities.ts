import { X509Certificate } from 'node:crypto';
import { type CommandArguments, CommandError, type CommandIo, EXIT_USAGE, textOption } from './command.ts';
import { dataDirOf, hostUrl, requireRuntime } from './data-dir.ts';
import { askAsOwner } from './owner-request.ts';

const VERSION = '2026-01-01';
const ASK_MS = 15_000;

/** Options of {@link revokeCertificate}. */
export const authorityOptions = {
  authority: { type: 'string' },
  serial: { type: 'string' },
  reason: { type: 'string' },
} as const;

/** How to call {@link listAuthorities} and {@link revokeCertificate}. */
export const AUTHORITIES_USAGE = `authorities lists the authorities whose keys are in vaults, with their certificates; revoke revokes what one of them has
issued (unspecified, keyCompromise, affiliationChanged, superseded, cessationOfOperation, privilegeWithdrawn). Both ask the running
server as its first administrator.`;

interface ShownAuthority {
  readonly name: string;
  readonly vault: string;
  readonly key: string;
  readonly certificate: string | null;
  readonly fault: string | null;
}

/** `strongroom certificates authorities`: the vaults' own authorities, with their certificates. */
export async function listAuthorities(args: CommandArguments, io: CommandIo): Promise<number> {
  const { value } = await ask(args, io, 'GET', '');
  for (const { name, vault, key, certificate, fault } of value as readonly ShownAuthority[]) {
    io.stdout(`${name}  key ${key} of ${vault}${fault === null ? '' : `: ${fault}`}`);
    if (certificate === null) continue;
    const read = new X509Certificate(Buffer.from(certificate, 'base64'));
    io.stdout(`  ${read.subject.replaceAll('\n', ', ')}, until ${read.validTo}, SHA-256 ${read.fingerprint256}`);
    io.stdout(read.toString().trimEnd());
  }
  return 0;
}

/** `strongroom certificates revoke`: a certificate that one of them has issued. */
export async function revokeCertificate(args: CommandArguments, io: CommandIo): Promise<number> {
  const [authority, serial] = [textOption(args, 'authority'), textOption(args, 'serial')];
  if (!authority || !serial || !/^[A-Za-z0-9-]{1,64}$/.test(authority)) {
    throw new CommandError('Name --authority and --serial.', EXIT_USAGE);
  }
  const reason = textOption(args, 'reason') ?? 'unspecified';
  await ask(args, io, 'POST', `/${authority}/revoke`, { serial, reason });
  io.stdout(`Revoked ${serial} of ${authority}: ${reason}. The next list and the next answer say so.`);
  return 0;
}

function ask(
  args: CommandArguments,
  io: CommandIo,
  method: 'GET' | 'POST',
  what: string,
  body?: Readonly<Record<string, unknown>>,
): Promise<Readonly<Record<string, unknown>>> {
  const dataDir = dataDirOf(args, io);
  const runtime = requireRuntime(dataDir, args);
  const path = `/subscriptions/${runtime.subscriptionId}/providers/Strongroom.Certificates/authorities${what}?api-version=${VERSION}`;
  const words = body ? ` --body '${JSON.stringify(body)}'` : '';
  const url = `${hostUrl('management', runtime)}${path}`;
  const otherwise = `  az rest --method ${method.toLowerCase()} --url "${url}"${words}`;
  return askAsOwner(dataDir, runtime, { path, method, ...(body && { body }), timeoutMs: ASK_MS, otherwise });
}
