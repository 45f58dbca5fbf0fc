import { randomBytes } from 'node:crypto';
import { promises as dns } from 'node:dns';
import { join } from 'node:path';
import { isLocalhostName } from '../client/localhost-name.ts';
import { isHostName, PLANE_HOSTS } from '../tls/server-names.ts';
import {
  type Command,
  type CommandArguments,
  CommandError,
  type CommandIo,
  EXIT_USAGE,
  eitherFlag,
  errorCode,
  textOption,
  textOptions,
} from './command.ts';
import { DATA_DIR_USAGE, dataDirOf, dataDirOption, readRuntime, suggestAsRoot } from './data-dir.ts';
import { withBlock, withoutBlock } from './hosts-block.ts';
import { rewriteFile } from './rewrite-file.ts';

/** Asks the system's resolver; rejects where it does not know the name. */
export type SystemLookup = (host: string) => Promise<readonly { readonly address: string }[]>;

const USAGE = `strongroom hosts [--install | --remove] [--file FILE] [--vault NAME ...] [--domain NAME]

Shows whether this machine resolves Strongroom's host names, and the hosts-file lines for those that it does not.

  --install           put the lines into the hosts file, in place of those that are there already
  --remove            take them out again; everything else stays as it is, byte for byte
  --file FILE         the hosts file (default: the system's)
  --vault NAME        a vault beside those of the running server; may be repeated
  --domain NAME       the domain (default: the running server's, else localhost)
${DATA_DIR_USAGE}`;

/** `strongroom hosts`. */
export const command: Command = {
  name: 'hosts',
  summary: "make Strongroom's host names known to this machine",
  usage: USAGE,
  options: {
    ...dataDirOption,
    install: { type: 'boolean' },
    remove: { type: 'boolean' },
    file: { type: 'string' },
    vault: { type: 'string', multiple: true },
    domain: { type: 'string' },
  },
  run: (args, io) => runHosts(args, io, (host) => dns.lookup(host, { all: true })),
};

/** The command with the resolver given: see `command`. */
export async function runHosts(args: CommandArguments, io: CommandIo, lookup: SystemLookup): Promise<number> {
  const action = eitherFlag(args, 'install', 'remove');
  const file = textOption(args, 'file') ?? systemHostsFile(io);
  if (action === 'remove') {
    const isChanged = edit(file, withoutBlock, args, io);
    io.stdout(isChanged ? `Strongroom's lines were taken out of ${file}.` : `${file} holds no lines of Strongroom's.`);
    return 0;
  }
  const { domain, hosts } = chooseHosts(args, io);
  const lines = hostsLines(hosts);
  if (action === 'install') {
    const isChanged = edit(file, (text) => withBlock(text, lines), args, io);
    io.stdout(`${file} ${isChanged ? 'now holds' : 'already held'} the names of ${hosts.length} hosts:`);
    for (const host of hosts) io.stdout(`  ${host}`);
    return 0;
  }
  await reportResolution(domain, io, lookup);
  io.stdout('');
  io.stdout(`Lines for ${file}; \`strongroom hosts --install\` writes them, \`--remove\` takes them out:`);
  for (const line of lines) io.stdout(line);
  return 0;
}

/** Two hosts-file lines for each host, one for each loopback address. */
export function hostsLines(hosts: readonly string[]): string[] {
  return hosts.flatMap((host) => [`127.0.0.1 ${host}`, `::1 ${host}`]);
}

function chooseHosts(args: CommandArguments, io: CommandIo): { domain: string; hosts: string[] } {
  const given = textOption(args, 'domain');
  const runtime = readRuntime(dataDirOf(args, io));
  const domain = (given ?? runtime?.domain ?? 'localhost').toLowerCase();
  if (!isHostName(domain)) throw new CommandError(`Not a domain: ${JSON.stringify(domain)}.`, EXIT_USAGE);
  const vaults = [...(runtime?.vaults ?? []), ...textOptions(args, 'vault')].map((name) => name.toLowerCase());
  for (const name of vaults) {
    // The service's rule for vault names: 3 to 24 letters, digits and single hyphens, a letter first.
    if (!/^(?=.{3,24}$)[a-z](?:-?[a-z0-9])*$/.test(name)) {
      throw new CommandError(`Not a vault name: ${JSON.stringify(name)}.`, EXIT_USAGE);
    }
  }
  const hosts = [
    // Every hosts file has the bare name already.
    ...(domain === 'localhost' ? [] : [domain]),
    ...PLANE_HOSTS.map((host) => `${host}.${domain}`),
    ...[...new Set(vaults)].map((name) => `${name}.vault.${domain}`),
  ];
  return { domain, hosts };
}

async function reportResolution(domain: string, io: CommandIo, lookup: SystemLookup): Promise<void> {
  const known = await resolves(`login.${domain}`, io, lookup);
  // No hosts file can hold a name made up just now: that it resolves means that any vault's does.
  const any = await resolves(`x-${randomBytes(4).toString('hex')}.vault.${domain}`, io, lookup);
  if (known && any) {
    io.stdout('This machine resolves the names of every host and every vault: nothing needs to be done.');
    return;
  }
  io.stdout(
    known
      ? 'This machine resolves the hosts it has lines for, but no vault without one.'
      : 'Programs that ask the system for these names will not find them.',
  );
  if (isLocalhostName(domain)) {
    io.stdout('On Linux, libnss-myhostname makes every name below localhost resolve, without a line for each vault:');
    io.stdout('  Debian, Ubuntu: apt-get install libnss-myhostname   (elsewhere it comes with systemd)');
    io.stdout('Node programs need neither: node --import strongroom/resolve-localhost app.js');
    io.stdout('curl and Chromium know these names by themselves.');
  } else {
    io.stdout(`A name server can do the same with a wildcard for *.${domain}.`);
  }
}

async function resolves(host: string, io: CommandIo, lookup: SystemLookup): Promise<boolean> {
  try {
    const found = await lookup(host);
    io.stdout(`${host}: ${found.map((item) => item.address).join(', ')}`);
    return found.length > 0;
  } catch (error) {
    io.stdout(`${host}: does not resolve (${errorCode(error) ?? 'unknown error'})`);
    return false;
  }
}

function systemHostsFile(io: CommandIo): string {
  const windows = io.env['SystemRoot'];
  return process.platform === 'win32' && windows ? join(windows, 'System32', 'drivers', 'etc', 'hosts') : '/etc/hosts';
}

function edit(file: string, change: (text: string) => string, args: CommandArguments, io: CommandIo): boolean {
  try {
    return rewriteFile(file, change);
  } catch (error) {
    if (error instanceof RangeError) throw new CommandError(`${file} was left as it is. ${error.message}`);
    const code = errorCode(error);
    if (code === 'EACCES' || code === 'EPERM' || code === 'EROFS') {
      throw new CommandError(
        `${file} was left as it is: writing it takes an administrator's rights (${code}). Run: ${suggestAsRoot(args, io, 'hosts')}`,
        1,
        { cause: error },
      );
    }
    if (code === 'ENOENT')
      throw new CommandError(`There is no ${file}; --file names another one.`, 1, { cause: error });
    throw error;
  }
}
