import { foldName, newVersion } from '../base/ids.ts';
import type { MadeKey, StoredKey } from '../crypto/key-provider.ts';
import { makeKey, type NewMaterial, providerOf, typeOf } from '../keys/key-home.ts';
import { openManagedKey } from '../keys/managed.ts';
import type { Vault } from '../resources/vault.ts';
import { issuedOf } from './issued.ts';
import { beginOperation, completed } from './operation-state.ts';
import type { CertificateParts } from './parts.ts';
import { type CertificatePolicy, keySpecOf, SELF, UNKNOWN } from './policy.ts';
import type { CertificateRow } from './repository.ts';
import type { Draft } from './versions.ts';
import { makeRequest, makeSelfSigned } from './x509/make.ts';
import { readCertificate } from './x509/read.ts';

/** What the making of a version takes. */
export type MakingParts = Pick<CertificateParts, 'store' | 'keyring' | 'random' | 'providers'>;

/** What a version is to be. */
export interface VersionOrder {
  readonly name: string;
  readonly policy: CertificatePolicy;
  /** The current version, whose key may be used again; null for the first. */
  readonly before: CertificateRow | null;
  readonly enabled: boolean;
  readonly tags: string | null;
  readonly preserveOrder: boolean;
  readonly isRenewal: boolean;
  /** Milliseconds since the Unix epoch. */
  readonly time: number;
}

/**
 * Makes all that a version needs before anything is written: its key, the request, and for `Self` the certificate. Whoever stores
 * it overwrites the key's material with zeros.
 * @throws Refusal `key-needs-premium`, `key-token-not-configured`; KeyProviderFault, and of a token KeyTokenFault, KeyUnsupportedFault
 */
export async function makeDraft(parts: MakingParts, vault: Vault, order: VersionOrder): Promise<Draft> {
  const { policy, name, time } = order;
  const provider = providerOf(parts.providers, vault, typeOf(policy));
  const { version, made: key, isReused } = await keyFor(parts, vault, order);
  try {
    const stored = storedKeyOf(vault, order, version, key);
    const csr = await makeRequest(provider, policy, stored);
    const begun = beginOperation(
      {
        requestId: parts.random.bytes(16).toString('hex'),
        version,
        issuer: policy.issuer,
        certificateType: policy.certificateType,
        certTransparency: policy.certTransparency,
        csr: csr.toString('base64'),
        preserveOrder: order.preserveOrder,
        started: time,
        isRenewal: order.isRenewal,
        enabled: order.enabled,
      },
      policy.issuer === UNKNOWN,
    );
    const { enabled, tags, preserveOrder } = order;
    const draft = { name, version, policy, key, isKeyNew: !isReused, enabled, tags, preserveOrder, time };
    if (policy.issuer !== SELF) {
      return { ...draft, operation: begun, issued: null, workAt: policy.issuer === UNKNOWN ? null : time };
    }
    const made = readCertificate(await makeSelfSigned({ provider, random: parts.random }, policy, stored, time));
    if (!made) throw new Error('A certificate that was just made cannot be read.');
    const issued = await issuedOf(policy, stored, [made], name);
    return { ...draft, operation: completed(begun), issued, workAt: null };
  } catch (error) {
    key.material.fill(0);
    throw error;
  }
}

/** The key before it is stored, as a provider takes it. */
function storedKeyOf(vault: Vault, { name }: VersionOrder, version: string, key: MadeKey): StoredKey {
  return {
    id: `${vault.id}/${name.toLowerCase()}/${version}`,
    spec: key.spec,
    publicMembers: key.publicMembers,
    open: async () => Buffer.from(key.material),
  };
}

/**
 * A new key, or the current one again where the policy says so and it is of the policy's kind. One that was made not to leave is not
 * used again by a policy that lets keys leave: a change of the policy would have it out.
 */
async function keyFor(
  parts: MakingParts,
  vault: Vault,
  { name, policy, before, time }: VersionOrder,
): Promise<NewMaterial & { readonly isReused: boolean }> {
  const spec = keySpecOf(policy);
  const mayStay = before && before.cer !== null && (before.exportable === 1 || !policy.exportable);
  if (policy.reuseKey && mayStay) {
    const named = { vaultId: vault.id, nameKey: before.name_key, version: before.version };
    const { kty, operations: _, ...known } = await openManagedKey(parts, parts.store.reader, named);
    const isSame =
      kty === policy.kty &&
      (known.spec.family === 'EC'
        ? spec.family === 'EC' && known.spec.curve === spec.curve
        : spec.family === 'RSA' && known.spec.bits === spec.bits);
    if (isSame) return { version: newVersion(parts.random), made: known, isReused: true };
    known.material.fill(0);
  }
  const made = { nameKey: foldName(name), isExportable: false, ...typeOf(policy) };
  const material = await makeKey(parts, vault, made, time, (provider, place) => provider.generate(spec, place));
  return { ...material, isReused: false };
}
