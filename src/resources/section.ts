import type { Answer, ApiVersions, Call, Method, Need, Operation } from '../operations/operation.ts';
import type { ResourceParts } from './parts.ts';

/** A service function of this room. */
export type Run = (parts: ResourceParts, call: Call) => Promise<Answer>;

/** What a row says; the rest follows from its section. */
export interface Row {
  readonly id: string;
  readonly method: Method;
  readonly path: string;
  /** An action at the scope of the section, or any valid token. */
  readonly need: string | 'authenticated';
  readonly body?: 'json';
  readonly success: readonly number[];
  readonly run: Run;
}

/** Rows under one path, at one scope, of one provider's versions. */
export interface Section {
  readonly prefix: string;
  readonly versions: ApiVersions;
  readonly scope: (parameters: Readonly<Record<string, string>>) => string;
  readonly rows: readonly Row[];
}

/** A row of a section; it succeeds with 200 and has no body unless it says otherwise. */
export function row(
  id: string,
  method: Method,
  path: string,
  need: string,
  run: Run,
  body?: 'json',
  success: readonly number[] = [200],
): Row {
  return { id, method, path, need, run, success, ...(body && { body }) };
}

function toOperation(parts: ResourceParts, section: Section, one: Row): Operation {
  const need: Need =
    one.need === 'authenticated'
      ? { kind: 'authenticated' }
      : { kind: 'management', action: one.need, scope: section.scope };
  return {
    id: one.id,
    plane: 'management',
    method: one.method,
    path: `${section.prefix}${one.path}`,
    versions: section.versions,
    need,
    throttle: 'none',
    body: one.body ?? 'none',
    success: one.success,
    run: (call) => one.run(parts, call),
  };
}

/** The operations of a section. */
export function sectionOperations(parts: ResourceParts, section: Section): readonly Operation[] {
  return section.rows.map((one) => toOperation(parts, section, one));
}
