#!/usr/bin/env node
// Plain JavaScript, so that an old Node gets a sentence instead of a syntax error.
import { existsSync } from 'node:fs';
import module from 'node:module';
import { compiledCode, heapFlags } from './runtime.mjs';

const [major, minor] = process.versions.node.split('.').map(Number);
if (major < 24) {
  process.stderr.write(
    `Strongroom needs Node.js 24 or later; this is ${process.versions.node}. ` +
      'In a clone, "npm ci" brings the right one and "npm start" or "npx strongroom" uses it.\n',
  );
  process.exit(1);
}
// V8 takes these flags from the command line alone, so the server takes the place of this process with them. Two arenas are
// enough for threads that rarely allocate; glibc would keep one for each.
if (process.argv[2] === 'start' && process.execve && !process.execArgv.includes(heapFlags[0])) {
  process.removeAllListeners('warning');
  process.execve(process.execPath, [process.execPath, ...heapFlags, ...process.execArgv, ...process.argv.slice(1)], {
    MALLOC_ARENA_MAX: '2',
    ...process.env,
  });
}
module.enableCompileCache?.(compiledCode);
// The pool that small buffers are cut from comes in blocks of 64 KiB, each of which lives as long as the last of its buffers: a few
// that outlived two collections of the young generation set off one of the old, every half second under load.
Buffer.poolSize = 8192;
// Type stripping is stable in what is supported here; older 24 releases announce it on every start.
if (major === 24 && minor < 12) process.removeAllListeners('warning');
const source = new URL('../src/main.ts', import.meta.url);
await import(existsSync(source) ? source.href : new URL('../dist/main.js', import.meta.url).href);
