import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));
const compiledCode = `${root}node_modules/.cache/strongroom`;
/** Tells, when the program ends, where it took compiled code from, and whether the pool of small buffers is small. */
const reporter = `import module from 'node:module';
  process.on('exit', () => process.stderr.write(JSON.stringify([module.getCompileCacheDir(), Buffer.poolSize])));`;

function run(...args: readonly string[]): string {
  const { NODE_COMPILE_CACHE: _, ...env } = process.env;
  const { status, stderr } = spawnSync(process.execPath, args, { cwd: root, env, encoding: 'utf8' });
  assert.equal(status, 0, stderr);
  return stderr;
}

describe('the launcher', () => {
  it('takes compiled code from beside the code, never from a directory that other users write to', () => {
    const preload = `data:text/javascript,${encodeURIComponent(reporter)}`;
    const [directory, poolSize] = JSON.parse(run('--import', preload, 'bin/strongroom.mjs', '--version'));
    assert.equal(dirname(directory), compiledCode);
    assert.equal(poolSize, 8192);
  });

  it('has what a start loads compiled when the packages are installed', () => {
    run('bin/compile.mjs');
    const compiled = readdirSync(compiledCode).map((set) => readdirSync(`${compiledCode}/${set}`).length);
    // The set of the server's flags holds a server; that of other commands holds little.
    assert.ok(Math.max(...compiled) > 250, String(compiled));
  });
});
