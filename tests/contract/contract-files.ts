import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, posix } from 'node:path';
import { fileURLToPath } from 'node:url';

/** A JSON object of which nothing is known yet. */
export type JsonObject = Readonly<Record<string, unknown>>;

/** A value a `$ref` points to, and where it stands. */
export interface Located {
  /** Path below the contract's folder, with forward slashes. */
  readonly file: string;
  /** JSON pointer inside the file (RFC 6901), as written after the `#`. */
  readonly pointer: string;
  readonly value: JsonObject;
}

/** The contract's OpenAPI 2 files, read when first asked for and kept. */
export interface ContractFiles {
  readonly root: string;
  /** @throws Error where the file is missing or is no JSON object */
  load(file: string): JsonObject;
  /** @throws Error where the file is missing or is no JSON array */
  loadArray(file: string): readonly unknown[];
  /** Names in a folder of the contract, sorted; empty where there is no such folder. */
  list(folder: string): readonly string[];
  /** What a `$ref` of a file means, by the mapping of the contract's README. @throws Error where it leads nowhere */
  resolve(fromFile: string, ref: string): Located;
}

/**
 * The folder of the contract: STRONGROOM_CONTRACT, or `shared/contract` beside the project.
 * @throws Error that says how to name it, where there is none
 */
export function contractFolder(): string {
  const root =
    process.env['STRONGROOM_CONTRACT'] ?? fileURLToPath(new URL('../../../shared/contract', import.meta.url));
  if (!existsSync(join(root, 'keyvault-data-plane'))) {
    throw new Error(
      `The contract tests need the service's OpenAPI files, and ${root} does not hold them. ` +
        'Set STRONGROOM_CONTRACT to the folder that has keyvault-data-plane/ in it.',
    );
  }
  return root;
}

/** Opens the contract's folder; nothing is read before it is asked for. */
export function openContractFiles(root: string = contractFolder()): ContractFiles {
  const kept = new Map<string, JsonObject>();
  const load = (file: string): JsonObject => {
    const known = kept.get(file);
    if (known) return known;
    const value: unknown =
      file === lostFile ? restoreLostFile(load) : JSON.parse(readFileSync(join(root, file), 'utf8'));
    if (!isObject(value)) throw new Error(`${file} is not a JSON object.`);
    kept.set(file, value);
    return value;
  };
  return {
    root,
    load,
    loadArray: (file) => {
      const value: unknown = JSON.parse(readFileSync(join(root, file), 'utf8'));
      if (!Array.isArray(value)) throw new Error(`${file} is not a JSON array.`);
      return value;
    },
    list: (folder) => (existsSync(join(root, folder)) ? readdirSync(join(root, folder)).sort() : []),
    resolve: (fromFile, ref) => {
      const [target = '', pointer = ''] = ref.split('#');
      const file = target === '' ? fromFile : locate(fromFile, target);
      const value = pointer === '' ? load(file) : follow(load(file), pointer);
      if (!isObject(value)) throw new Error(`${ref} in ${fromFile} leads nowhere.`);
      return { file, pointer, value };
    },
  };
}

/** The role definitions of this version refer to a file that the contract does not have. */
const lostFile = 'authorization/2022-05-01-preview/common-types.json';

/**
 * The file of 2022-04-01, with the two members that permissions got in 2022-05-01-preview: `condition` and
 * `conditionVersion`, read-only texts (azure-mgmt-authorization 4.0.0, v2022_05_01_preview, model Permission).
 */
function restoreLostFile(load: (file: string) => JsonObject): JsonObject {
  const document = structuredClone(load('authorization/2022-04-01/common-types.json')) as Record<string, unknown>;
  const { Permission } = document['definitions'] as { Permission: { properties: Record<string, JsonObject> } };
  for (const name of ['condition', 'conditionVersion']) {
    Permission.properties[name] = { type: 'string', readOnly: true };
  }
  return document;
}

/** Whether a value is a JSON object (no array, not null). */
export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/**
 * The published files stand in deeper folders than the contract's copies, so three prefixes are mapped
 * (contract README, last paragraph of its table).
 */
function locate(fromFile: string, target: string): string {
  const family = fromFile.split('/')[0] ?? '';
  const prefixes: readonly (readonly [string, string])[] = [
    ['../../../../../common-types/resource-management/', 'common-types/resource-management/'],
    ['../../../../common-types/', `${family}/common-types/`],
    ['../../stable/2016-03-01/', 'insights/2016-03-01/'],
  ];
  for (const [prefix, folder] of prefixes) {
    if (target.startsWith(prefix)) return posix.normalize(folder + target.slice(prefix.length));
  }
  return posix.join(posix.dirname(fromFile), target);
}

function follow(document: JsonObject, pointer: string): unknown {
  let value: unknown = document;
  for (const token of pointer.split('/').slice(1)) {
    const name = decodeURIComponent(token).replaceAll('~1', '/').replaceAll('~0', '~');
    value = isObject(value) ? value[name] : undefined;
  }
  return value;
}
