import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { findFiles, functionsOf, productSources, readSources } from './sources.ts';

const MAX_FILE_LINES = 400;
const MAX_FUNCTION_LINES = 50;

/** Tables: data written out, however long. */
const tables = /^src\/(refusals\/\w+|access\/built-in-roles|store\/migrations|store\/access-tables|store\/schema)\.ts$/;

/** Functions that are one table of operations each; their rows are data. */
const tableFunctions = /Operations$/;

/** Functions above the limit, with their present lines: none may grow, and one that has shrunk leaves the list. */
const longFunctions: Readonly<Record<string, number>> = {
  // The driver is one closure over its two connections and the log.
  'src/store/sqlite/driver.ts openSqlite': 90,
};

const everything = readSources('src/**/*.ts', 'tests/**/*.ts', 'bench/**/*.ts');

describe('form', () => {
  it('files have at most 400 lines', () => {
    const found = productSources
      .filter(({ path }) => !tables.test(path))
      .map(({ path, text }) => ({ path, lines: text.trimEnd().split('\n').length }))
      .filter(({ lines }) => lines > MAX_FILE_LINES);
    assert.deepEqual(found, []);
  });

  it('functions have at most 50 lines', () => {
    const long = productSources
      .filter(({ path }) => !tables.test(path))
      .flatMap((source) =>
        functionsOf(source)
          .filter(({ name, lines }) => lines > MAX_FUNCTION_LINES && !tableFunctions.test(name))
          .map(({ name, lines }) => ({ id: `${source.path} ${name}`, lines })),
      );
    assert.deepEqual(
      long.filter(({ id, lines }) => lines > (longFunctions[id] ?? MAX_FUNCTION_LINES)),
      [],
    );
    const ids = long.map(({ id }) => id);
    assert.deepEqual(
      Object.keys(longFunctions).filter((id) => !ids.includes(id)),
      [],
      'these are short enough now: take them off the list',
    );
  });

  it('the counter of functions sees functions', () => {
    const counted = productSources.flatMap(functionsOf).length;
    assert.ok(counted > 600, `it found ${counted}`);
  });

  it('file names are kebab-case', () => {
    const found = findFiles('src/**/*', 'tests/**/*.ts', 'bench/**/*.ts')
      .filter((path) => /\.[a-z]+$/.test(path))
      .filter((path) => !/^(?:[a-z0-9]+(?:-[a-z0-9]+)*\/)*[a-z0-9]+(?:-[a-z0-9]+)*(?:\.test)?\.[a-z]+$/.test(path))
      .filter((path) => !path.endsWith('.py'));
    assert.deepEqual(found, []);
  });

  it('no folder is a drawer for everything', () => {
    const found = findFiles('{src,tests,bench}/**/*.ts').filter((path) =>
      path.split('/').some((part) => /^(utils?|helpers?|common|shared|misc|index)(\.ts)?$/.test(part)),
    );
    assert.deepEqual(found, []);
  });

  it('only erasable TypeScript is used', () => {
    const found = everything
      .filter(({ code }) =>
        /^\s*(export )?(const )?enum \w|^\s*(export )?namespace \w|constructor\((?:[^)]*,)?\s*(?:private|public|protected|readonly)\s/m.test(
          code,
        ),
      )
      .map(({ path }) => path);
    assert.deepEqual(found, []);
  });

  it('exports are named and stand where they are declared', () => {
    const found = productSources.filter(({ code }) => /^export (default|\*|\{)/m.test(code)).map(({ path }) => path);
    assert.deepEqual(found, []);
  });

  it('every export says what it promises', () => {
    const found = productSources.flatMap(({ path, text }) => {
      const lines = text.split('\n');
      return lines.flatMap((line, index) => {
        const match = /^export (?:abstract |async |declare )*(?:function\*?|class|const|let|type|interface) (\w+)/.exec(
          line,
        );
        if (!match) return [];
        // Overloads, and the type beside the table it is made of, share one comment.
        const before = lines[index - 1] ?? '';
        const isCovered = before.trimEnd().endsWith('*/') || /^export /.test(before);
        return isCovered ? [] : [`${path}:${index + 1} ${match[1]}`];
      });
    });
    assert.deepEqual(found, []);
  });

  it('a TODO names an issue', () => {
    const found = everything
      .filter(({ path }) => !path.startsWith('tests/architecture/'))
      .filter(({ text }) => /\b(TODO|FIXME|XXX)\b(?!\(#\d+\))/.test(text))
      .map(({ path }) => path);
    assert.deepEqual(found, []);
  });

  it('a lint rule is put aside only with a reason', () => {
    const found = everything
      .filter(({ text }) => /biome-ignore [\w/]+(: ?|:?)$/m.test(text) || /@ts-(ignore|nocheck)/.test(text))
      .filter(({ path }) => !path.startsWith('tests/architecture/'))
      .map(({ path }) => path);
    assert.deepEqual(found, []);
  });
});
