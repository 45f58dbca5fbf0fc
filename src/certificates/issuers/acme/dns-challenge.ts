import { spawn } from 'node:child_process';
import { type Challenge, ChallengeFault, type ChallengeSolver } from './challenge.ts';

/** A command that puts a TXT record into the zone and takes it out again. */
export interface DnsCommand {
  /** The program's absolute path and its arguments; `present` or `withdraw`, the record's name and its value follow. */
  readonly command: readonly string[];
  /** How long it may run; seconds. */
  readonly timeLimitSeconds: number;
  /** How long the name servers take to follow one another; seconds. */
  readonly settleSeconds: number;
}

/** The zone's name server and the TSIG key that it knows (RFC 2136, RFC 8945). */
export interface DnsUpdate {
  readonly server: string;
  readonly port: number;
  /** Where the server is authoritative for several zones of which the record's name could be part; null: it is asked. */
  readonly zone: string | null;
  /** A key file as BIND's `tsig-keygen` writes it. */
  readonly keyFile: string;
  /** Absolute path of BIND's `nsupdate`. */
  readonly nsupdate: string;
  readonly settleSeconds: number;
}

const RECORD_SECONDS = 60;
const UPDATE_LIMIT_SECONDS = 30;
/** What a command finds: no variable of the server's own. */
const ENVIRONMENT = { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', LANG: 'C' };

/** dns-01 by a command of the operator's (RFC 8555 §8.4). */
export function dnsCommand(settings: DnsCommand): ChallengeSolver {
  const call = (what: 'present' | 'withdraw') => (challenge: Challenge) =>
    run([...settings.command, what, nameOf(challenge), challenge.proof], null, settings.timeLimitSeconds);
  return {
    type: 'dns-01',
    lasts: true,
    settleSeconds: settings.settleSeconds,
    present: call('present'),
    withdraw: call('withdraw'),
  };
}

/**
 * dns-01 by a dynamic update that is signed with TSIG. No library for Node that is kept makes these, so BIND's own
 * `nsupdate` does: the key is in a file that it reads, never an argument.
 */
export function dnsUpdate(settings: DnsUpdate): ChallengeSolver {
  const update = (change: string) => {
    const zone = settings.zone === null ? [] : [`zone ${settings.zone}`];
    const lines = [`server ${settings.server} ${settings.port}`, ...zone, change, 'send', ''];
    return run([settings.nsupdate, '-k', settings.keyFile, '-t', '10'], lines.join('\n'), UPDATE_LIMIT_SECONDS);
  };
  return {
    type: 'dns-01',
    lasts: true,
    settleSeconds: settings.settleSeconds,
    present: (challenge) =>
      update(`update add ${nameOf(challenge)}. ${RECORD_SECONDS} IN TXT "${digestOf(challenge)}"`),
    withdraw: (challenge) => update(`update delete ${nameOf(challenge)}. IN TXT "${digestOf(challenge)}"`),
  };
}

/** RFC 8555 §8.4. A name that is no host name never reaches a command. */
function nameOf({ domain }: Challenge): string {
  if (!/^(?=.{1,230}$)[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*$/i.test(domain)) {
    throw new ChallengeFault('A name that is no host name cannot be proven by DNS.');
  }
  return `_acme-challenge.${domain}`;
}

function digestOf({ proof }: Challenge): string {
  if (!/^[A-Za-z0-9_-]{43}$/.test(proof)) throw new ChallengeFault('The value for DNS is no SHA-256 digest.');
  return proof;
}

/** Runs a program without a shell. What it prints is let go: such programs print the credentials they work with. */
function run(command: readonly string[], input: string | null, limitSeconds: number): Promise<void> {
  const [program, ...rest] = command as [string, ...string[]];
  return new Promise((resolve, reject) => {
    const child = spawn(program, rest, {
      env: ENVIRONMENT,
      cwd: '/',
      shell: false,
      stdio: [input === null ? 'ignore' : 'pipe', 'ignore', 'ignore'],
      timeout: limitSeconds * 1000,
      killSignal: 'SIGKILL',
    });
    const fail = (reason: string) => reject(new ChallengeFault(`The command ${program} ${reason}.`));
    child.on('error', (error: NodeJS.ErrnoException) => fail(`cannot be run: ${error.code}`));
    child.on('close', (code, signal) => {
      if (code === 0) resolve();
      else fail(signal ? `was ended after ${limitSeconds} seconds` : `ended with exit code ${code}`);
    });
    // A program that ends without reading is told by its exit code.
    child.stdin?.on('error', () => undefined);
    child.stdin?.end(input);
  });
}
