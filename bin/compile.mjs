// Compiles what a start loads, when the packages are installed, so that the first start is as quick and as small as the others:
// the compiler of types, once loaded, stays in memory. Whatever goes wrong here costs the first start a moment and nothing else.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { compiledCode, heapFlags } from './runtime.mjs';

const modules = ['cli/start.ts', 'tls/local-ca.ts', 'management.ts', 'main.ts'].map(
  (path) => new URL(`../src/${path}`, import.meta.url).href,
);
if (Number(process.versions.node.split('.')[0]) >= 24 && existsSync(new URL(modules[0]))) {
  // One after the other, and the program last, which then lists its commands.
  const program = `${JSON.stringify(modules)}.reduce((before, url) => before.then(() => import(url)), Promise.resolve())`;
  const env = { ...process.env, NODE_COMPILE_CACHE: compiledCode };
  spawnSync(process.execPath, [...heapFlags, '--eval', program], { env, stdio: 'ignore', timeout: 30_000 });
}
