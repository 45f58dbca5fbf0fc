import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { findFiles, productSources, readSources, readText } from './sources.ts';

interface Manifest {
  readonly dependencies: Readonly<Record<string, string>>;
  readonly optionalDependencies: Readonly<Record<string, string>>;
  readonly devDependencies: Readonly<Record<string, string>>;
  readonly scripts: Readonly<Record<string, string>>;
}
interface Lock {
  readonly packages: Readonly<Record<string, { readonly optionalDependencies?: Readonly<Record<string, string>> }>>;
}

const manifest = JSON.parse(readText('package.json')) as Manifest;
const tests = readSources('src/**/*.test.ts', 'tests/**/*.ts', 'bench/**/*.ts').filter(
  ({ path }) => !path.startsWith('tests/compat/'),
);
const packageName = (specifier: string) =>
  specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/');
const isForeign = (specifier: string) => !specifier.startsWith('.') && !specifier.startsWith('node:');

describe('packages', () => {
  it('have exact versions', () => {
    const all = { ...manifest.dependencies, ...manifest.optionalDependencies, ...manifest.devDependencies };
    assert.deepEqual(
      Object.entries(all).filter(([, version]) => !/^\d+\.\d+\.\d+(-[\w.]+)?$/.test(version)),
      [],
    );
  });

  it('that the product imports are its dependencies, and all of them are used', () => {
    const used = productSources.flatMap(({ imports }) => imports.map(({ specifier }) => specifier).filter(isForeign));
    const all = [...Object.keys(manifest.dependencies), ...Object.keys(manifest.optionalDependencies)];
    const declared = all.filter((name) => !name.startsWith('node-linux-'));
    assert.deepEqual([...new Set(used.map(packageName))].sort(), declared.sort());
  });

  it('that tests import are declared', () => {
    const declared = [...Object.keys(manifest.dependencies), ...Object.keys(manifest.devDependencies)];
    const found = tests.flatMap(({ path, imports }) =>
      imports
        .map(({ specifier }) => specifier)
        .filter((specifier) => isForeign(specifier) && !declared.includes(packageName(specifier)))
        .map((specifier) => `${path}: ${specifier}`),
    );
    assert.deepEqual(found, []);
  });

  it('are all in the lock file, those for other platforms too: npm ci refuses to install without', () => {
    const { packages } = JSON.parse(readText('package-lock.json')) as Lock;
    const found = Object.entries(packages).flatMap(([path, entry]) =>
      Object.keys(entry.optionalDependencies ?? {})
        .filter((name) => !packages[`node_modules/${name}`] && !packages[`${path}/node_modules/${name}`])
        .map((name) => `${path} wants ${name}`),
    );
    assert.deepEqual(found, []);
  });

  it('come from no address written into the project', () => {
    const found = findFiles('package-lock.json', 'tests/**/package-lock.json', 'tests/**/requirements.txt').filter(
      (path) => /"resolved": "http|--index-url/.test(readText(path)),
    );
    assert.deepEqual(found, []);
  });
});

describe('what lies beside the project', () => {
  it('is read by the contract suite alone', () => {
    const found = [...productSources, ...tests]
      .filter(({ path }) => !path.startsWith('tests/contract/') && !path.startsWith('tests/architecture/'))
      .filter(({ text }) => /(\.\.\/)+shared\/|shared\/contract/.test(text))
      .map(({ path }) => path);
    assert.deepEqual(found, []);
  });
});
