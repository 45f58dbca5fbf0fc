import { type Body, readBoolean, readObject } from '../objects/attributes.ts';
import { Refusal } from '../refusals/refusal.ts';
import { checkSuccessor, isExportable, type KeyPurpose, purposeOf, purposeOfRow } from './key-purpose.ts';
import { type AskedPolicy, readReleasePolicy } from './release-policy.ts';

/** What a body says of leaving: `exportable` and the policy, each only where it was sent. */
export interface AskedRelease {
  readonly exportable?: boolean;
  readonly policy: AskedPolicy | null;
}

/** A policy as it is kept, and shown in answers. */
interface StoredPolicy {
  readonly contentType: string;
  readonly data: string;
  readonly immutable: boolean;
}

/**
 * Reads `attributes.exportable` and `release_policy`.
 * @throws Refusal `property-invalid`, `key-release-policy-invalid`
 */
export function readRelease(body: Body): AskedRelease {
  const attributes = readObject(body['attributes'], 'attributes');
  const exportable = readBoolean(attributes['exportable'], 'attributes.exportable');
  return { ...(exportable === undefined ? {} : { exportable }), policy: readReleasePolicy(body['release_policy']) };
}

/**
 * Whether keys may leave at all, here and at this api-version.
 * @throws Refusal `key-export-unavailable`
 */
export function checkExport({ exportable, policy }: AskedRelease, isPremium: boolean, isServed: boolean): void {
  if (!exportable && !policy) return;
  if (!isPremium || !isServed) throw new Refusal('key-export-unavailable');
}

/** What of a stored version decides how it leaves. */
export interface KeyThere {
  readonly name: string;
  readonly release_policy: string | null;
  readonly key_ops: string;
}

/** What of a new version decides it. */
export interface AskedKey {
  readonly operations: readonly string[];
  readonly release: AskedRelease;
}

/**
 * The policy that a new version has, as it is kept. The first version decides whether a key is exportable, and what it is for; the policy
 * is that of the key and so of all versions, and a later version brings the same or none: whoever may create must not be able to release
 * what is there already.
 * @param there the current version; null where the name is new
 * @throws Refusal `key-release-policy-missing`, `key-release-policy-unneeded`, `key-secure-wrap-policy-missing`, `key-secure-wrap-exportable`,
 * `key-export-fixed`, `key-release-policy-of-key`, `key-purpose-fixed`
 */
export function policyOfVersion({ operations, release }: AskedKey, there: KeyThere | null): string | null {
  const { exportable, policy } = release;
  if (there === null) {
    checkFirst(release, purposeOf(operations));
    return policy && stored(policy, false);
  }
  checkSuccessor(there.name, purposeOfRow(there), purposeOf(operations));
  const { release_policy: present } = there;
  checkFixed(exportable, there);
  if (!policy) return present;
  if (present === null) throw new Refusal('key-release-policy-unneeded');
  if (stored(policy, isImmutable(present)) !== present) throw new Refusal('key-release-policy-of-key');
  return present;
}

function checkFirst({ exportable, policy }: AskedRelease, purpose: KeyPurpose): void {
  if (purpose === 'secure-wrap') {
    if (exportable) throw new Refusal('key-secure-wrap-exportable');
    if (!policy) throw new Refusal('key-secure-wrap-policy-missing');
    return;
  }
  if (exportable && !policy) throw new Refusal('key-release-policy-missing');
  if (!exportable && policy) throw new Refusal('key-release-policy-unneeded');
}

/**
 * The policy after an update, as it is kept.
 * @param isOfVersion whether the update names a version, of which there is no policy
 * @throws Refusal `key-export-fixed`, `key-release-policy-unneeded`, `key-release-policy-of-key`, `key-release-policy-immutable`
 */
export function policyAfter(
  { exportable, policy }: AskedRelease,
  there: Omit<KeyThere, 'name'>,
  isOfVersion: boolean,
): string | null {
  checkFixed(exportable, there);
  const { release_policy: present } = there;
  if (!policy) return present;
  if (present === null) throw new Refusal('key-release-policy-unneeded');
  const next = stored(policy, isImmutable(present));
  if (next === present) return present;
  if (isOfVersion) throw new Refusal('key-release-policy-of-key');
  if (isImmutable(present)) throw new Refusal('key-release-policy-immutable');
  return next;
}

function checkFixed(exportable: boolean | undefined, there: Omit<KeyThere, 'name'>): void {
  if (exportable !== undefined && exportable !== isExportable(there)) throw new Refusal('key-export-fixed');
}

/** @param immutable what it is where the body does not say */
function stored({ contentType, data, immutable: asked }: AskedPolicy, immutable: boolean): string {
  const policy: StoredPolicy = { contentType, data, immutable: asked ?? immutable };
  return JSON.stringify(policy);
}

function isImmutable(there: string): boolean {
  return (JSON.parse(there) as StoredPolicy).immutable;
}
