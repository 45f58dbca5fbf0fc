import { globSync, readFileSync } from 'node:fs';
import { posix } from 'node:path';

/** One import or re-export of a file. */
export interface Import {
  /** As written, e.g. `../base/ids.ts` or `fastify`. */
  readonly specifier: string;
  /** Path from the project root where it is one of our files, else null. */
  readonly file: string | null;
  readonly isType: boolean;
  /** Whether it is loaded when the code gets there, by `import()`, and not with the file. */
  readonly isLate: boolean;
  /** The names between the braces; empty for a whole module. */
  readonly names: readonly string[];
}

/** One TypeScript file of ours. */
export interface Source {
  /** Path from the project root. */
  readonly path: string;
  /** The folder below src (`secrets`), or the empty text for files beside the folders. */
  readonly room: string;
  readonly text: string;
  /** The text with comments, strings and regular expressions blanked out: lines and braces stay where they are. */
  readonly code: string;
  readonly imports: readonly Import[];
}

/** A function of a file, with the lines from its first to its last. */
export interface FunctionSpan {
  readonly name: string;
  readonly line: number;
  readonly lines: number;
}

const root = new URL('../../', import.meta.url).pathname;
const STATEMENT = /^(?:import|export)\s+(type\s+)?([^;'"]*?)\s*from\s*'([^']+)'|^import\s*'([^']+)'/gm;
const DYNAMIC = /\bimport\('([^']+)'\)/g;

/** The text of a file of the project. */
export function readText(path: string): string {
  return readFileSync(root + path, 'utf8');
}

/** Paths from the project root that match, without dependencies. */
export function findFiles(...patterns: readonly string[]): readonly string[] {
  return patterns
    .flatMap((pattern) => globSync(pattern, { cwd: root, exclude: (path) => path.includes('node_modules') }))
    .map((path) => path.replaceAll('\\', '/'))
    .sort();
}

/** The sources that match. */
export function readSources(...patterns: readonly string[]): readonly Source[] {
  return findFiles(...patterns).map((path) => {
    const text = readText(path);
    const room = /^src\/([^/]+)\//.exec(path)?.[1] ?? '';
    return { path, room, text, code: blank(text), imports: importsOf(path, text) };
  });
}

/** Everything of the product without its unit tests. */
export const productSources: readonly Source[] = readSources('src/**/*.ts').filter(
  ({ path }) => !path.endsWith('.test.ts'),
);

function importsOf(path: string, text: string): readonly Import[] {
  const resolve = (specifier: string) =>
    specifier.startsWith('.') ? posix.normalize(posix.join(posix.dirname(path), specifier)) : null;
  const fixed = [...text.matchAll(STATEMENT)].map((match) => {
    const clause = match[2] ?? '';
    const names = (/\{([^}]*)\}/.exec(clause)?.[1] ?? '').split(',').map((name) => name.trim());
    const given = names.filter((name) => name !== '');
    // `import { type A, type B }` leaves nothing at run time but the import itself; it counts as a type import.
    const isNamed = clause.startsWith('{') && given.length > 0;
    const isType = match[1] !== undefined || (isNamed && given.every((name) => name.startsWith('type ')));
    const specifier = match[3] ?? match[4]!;
    const bare = given.map((name) => name.replace(/^type /, ''));
    return { specifier, file: resolve(specifier), isType, isLate: false, names: bare };
  });
  const late = [...text.matchAll(DYNAMIC)].map(([, specifier]) => {
    return { specifier: specifier!, file: resolve(specifier!), isType: false, isLate: true, names: [] };
  });
  return [...fixed, ...late];
}

/** Blanks comments, strings, templates and regular expressions. Crude, but our formatter leaves few ways to write them. */
function blank(text: string): string {
  const token =
    /\/\*[\s\S]*?\*\/|\/\/[^\n]*|'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"|`(?:\\.|[^`\\])*`|(?<=[(,=:[!&|?{};\n]\s*)\/(?![*/])(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\\n])+\/[a-z]*/g;
  return text.replace(token, (match) => match.replace(/[^\n]/g, ' '));
}

/** The named functions and methods of a file by counting braces; arrow functions count where they have a block and a name. */
export function functionsOf({ code }: Source): readonly FunctionSpan[] {
  const head =
    /^[ ]*(?:export )?(?:default )?(?:async )?function\*? ?(\w+)|^ {2}(?:static |private |override |async |get |set )*\*?(#?\w+)(?:<[^\n]*>)?\([^;]*?\)(?:: [^\n;]+)? \{$|^(?:export )?const (\w+)[^\n]*=> \{$/gm;
  const found: FunctionSpan[] = [];
  for (const match of code.matchAll(head)) {
    const name = match[1] ?? match[2] ?? match[3]!;
    if (['if', 'for', 'while', 'switch', 'catch'].includes(name)) continue;
    const open = match[1] === undefined ? match.index + match[0].length - 1 : bodyStart(code, match.index);
    const end = closing(code, open);
    const line = code.slice(0, match.index).split('\n').length;
    found.push({ name, line, lines: code.slice(match.index, end).split('\n').length });
  }
  return found;
}

/** Where the body of a `function` begins: the first brace after its parameters that ends a line. */
function bodyStart(code: string, from: number): number {
  const match = /\{\n/g;
  match.lastIndex = closingOf(code, code.indexOf('(', from), '(', ')');
  return match.exec(code)?.index ?? code.length;
}

function closing(code: string, open: number): number {
  return closingOf(code, open, '{', '}');
}

function closingOf(code: string, open: number, opening: string, ending: string): number {
  let depth = 0;
  for (let index = open; index < code.length; index++) {
    if (code[index] === opening) depth++;
    else if (code[index] === ending && --depth === 0) return index;
  }
  return code.length;
}
