/**
 * `node bench/main.ts`: the product's speed as ratios against ceilings measured in the same run, on the same machine.
 * Ends with 0 whatever the figures are, and with 1 when an answer was wrong or a process failed.
 */
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { hottestFunctionsIn } from './cpu-profile.ts';
import { formatTable, isMet, machineFacts } from './report.ts';
import { measureAuthorisation } from './scenarios/authorisation.ts';
import { measureCertificates } from './scenarios/certificates.ts';
import { measureGrowth } from './scenarios/growth.ts';
import { measureKeys } from './scenarios/keys.ts';
import { measureMemory } from './scenarios/memory.ts';
import { measureNoise, measureReads } from './scenarios/reads.ts';
import { measureStarts } from './scenarios/starts.ts';
import { measureToken } from './scenarios/token.ts';
import { measureWrites } from './scenarios/writes.ts';
import { Session, type Settings } from './session.ts';

/** In this order, for memory is read after all load, and starts need the servers stopped. */
const SCENARIOS: Readonly<Record<string, (session: Session) => Promise<void>>> = {
  noise: measureNoise,
  get: measureReads,
  set: measureWrites,
  growth: measureGrowth,
  authorisation: measureAuthorisation,
  keys: measureKeys,
  token: measureToken,
  certificates: measureCertificates,
  memory: measureMemory,
  start: measureStarts,
};

const FULL: Settings = {
  slices: 40,
  sliceMilliseconds: 250,
  warmupRequests: 15_000,
  starts: 5,
  fewSecrets: 1_000,
  manySecrets: 100_000,
  dueCertificates: 10_000,
};

const SMOKE: Settings = {
  slices: 6,
  sliceMilliseconds: 150,
  warmupRequests: 500,
  starts: 1,
  fewSecrets: 1_000,
  manySecrets: 5_000,
  dueCertificates: 60,
};

const USAGE = `usage: node bench/main.ts [options]
  --smoke           under a minute, few secrets: proves that it runs, its figures mean little
  --only NAME       one of: ${Object.keys(SCENARIOS).join(', ')}; may be repeated
  --json FILE       writes figures and machine facts as JSON
  --work-dir DIR    where data directories are made and removed; on the disk to be measured (default: the system's)
  --prof-dir DIR    processor profiles of the servers, and the 25 hottest functions of each
`;

interface Options {
  readonly smoke: boolean;
  readonly only: readonly string[];
  readonly json: string | undefined;
  readonly workDirectory: string | undefined;
  readonly profileDirectory: string | undefined;
}

function readOptions(): Options {
  const { values } = parseArgs({
    options: {
      smoke: { type: 'boolean', default: false },
      only: { type: 'string', multiple: true, default: [] },
      json: { type: 'string' },
      'work-dir': { type: 'string' },
      'prof-dir': { type: 'string' },
    },
  });
  const unknown = values.only.find((name) => !Object.hasOwn(SCENARIOS, name));
  if (unknown !== undefined) throw new Error(`no scenario is named ${unknown}`);
  const { smoke, only, json } = values;
  return { smoke, only, json, workDirectory: values['work-dir'], profileDirectory: values['prof-dir'] };
}

async function main(): Promise<void> {
  let options: Options;
  try {
    options = readOptions();
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : error}\n${USAGE}`);
    process.exit(2);
  }
  if (process.platform !== 'linux') throw new Error('the benchmark reads /proc: it runs on Linux only');
  const session = new Session(options.smoke ? SMOKE : FULL, options.workDirectory, options.profileDirectory);
  for (const [name, measure] of Object.entries(SCENARIOS)) {
    if (options.only.length > 0 && !options.only.includes(name)) continue;
    session.note(name);
    await measure(session);
  }
  await session.close();
  printResult(session, options);
}

function printResult(session: Session, options: Options): void {
  const machine = machineFacts();
  const { processors, model, memoryMebibytes, system, node, openssl } = machine;
  const facts = `${processors} × ${model}, ${memoryMebibytes} MiB, ${system}, Node ${node}, OpenSSL ${openssl}`;
  process.stdout.write(`\n${facts}\n\n${formatTable(session.rows)}\n`);
  if (options.smoke) process.stdout.write('\nSmoke run: too short and too small for its figures to be judged.\n');
  if (options.json !== undefined) {
    const rows = session.rows.map((row) => ({ ...row, met: isMet(row) }));
    const result = { at: new Date().toISOString(), smoke: options.smoke, machine, settings: session.settings, rows };
    writeFileSync(options.json, `${JSON.stringify(result, null, 2)}\n`);
  }
  if (options.profileDirectory !== undefined) process.stdout.write(`\n${hottestFunctionsIn(options.profileDirectory)}`);
}

process.once('SIGINT', () => process.exit(130));
process.once('SIGTERM', () => process.exit(143));
try {
  await main();
} catch (error) {
  process.stderr.write(`benchmark failed: ${error instanceof Error ? error.message : error}\n`);
  process.exit(1);
}
