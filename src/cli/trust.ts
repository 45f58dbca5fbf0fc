import { X509Certificate } from 'node:crypto';
import { writeCaBundle } from './ca-bundle.ts';
import { type Command, type CommandArguments, CommandError, type CommandIo, eitherFlag } from './command.ts';
import {
  authorityPath,
  DATA_DIR_USAGE,
  dataDirOf,
  dataDirOption,
  hostUrl,
  readAuthority,
  readRuntime,
  suggestAsRoot,
  suggestCommand,
} from './data-dir.ts';
import { shellWord } from './shell-text.ts';
import {
  type Anchor,
  installAnchor,
  installedAnchors,
  type Machine,
  removeAnchor,
  thisMachine,
} from './system-store.ts';

const USAGE = `strongroom trust [--install | --remove]

Shows how each kind of client is made to trust this server's certificate authority.

  --install           put it into the system's store, for every program and user of this machine
  --remove            take it out again
${DATA_DIR_USAGE}`;

/** `strongroom trust`. */
export const command: Command = {
  name: 'trust',
  summary: "make clients trust the server's certificate",
  usage: USAGE,
  options: { ...dataDirOption, install: { type: 'boolean' }, remove: { type: 'boolean' } },
  run: async (args, io) => runTrust(args, io, thisMachine(io.env['PATH'])),
};

/** The command with the machine given: see `command`. */
export function runTrust(args: CommandArguments, io: CommandIo, machine: Machine): number {
  const action = eitherFlag(args, 'install', 'remove');
  const dataDir = dataDirOf(args, io);
  const certificate = readCertificate(dataDir, args, action === 'remove' ? installedAnchors(machine) : []);
  if (action === null) {
    show(dataDir, certificate, args, io);
    return 0;
  }
  if (machine.userId !== null && machine.userId !== 0) {
    throw new CommandError(
      `The system's store takes an administrator's rights. Run: ${suggestAsRoot(args, io, 'trust')}`,
    );
  }
  const anchor = toAnchor(certificate, authorityPath(dataDir));
  const done = action === 'install' ? installAnchor(machine, anchor) : removeAnchor(machine, anchor);
  io.stdout(done ?? "It is not in the system's store.");
  if (action === 'install') {
    io.stdout('Programs with lists of their own (Node, Python requests, Java, Firefox) may still need their variable:');
    io.stdout(`  eval "$(${suggestCommand(args, 'env')})"`);
  }
  return 0;
}

function readCertificate(dataDir: string, args: CommandArguments, installed: readonly string[]): X509Certificate {
  const path = authorityPath(dataDir);
  const pem = readAuthority(dataDir);
  if (pem === null) {
    const left = installed.map((file) => `\n  ${file}`).join('');
    throw new CommandError(
      `There is no ${path}. ${suggestCommand(args, 'start')} makes one, unless it is given a certificate.` +
        (left && `\nInstalled on this machine, and to be deleted by hand where their server is gone:${left}`),
    );
  }
  let certificate: X509Certificate;
  try {
    certificate = new X509Certificate(pem);
  } catch (error) {
    throw new CommandError(`${path} is damaged: it is not a certificate.`, 1, { cause: error });
  }
  if (!certificate.ca) throw new CommandError(`${path} is not the certificate of an authority.`);
  return certificate;
}

/** Written out from what was parsed: whatever else the file may hold goes nowhere. */
function toAnchor(certificate: X509Certificate, file: string): Anchor {
  return {
    pem: certificate.toString(),
    file,
    sha1: certificate.fingerprint.replaceAll(':', ''),
    sha256: certificate.fingerprint256.replaceAll(':', ''),
  };
}

function show(dataDir: string, certificate: X509Certificate, args: CommandArguments, io: CommandIo): void {
  const path = authorityPath(dataDir);
  const authority = shellWord(path);
  const bundle = shellWord(writeCaBundle(dataDir, io.env) ?? path);
  const runtime = readRuntime(dataDir);
  const health = `${hostUrl('management', runtime ?? { domain: 'localhost', port: 8443 })}/metadata/health`;
  const lines = [
    `Certificate authority  ${path}`,
    `  subject              ${certificate.subject.replaceAll('\n', ', ')}`,
    `  SHA-256              ${certificate.fingerprint256}`,
    `  valid until          ${certificate.validToDate.toISOString().slice(0, 10)}`,
    '',
    `System    ${suggestCommand(args, 'trust --install')}   (undone by --remove)`,
    `Shell     eval "$(${suggestCommand(args, 'env')})"   sets all of the following:`,
    `curl      curl --cacert ${authority} ${health}`,
    `          export CURL_CA_BUNDLE=${bundle}`,
    `Node      export NODE_EXTRA_CA_CERTS=${authority}`,
    `Python    export REQUESTS_CA_BUNDLE=${bundle} SSL_CERT_FILE=${bundle}`,
    `Go        export SSL_CERT_FILE=${bundle}`,
    `.NET      export SSL_CERT_FILE=${bundle}   (Linux; elsewhere the system's store)`,
    `Java      keytool -importcert -noprompt -alias strongroom -file ${authority} -cacerts -storepass changeit`,
    `Windows   certutil -user -addstore Root ${authority}`,
    `macOS     security add-trusted-cert -d -r trustRoot -k /Library/Keychains/System.keychain ${authority}`,
    '',
    "ca-bundle.pem is the system's list with this authority added: those variables replace the list, not extend it.",
  ];
  for (const line of lines) io.stdout(line);
}
