/** A path template of an OpenAPI file, ready to be held against request paths. */
export interface PathTemplate {
  readonly template: string;
  readonly pattern: RegExp;
  /** How many of its segments are written out: of two templates that match, the one with more is meant. */
  readonly literals: number;
  /** Query parameters that belong to the template (`x-ms-paths` of the AutoRest extensions). */
  readonly query: readonly string[];
}

/** Parameters that stand for a whole path, marked `x-ms-skip-url-encoding` in the files. */
const manySegments = ['scope', 'parentResourcePath', 'resourceUri'];

/**
 * Compiles a template. Clients leave a missing version out or send it as an empty segment, add trailing slashes, and on the
 * management plane double slashes and change the case of literal segments (contract WIRE §2): all of it matches.
 * Null for templates that would match any path, such as `/{roleAssignmentId}`.
 */
export function compileTemplate(template: string, options: { readonly foldCase: boolean }): PathTemplate | null {
  const [path = '', query = ''] = template.split('?');
  const segments = path.split('/').filter((segment) => segment !== '');
  const literals = segments.filter((segment) => !segment.startsWith('{')).length;
  if (literals === 0) return null;
  const pattern = segments.map(segmentPattern).join('');
  return {
    template,
    pattern: new RegExp(`^${pattern}/*$`, options.foldCase ? 'i' : ''),
    literals,
    query: [...new URLSearchParams(query).keys()],
  };
}

function segmentPattern(segment: string): string {
  const name = /^\{(.+)\}$/.exec(segment)?.[1];
  if (name === undefined) return `/+${segment.replace(/[.*+?^$()|[\]\\]/g, '\\$&')}`;
  if (manySegments.includes(name)) return '(?:/+[^?]+?)?';
  if (name.endsWith('-version')) return '(?:/[^/]*)?';
  return '/+[^/]+';
}

/** The templates that match a path, the most literal first. */
export function matchTemplates<T extends PathTemplate>(
  templates: readonly T[],
  path: string,
  query: URLSearchParams,
): readonly T[] {
  return templates
    .filter(({ pattern, query: names }) => pattern.test(path) && names.every((name) => query.has(name)))
    .sort((one, other) => other.literals - one.literals || other.query.length - one.query.length);
}
