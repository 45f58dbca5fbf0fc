import { foldName } from '../base/ids.ts';
import type { Operation, Plane } from '../operations/operation.ts';
import { noVersions } from '../operations/versions.ts';
import { Refusal } from '../refusals/refusal.ts';
import { providerOf } from '../resources/provider-table.ts';

/** Parts of the service that this release does not have; see docs/divergences.md. The first that matches a path names it. */
const planned: readonly { readonly plane: Plane; readonly path: RegExp; readonly feature: string }[] = [
  { plane: 'data', path: /^\/+(deleted)?storage\b/i, feature: 'managed storage accounts' },
  { plane: 'management', path: /\/providers\/+microsoft\.insights\b/i, feature: 'monitoring' },
  { plane: 'management', path: /\/providers\/+microsoft\.operationalinsights\b/i, feature: 'log workspaces' },
  { plane: 'management', path: /\/providers\/+microsoft\.eventgrid\b/i, feature: 'event subscriptions' },
  { plane: 'management', path: /\/metrics:getBatch\b/i, feature: 'monitoring' },
  { plane: 'logs', path: /^\//, feature: 'log queries' },
];

/** Why nothing answers to a path: it is of a part that is not there yet, or of none. */
export function unknownPath(plane: Plane, method: string, path: string): Refusal {
  const part = planned.find((row) => row.plane === plane && row.path.test(path));
  if (part) return new Refusal('not-implemented', { feature: part.feature });
  const resource = plane === 'management' ? unknownResource(path) : null;
  if (resource) return resource;
  return new Refusal('route-unknown', { method, path: path.slice(0, 200) });
}

/** Which part of the resource that a path names is unknown: its provider, or its type; null where both are known, or it names none. */
function unknownResource(path: string): Refusal | null {
  const [, named] = /^\/+subscriptions\/+[^/]+(?:\/.*)?\/providers\/+([^/].*)$/i.exec(path) ?? [];
  if (named === undefined) return null;
  const [namespace = '', ...segments] = named.split('/').filter((segment) => segment !== '');
  const type = segments.filter((_, index) => index % 2 === 0).join('/');
  const provider = providerOf(namespace);
  if (!provider) return new Refusal('provider-unknown', { namespace: namespace.slice(0, 100) });
  if (provider.types.some((one) => foldName(one) === foldName(type))) return null;
  const facts = { type: type.slice(0, 200), namespace: provider.namespace, types: provider.types };
  return new Refusal('resource-type-unknown', facts);
}

/** The row that a request for an unknown path passes under, so that it too is authenticated and recorded. */
export function unknownOperation(plane: Plane | 'unknown'): Operation {
  const isOpen = plane === 'login' || plane === 'imds' || plane === 'unknown';
  return {
    id: 'Unknown',
    plane: plane === 'unknown' ? 'management' : plane,
    method: 'GET',
    path: '/',
    versions: noVersions,
    need: { kind: isOpen ? 'anonymous' : 'authenticated' },
    throttle: 'none',
    body: 'none',
    success: [],
    run: () => Promise.reject(new Error('There is nothing to run behind an unknown path.')),
  };
}
