import type { Call } from '../operations/operation.ts';
import { Refusal } from '../refusals/refusal.ts';
import { knownLocations, normaliseLocation } from './names.ts';
import { checkTags, type Tags } from './tag-rules.ts';
import { isObject } from './vault-property.ts';

/**
 * The `location` of a body, normalised.
 * @throws Refusal `location-missing`, `location-invalid`
 */
export function readLocation(call: Call, type: string): string {
  const location = call.body?.['location'];
  if (location === undefined || location === null || location === '') throw new Refusal('location-missing');
  const normal = typeof location === 'string' ? normaliseLocation(location) : null;
  if (normal === null) {
    throw new Refusal('location-invalid', {
      location: String(location).slice(0, 100),
      type,
      locations: knownLocations.map(({ name }) => name),
    });
  }
  return normal;
}

/**
 * The `tags` of a body; undefined where it has none.
 * @throws Refusal `tags-invalid`
 */
export function readTags(call: Call): Tags | undefined {
  const tags = call.body?.['tags'];
  if (tags === undefined || tags === null) return undefined;
  return checkTags(tags);
}

/**
 * The `properties` of a body.
 * @throws Refusal `request-content-invalid` where they are not an object, or missing though `isRequired`
 */
export function readProperties(call: Call, isRequired: boolean): Readonly<Record<string, unknown>> {
  const properties = call.body?.['properties'];
  if (properties === undefined || properties === null) {
    if (!isRequired) return {};
    throw new Refusal('request-content-invalid', { property: 'properties', reason: 'it is missing' });
  }
  if (!isObject(properties)) {
    throw new Refusal('request-content-invalid', { property: 'properties', reason: 'an object is expected' });
  }
  return properties;
}
