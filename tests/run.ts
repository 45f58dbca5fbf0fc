import { spawnSync } from 'node:child_process';
import { appendFileSync, existsSync, globSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/**
 * Runs test suites by name and ends with the plain line `N passed, N failed`. Without names: all that need nothing beyond
 * `npm ci`. STRONGROOM_TEST_TOTALS names a file that gathers the counts of several runs.
 */
interface Suite {
  readonly files: readonly string[];
  /** Whether all files share one process: quick, for tests that start no server and change no global state. */
  readonly together: boolean;
  /** Part of a run without names. */
  readonly usual: boolean;
  readonly timeoutSeconds: number;
  /** Only those of the files that hold this text. */
  readonly holding?: RegExp;
  /** Variables that its tests see. */
  readonly env?: Readonly<Record<string, string>>;
}

/** Stores of tests are on a real PostgreSQL, which need not survive a power cut. */
const onPostgres = { STRONGROOM_TEST_STORE: 'postgres', STRONGROOM_TEST_DURABLE: 'off' };

const suites: Readonly<Record<string, Suite>> = {
  unit: { files: ['src/**/*.test.ts'], together: true, usual: true, timeoutSeconds: 60 },
  architecture: { files: ['tests/architecture/*.test.ts'], together: true, usual: true, timeoutSeconds: 60 },
  ports: { files: ['tests/ports/*.test.ts'], together: false, usual: true, timeoutSeconds: 120 },
  server: {
    files: ['tests/{server,diagnosis,faults,upgrade}/*.test.ts'],
    together: false,
    usual: true,
    timeoutSeconds: 300,
  },
  // What runs over SQLite in `unit` and `server`, wherever the store decides something.
  postgres: {
    files: ['src/**/*.test.ts'],
    holding: /testParts|identityPlane|managementPlane|certificatePlane|movingPlane/,
    together: true,
    usual: true,
    timeoutSeconds: 120,
    env: onPostgres,
  },
  'server-postgres': {
    files: [
      'tests/server/{attacks-*,bad-input,certificate-*,certificates,clock,key-*,keys,limited-*,mail,managed-*,outside-*,own-authority,purged-*,secrets,slow-bodies,unseal,vault-moves}.test.ts',
    ],
    together: false,
    usual: true,
    timeoutSeconds: 300,
    env: onPostgres,
  },
  bench: { files: ['bench/**/*.test.ts'], together: false, usual: true, timeoutSeconds: 120 },
  contract: { files: ['tests/contract/*.test.ts'], together: false, usual: false, timeoutSeconds: 300 },
  vectors: { files: ['tests/vectors/*.test.ts'], together: false, usual: false, timeoutSeconds: 300 },
  // Needs what tests/compat/install-pkcs11.sh brings.
  hsm: { files: ['tests/hsm/*.test.ts'], together: false, usual: false, timeoutSeconds: 300 },
  // Authorities, mail and servers: they need what tests/compat/install-pebble.sh brings.
  issuers: { files: ['tests/issuers/*.test.ts'], together: false, usual: false, timeoutSeconds: 300 },
  nginx: { files: ['tests/compat/nginx/*.test.ts'], together: false, usual: false, timeoutSeconds: 300 },
  javascript: { files: ['tests/compat/javascript/*.test.ts'], together: false, usual: false, timeoutSeconds: 300 },
  python: { files: ['tests/compat/python/*.test.ts'], together: false, usual: false, timeoutSeconds: 300 },
  java: { files: ['tests/compat/java/*.test.ts'], together: false, usual: false, timeoutSeconds: 300 },
  go: { files: ['tests/compat/go/*.test.ts'], together: false, usual: false, timeoutSeconds: 300 },
  az: { files: ['tests/compat/az/*.test.ts'], together: false, usual: false, timeoutSeconds: 900 },
};

/** The suites that run the official clients. */
const compat = ['javascript', 'python', 'java', 'go', 'az', 'nginx'];
const named = process.argv.slice(2).flatMap((name) => (name === 'compat' ? compat : [name]));
const unknown = named.find((name) => !Object.hasOwn(suites, name));
if (unknown !== undefined) {
  console.error(`There is no suite '${unknown}'. Suites: ${Object.keys(suites).join(', ')}, compat.`);
  process.exit(2);
}
const chosen = named.length > 0 ? named : Object.keys(suites).filter((name) => suites[name]!.usual);

let passed = 0;
let failed = 0;
for (const name of chosen) {
  const result = runSuite(name, suites[name]!);
  passed += result.passed;
  failed += result.failed;
}
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;

function runSuite(name: string, suite: Suite): { passed: number; failed: number } {
  const files = suite.files.flatMap((pattern) =>
    globSync(pattern, { exclude: (path) => path.includes('node_modules') }).filter(
      (path) => !suite.holding || suite.holding.test(readFileSync(path, 'utf8')),
    ),
  );
  console.log(`\n# ${name}: ${files.length} files`);
  if (files.length === 0) {
    console.error(`The suite '${name}' has no test file.`);
    return { passed: 0, failed: 1 };
  }
  const folder = mkdtempSync(join(tmpdir(), 'strongroom-tests-'));
  const counts = join(folder, 'counts');
  const { status } = spawnSync(
    process.execPath,
    [
      '--test',
      `--test-isolation=${suite.together ? 'none' : 'process'}`,
      '--test-concurrency=2',
      `--test-timeout=${suite.timeoutSeconds * 1000}`,
      '--test-reporter=dot',
      '--test-reporter-destination=stdout',
      '--test-reporter=./tests/support/count-reporter.ts',
      '--test-reporter-destination=stderr',
      ...files.sort(),
    ],
    { stdio: 'inherit', env: { ...process.env, ...suite.env, STRONGROOM_TEST_COUNTS: counts } },
  );
  const result = readCounts(counts, status);
  rmSync(folder, { recursive: true, force: true });
  const totals = process.env['STRONGROOM_TEST_TOTALS'];
  if (totals) appendFileSync(totals, `${JSON.stringify({ name, ...result })}\n`);
  console.log(`# ${name}: ${result.passed} passed, ${result.failed} failed`);
  return result;
}

function readCounts(path: string, status: number | null): { passed: number; failed: number } {
  let passed = 0;
  let failed = 0;
  if (existsSync(path)) {
    for (const line of readFileSync(path, 'utf8').trim().split('\n')) {
      const counts = JSON.parse(line) as { passed: number; failed: number; cancelled: number; skipped: number };
      passed += counts.passed;
      // A skipped test has proved nothing: here it counts as failed.
      failed += counts.failed + counts.cancelled + counts.skipped;
    }
  }
  if (failed === 0 && status !== 0) failed = 1;
  if (passed + failed === 0) failed = 1;
  return { passed, failed };
}
