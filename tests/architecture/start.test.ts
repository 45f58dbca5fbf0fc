import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { productSources } from './sources.ts';

/**
 * What a start loads before its first answer beside our own files. Each costs every start, and its memory stays: anything else
 * is imported where it is needed (see docs/performance.md). Kysely is loaded by `src/store/kysely.ts`.
 */
const startPackages = ['fastify', 'ipaddr.js', 'jose'];

/** Built-in modules whose import loads much that nobody asked for, with what to do instead. */
const dearModules: Readonly<Record<string, string>> = {
  'node:http': 'reading all its exports loads an HTTP client: take what is needed from process.getBuiltinModule',
};

/** Everything that is imported with the file, by it or by what it imports. */
function loadedWith(start: string): { readonly files: ReadonlySet<string>; readonly foreign: readonly string[] } {
  const sources = new Map(productSources.map((source) => [source.path, source]));
  const files = new Set([start]);
  const foreign = new Set<string>();
  for (const path of files) {
    for (const { file, specifier, isType, isLate } of sources.get(path)?.imports ?? []) {
      if (isType || isLate) continue;
      if (file) files.add(file);
      else foreign.add(specifier);
    }
  }
  return { files, foreign: [...foreign].sort() };
}

const packageName = (specifier: string) =>
  specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/');

describe('a start', () => {
  const { files, foreign } = loadedWith('src/cli/start.ts');

  it('loads no package that its first answer does not need', () => {
    assert.ok(files.has('src/http/app.ts') && files.has('src/secrets/service.ts'));
    const packages = foreign.filter((specifier) => !specifier.startsWith('node:')).map(packageName);
    assert.deepEqual([...new Set(packages)], startPackages);
  });

  it('loads no built-in module that is dear', () => {
    assert.deepEqual(
      foreign
        .filter((specifier) => specifier in dearModules)
        .map((specifier) => `${specifier}: ${dearModules[specifier]}`),
      [],
    );
  });

  it('loads no driver of a store that it does not use', () => {
    assert.deepEqual(
      [...files].filter((path) => path.startsWith('src/store/postgres/')),
      [],
    );
  });
});
