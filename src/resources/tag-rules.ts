import { foldName } from '../base/ids.ts';
import { Refusal } from '../refusals/refusal.ts';
import { isObject } from './vault-property.ts';

/** Tags as they are stored: names are compared without regard to case, values with it ("Use tags", tag limitations). */
export type Tags = Readonly<Record<string, string>>;

/** What a PATCH of tags does. */
export type TagChange = 'merge' | 'replace' | 'delete';

const MAX_TAGS = 50;

/**
 * Reads tags.
 * @throws Refusal `tags-invalid`
 */
export function checkTags(tags: unknown): Tags {
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
    if (seen.has(foldName(name))) {
      throw new Refusal('tags-invalid', { reason: `the name '${name.slice(0, 50)}' is there twice` });
    }
    seen.add(foldName(name));
  }
  return Object.fromEntries(entries) as Tags;
}

/**
 * Changes tags: merging adds and overwrites, deleting takes away those of a name and, where one is given, of the value too.
 * @throws Refusal `tags-invalid` where there are too many afterwards
 */
export function changeTags(current: Tags, change: TagChange, named: Tags): Tags {
  if (change === 'replace') return named;
  const names = new Map(Object.entries(named).map(([name, value]) => [foldName(name), value]));
  const isNamed = ([name, value]: readonly [string, string]) => {
    const asked = names.get(foldName(name));
    return asked !== undefined && (change === 'merge' || asked === '' || asked === value);
  };
  const kept = Object.fromEntries(Object.entries(current).filter((entry) => !isNamed(entry)));
  return change === 'merge' ? checkTags({ ...kept, ...named }) : kept;
}

/** What a list asks of tags; null where it does not say. */
export interface TagSelection {
  readonly name: string | null;
  /** The beginning of a name. */
  readonly namePrefix: string | null;
  readonly value: string | null;
}

/** Whether some tag is as asked. */
export function hasTag(tags: Tags, { name, namePrefix, value }: TagSelection): boolean {
  if (name === null && namePrefix === null && value === null) return true;
  return Object.entries(tags).some(
    ([tag, text]) =>
      (name === null || foldName(tag) === foldName(name)) &&
      (namePrefix === null || foldName(tag).startsWith(foldName(namePrefix))) &&
      (value === null || text === value),
  );
}
