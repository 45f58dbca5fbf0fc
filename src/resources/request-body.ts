import type { Call } from '../operations/operation.ts';
import { Refusal } from '../refusals/refusal.ts';
import { knownLocations, normaliseLocation } from './names.ts';
import { isObject } from './vault-property.ts';

const MAX_TAGS = 50;

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
export function readTags(call: Call): Readonly<Record<string, string>> | undefined {
  const tags = call.body?.['tags'];
  if (tags === undefined || tags === null) return undefined;
  if (!isObject(tags)) throw new Refusal('tags-invalid', { reason: 'an object of texts is expected' });
  const entries = Object.entries(tags);
  if (entries.length > MAX_TAGS) throw new Refusal('tags-invalid', { reason: `there are more than ${MAX_TAGS}` });
  const seen = new Set<string>();
  for (const [name, value] of entries) {
    if (!/^[^<>%&\\?/\u0000-\u001f]{1,512}$/.test(name)) {
      throw new Refusal('tags-invalid', { reason: 'a name has 1 to 512 characters, none of < > % & \\ ? /' });
    }
    if (typeof value !== 'string' || value.length > 256) {
      throw new Refusal('tags-invalid', {
        reason: `the value of '${name.slice(0, 50)}' is not a text of at most 256 characters`,
      });
    }
    if (seen.has(name.toLowerCase())) {
      throw new Refusal('tags-invalid', { reason: `the name '${name.slice(0, 50)}' is there twice` });
    }
    seen.add(name.toLowerCase());
  }
  return Object.fromEntries(entries) as Record<string, string>;
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
