#!/usr/bin/env node
// Plain JavaScript, so that an old Node gets a sentence instead of a syntax error.
import { existsSync } from 'node:fs';
import module from 'node:module';

const [major, minor] = process.versions.node.split('.').map(Number);
if (major < 24) {
  process.stderr.write(
    `Strongroom needs Node.js 24 or later; this is ${process.versions.node}. ` +
      'In a clone, "npm ci" brings the right one and "npm start" or "npx strongroom" uses it.\n',
  );
  process.exit(1);
}
// What a request makes lives until its audit record is durable, some milliseconds: the young generation must hold all requests
// under way several times over, or they are moved to the old one, whose collections are dear. V8 would also begin to make some
// of those objects in the old generation at once, where each holds a dead request until the next such collection: that took a
// sixth of a read. V8 takes all this from the command line alone, so the server takes the place of this process with it. Two
// arenas are enough for threads that rarely allocate; glibc would keep one for each.
const heap = [
  '--min-semi-space-size=4',
  '--max-semi-space-size=4',
  '--max-old-space-size=512',
  '--no-allocation-site-pretenuring',
];
if (process.argv[2] === 'start' && process.execve && !process.execArgv.includes(heap[0])) {
  process.removeAllListeners('warning');
  process.execve(process.execPath, [process.execPath, ...heap, ...process.execArgv, ...process.argv.slice(1)], {
    MALLOC_ARENA_MAX: '2',
    ...process.env,
  });
}
module.enableCompileCache?.();
// Type stripping is stable in what is supported here; older 24 releases announce it on every start.
if (major === 24 && minor < 12) process.removeAllListeners('warning');
const source = new URL('../src/main.ts', import.meta.url);
await import(existsSync(source) ? source.href : new URL('../dist/main.js', import.meta.url).href);
