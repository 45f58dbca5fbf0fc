import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { describe, it } from 'node:test';
import { findFiles, readText } from './sources.ts';

const documents = findFiles('*.md', 'docs/*.md', 'changes/*.md');
const root = new URL('../../', import.meta.url).pathname;

/** Headings as the anchors that links use. */
function anchorsOf(text: string): readonly string[] {
  return [...text.matchAll(/^#+ (.*)$/gm)].map(([, heading]) =>
    heading!
      .toLowerCase()
      .replace(/[^\w\- ]/g, '')
      .replaceAll(' ', '-'),
  );
}

describe('documents', () => {
  it('are all there', () => {
    const pages = [
      'quickstart',
      'operations',
      'security-model',
      'refusals',
      'divergences',
      'architecture',
      'performance',
    ];
    const expected = ['README.md', 'CONTRIBUTING.md', 'SECURITY.md', 'CHANGELOG.md', 'changes/README.md'];
    const missing = [...expected, ...pages.map((page) => `docs/${page}.md`)].filter(
      (path) => !documents.includes(path),
    );
    assert.deepEqual(missing, []);
  });

  it('link to what exists', () => {
    const found = documents.flatMap((path) =>
      [...readText(path).matchAll(/\]\((?!https?:|mailto:)([^)#\s]*)(?:#([^)\s]+))?\)/g)].flatMap(
        ([link, file, anchor]) => {
          const target = file === '' ? path : normalize(join(dirname(path), file!));
          if (!existsSync(root + target)) return [`${path}: ${link}`];
          return anchor && target.endsWith('.md') && !anchorsOf(readText(target)).includes(anchor)
            ? [`${path}: ${link}`]
            : [];
        },
      ),
    );
    assert.deepEqual(found, []);
  });

  it('name no path of anybody’s machine', () => {
    const found = documents.filter((path) => /\/(work|tmp\/team|root|home\/(?!strongroom)\w+)\//.test(readText(path)));
    assert.deepEqual(found, []);
  });

  it('describe every setting of the configuration, and no other', () => {
    const config = readText('src/config.ts');
    const settings = [
      ...config.matchAll(/file\.(?:text|list|object|texts|flag|port|integer|isOff|any)\('(\w+)'[,)]/g),
    ].map(([, name]) => name!);
    const section = /\n## Configuration\n[\s\S]*?\n## /.exec(readText('docs/operations.md'))?.[0] ?? '';
    const described = [...section.matchAll(/^\| `(\w+)` \|/gm)].map(([, name]) => name!);
    assert.deepEqual([...new Set(settings)].sort(), [...described].sort());
    assert.ok(described.length > 10);
  });

  it('name every command', () => {
    const commands = [...readText('src/main.ts').matchAll(/^ {2}'?([\w-]+)'?: \(\) => import/gm)].map(
      ([, name]) => name!,
    );
    const text = readText('docs/operations.md');
    assert.deepEqual(
      commands.filter((name) => !text.includes(`\`strongroom ${name}`)),
      [],
    );
    assert.ok(commands.length >= 10);
  });
});
