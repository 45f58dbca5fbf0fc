import type { CurveName, KeyFamily } from '../crypto/algorithms.ts';
import type { BundleForm } from '../crypto/certificate-bundle.ts';
import type { KeySpec } from '../crypto/key-provider.ts';
import { type AlternativeNames, noNames } from './alternative-names.ts';

/** When a lifetime action is due: after a percentage of the certificate's life, or days before its end. */
export type LifetimeTrigger = { readonly lifetimePercentage: number } | { readonly daysBeforeExpiry: number };

/** What is to happen as a certificate nears its end. */
export interface LifetimeAction {
  readonly type: 'AutoRenew' | 'EmailContacts';
  readonly trigger: LifetimeTrigger;
}

/** How a certificate's versions are made and renewed (certificates.json, CertificatePolicy). Instants are milliseconds since the Unix epoch. */
export interface CertificatePolicy {
  readonly kty: 'RSA' | 'RSA-HSM' | 'EC' | 'EC-HSM';
  /** Bits of the modulus, or of the curve. */
  readonly keySize: number;
  readonly curve: CurveName | null;
  readonly exportable: boolean;
  readonly reuseKey: boolean;
  readonly contentType: BundleForm;
  /** As X.500 writes names; the empty text where the alternative names say it all. */
  readonly subject: string;
  readonly sans: AlternativeNames;
  /** Object identifiers of extended key usages. */
  readonly ekus: readonly string[];
  readonly keyUsage: readonly KeyUsage[];
  readonly validityMonths: number;
  /** Whether the certificate may issue others (RFC 5280 §4.2.1.9). */
  readonly isAuthority: boolean;
  readonly lifetimeActions: readonly LifetimeAction[];
  /** `Self`, `Unknown`, or the name of an issuer of the vault. */
  readonly issuer: string;
  readonly certificateType: string | null;
  readonly certTransparency: boolean | null;
  readonly enabled: boolean;
  readonly created: number;
  readonly updated: number;
}

/** Key usages by their wire names (KeyUsageType), each with what the key may be asked for (`key_ops`). */
export const keyUsages = {
  digitalSignature: ['sign', 'verify'],
  nonRepudiation: ['sign', 'verify'],
  keyEncipherment: ['wrapKey', 'unwrapKey'],
  dataEncipherment: ['encrypt', 'decrypt'],
  keyAgreement: [],
  keyCertSign: ['sign', 'verify'],
  cRLSign: ['sign', 'verify'],
  encipherOnly: [],
  decipherOnly: [],
} as const satisfies Readonly<Record<string, readonly string[]>>;

/** A key usage (RFC 5280 §4.2.1.3). */
export type KeyUsage = keyof typeof keyUsages;

/** Bits of the curves, as `key_size` has them. */
export const curveBits: Readonly<Record<CurveName, number>> = {
  'P-256': 256,
  'P-384': 384,
  'P-521': 521,
  'P-256K': 256,
};

/** Issuers that are no authority: the certificate signs itself, or somebody outside signs it and it is merged. */
export const SELF = 'Self';
/** See {@link SELF}. */
export const UNKNOWN = 'Unknown';

/** A policy before anything was asked of it: what the service fills in. The issuer has no default. */
export function emptyPolicy(now: number): CertificatePolicy {
  return {
    kty: 'RSA',
    keySize: 2048,
    curve: null,
    exportable: true,
    reuseKey: false,
    contentType: 'application/x-pkcs12',
    subject: '',
    sans: noNames,
    ekus: ['1.3.6.1.5.5.7.3.1', '1.3.6.1.5.5.7.3.2'],
    keyUsage: ['digitalSignature', 'keyEncipherment'],
    validityMonths: 12,
    isAuthority: false,
    lifetimeActions: [],
    issuer: '',
    certificateType: null,
    certTransparency: null,
    enabled: true,
    created: now,
    updated: now,
  };
}

/** The family of a policy's keys. */
export function familyOf({ kty }: Pick<CertificatePolicy, 'kty'>): Exclude<KeyFamily, 'oct'> {
  return kty.startsWith('RSA') ? 'RSA' : 'EC';
}

/** What key a policy asks for. */
export function keySpecOf(policy: CertificatePolicy): KeySpec {
  return familyOf(policy) === 'RSA'
    ? { family: 'RSA', bits: policy.keySize, publicExponent: 65_537 }
    : { family: 'EC', curve: policy.curve ?? 'P-256' };
}

/** What a key under a policy may be asked for: what its usages say, as far as its family can. */
export function keyOperationsOf(policy: CertificatePolicy): readonly string[] {
  const asked = policy.keyUsage.length > 0 ? policy.keyUsage : (Object.keys(keyUsages) as KeyUsage[]);
  const operations = new Set<string>(asked.flatMap((usage) => keyUsages[usage]));
  const able = familyOf(policy) === 'RSA' ? null : ['sign', 'verify'];
  return [...operations].filter((operation) => able === null || able.includes(operation));
}

/** Whether an authority, or the certificate itself, can issue the next version without anybody's help. */
export function canRenew({ issuer }: Pick<CertificatePolicy, 'issuer'>): boolean {
  return issuer !== UNKNOWN;
}
