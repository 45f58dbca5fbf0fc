import { fromBase64Url } from '../base/text.ts';
import { type CurveName, curves, type KeyFamily } from '../crypto/algorithms.ts';
import type { ImportedJwk, KeySpec } from '../crypto/key-provider.ts';
import {
  type AttributeChange,
  type Attributes,
  type Body,
  invalid,
  newAttributes,
  readAttributeChange,
  readBoolean,
  readObject,
} from '../objects/attributes.ts';
import { Refusal } from '../refusals/refusal.ts';
import { type AskedRelease, readRelease } from './export-rules.ts';
import { checkAlone, purposeOf, secureOperations } from './key-purpose.ts';
import { readTransferBlob, type TransferBlob } from './transfer-blob.ts';

const MAX_TAG_TEXT = 256;
const RSA_BITS: readonly unknown[] = [2048, 3072, 4096];
const OCT_BITS: readonly unknown[] = [128, 192, 256];
const MAX_EXPONENT = 0x7fff_ffff;
/** The longest member of a JWK: an RSA modulus of 4,096 bits is 683 characters. */
const MAX_MEMBER = 1400;

/** What each family may be asked to do (JsonWebKeyOperation), all of it by default. */
const operationsOf: Readonly<Record<KeyFamily, readonly string[]>> = {
  RSA: ['encrypt', 'decrypt', 'sign', 'verify', 'wrapKey', 'unwrapKey'],
  EC: ['sign', 'verify'],
  oct: ['encrypt', 'decrypt', 'wrapKey', 'unwrapKey', 'sign', 'verify'],
};

/** A family, and whether a hardware token is to hold the key. */
export interface KeyType {
  readonly family: KeyFamily;
  readonly isHsm: boolean;
}

/** What new keys have, however they come. */
export interface NewKey extends KeyType {
  readonly operations: readonly string[];
  readonly attributes: Attributes;
  readonly tags: Readonly<Record<string, string>> | null;
  readonly release: AskedRelease;
}

/** A key that comes wrapped for a key exchange key. */
export interface BroughtKey {
  readonly transfer: TransferBlob;
  /** The curve that it must be of; not set where the body does not say. */
  readonly curve?: CurveName;
}

/** A key from outside: in the clear, or wrapped. */
export type ImportedKey = NewKey & ({ readonly jwk: ImportedJwk } | BroughtKey);

/** What of a stored key decides which operations it may be given. */
export interface OperableKey extends KeyType {
  readonly isExportable: boolean;
  /** Those it has. */
  readonly operations?: readonly string[];
}

/** A validated body of an update: only what was sent is there. */
export interface KeyChange extends AttributeChange {
  readonly operations?: readonly string[];
  readonly release: AskedRelease;
}

/**
 * Reads the body of a create (keys.json, KeyCreateParameters).
 * @throws Refusal `property-invalid`, `key-release-policy-invalid`, `key-external-unavailable`
 */
export function readNewKey(body: Body): NewKey & { readonly spec: KeySpec } {
  // Such a body names no type: the other system's key has one.
  refuseExternal(body);
  const type = readType(body['kty'], 'kty');
  return { ...type, ...readRest(body, body['key_ops'], 'key_ops', type), spec: readSpec(body, type.family) };
}

/**
 * Reads the body of an import (KeyImportParameters): a private JWK with every member (RFC 7518 §6), or a transfer blob.
 * @throws Refusal `property-invalid`, `key-release-policy-invalid`, `key-external-unavailable`, `key-transfer-blob-invalid`
 */
export function readImportedKey(body: Body): ImportedKey {
  refuseExternal(body);
  const key = readObject(body['key'], 'key');
  const { family, isHsm: isNamedHsm } = readType(key['kty'], 'key.kty');
  const type = { family, isHsm: isNamedHsm || readBoolean(body['Hsm'] ?? body['hsm'], 'Hsm') === true };
  const operations = saysNothing(key['key_ops']) ? undefined : key['key_ops'];
  const rest = { ...type, ...readRest(body, operations, 'key.key_ops', type) };
  if (key['key_hsm'] !== undefined && key['key_hsm'] !== null) {
    if (!type.isHsm) throw invalid('key.kty', 'a key that comes in a transfer blob has a type with -HSM');
    const { crv } = key;
    const isCurveNamed = family === 'EC' && crv !== undefined && crv !== null;
    const curve = isCurveNamed ? { curve: readCurve(crv, 'key.crv') } : {};
    return { ...rest, ...curve, transfer: readTransferBlob(key['key_hsm']) };
  }
  const members: Record<string, string> = {};
  for (const name of membersOf[family]) members[name] = readMember(key[name], `key.${name}`);
  if (family === 'EC') members['crv'] = readCurve(key['crv'], 'key.crv');
  if (family === 'RSA') checkModulus(members);
  if (family === 'oct' && !OCT_BITS.includes(fromBase64Url(members['k']!)!.length * 8)) {
    throw invalid('key.k', 'it must hold 128, 192 or 256 bits');
  }
  return { ...rest, jwk: { family, members } };
}

/**
 * Reads the body of an update (KeyUpdateParameters).
 * @throws Refusal `property-invalid`, `key-release-policy-invalid`, `key-external-unavailable`
 */
export function readKeyChange(body: Body, key: OperableKey): KeyChange {
  refuseExternal(body);
  const operations = readOperations(body['key_ops'], 'key_ops', key);
  if (operations && purposeOf(operations) !== purposeOf(key.operations ?? [])) {
    throw invalid(
      'key_ops',
      'what a key is for is decided when it is made: it neither takes nor loses import, secureWrapKey, secureUnwrapKey',
    );
  }
  const change = readAttributeChange(body, MAX_TAG_TEXT);
  return { ...change, ...(operations && { operations }), release: readRelease(body) };
}

/** The Java package writes an empty list where its caller names none (azure-security-keyvault-keys 4.10, JsonWebKey). */
function saysNothing(operations: unknown): boolean {
  return Array.isArray(operations) && operations.length === 0;
}

const membersOf: Readonly<Record<KeyFamily, readonly string[]>> = {
  RSA: ['n', 'e', 'd', 'p', 'q', 'dp', 'dq', 'qi'],
  EC: ['x', 'y', 'd'],
  oct: ['k'],
};

/**
 * Keys that another system holds belong to managed HSMs. Whoever asks for one must not get a key of ours instead.
 * @throws Refusal `key-external-unavailable`
 */
function refuseExternal(body: Body): void {
  const external = readObject(body['attributes'], 'attributes')['external_key'];
  if (external !== undefined && external !== null) throw new Refusal('key-external-unavailable');
}

function readRest(body: Body, operations: unknown, property: string, type: KeyType) {
  const release = readRelease(body);
  const key = { ...type, isExportable: release.exportable === true };
  const change = readAttributeChange(body, MAX_TAG_TEXT);
  return {
    operations: readOperations(operations, property, key) ?? operationsOf[type.family],
    attributes: newAttributes(change),
    tags: change.tags ?? null,
    release,
  };
}

function readType(value: unknown, property: string): KeyType {
  if (typeof value === 'string') {
    const isHsm = value.endsWith('-HSM');
    const family = isHsm ? value.slice(0, -'-HSM'.length) : value;
    if (Object.hasOwn(operationsOf, family)) return { family: family as KeyFamily, isHsm };
  }
  throw invalid(property, 'it must be RSA, EC or oct, with -HSM where a hardware security module is to hold the key');
}

function readSpec(body: Body, family: KeyFamily): KeySpec {
  const size = body['key_size'] ?? undefined;
  switch (family) {
    case 'RSA': {
      if (size !== undefined && !RSA_BITS.includes(size)) throw invalid('key_size', 'it must be 2048, 3072 or 4096');
      return {
        family,
        bits: (size as number | undefined) ?? 2048,
        publicExponent: readExponent(body['public_exponent']),
      };
    }
    case 'EC': {
      const curve = readCurve(body['crv'] ?? curveOfSize(size), 'crv');
      if (size !== undefined && curveOfSize(size) !== curve && !(size === 256 && curve === 'P-256K')) {
        throw invalid('key_size', 'it is not the size of the curve');
      }
      return { family, curve };
    }
    case 'oct': {
      if (size !== undefined && !OCT_BITS.includes(size)) throw invalid('key_size', 'it must be 128, 192 or 256');
      return { family, bits: (size as number | undefined) ?? 256 };
    }
  }
}

function curveOfSize(size: unknown): unknown {
  return size === undefined ? 'P-256' : `P-${String(size)}`;
}

function readCurve(value: unknown, property: string): CurveName {
  if (typeof value === 'string' && Object.hasOwn(curves, value)) return value as CurveName;
  throw invalid(property, `it must be one of ${Object.keys(curves).join(', ')}`);
}

/** The Java package writes 0 where its caller names none (azure-security-keyvault-keys 4.10, CreateRsaKeyOptions). */
function readExponent(value: unknown): number {
  if (value === undefined || value === null || value === 0) return 65_537;
  if (typeof value === 'number' && Number.isInteger(value) && value >= 3 && value <= MAX_EXPONENT && value % 2 === 1) {
    return value;
  }
  throw invalid('public_exponent', `it must be an odd number from 3 to ${MAX_EXPONENT}`);
}

function readMember(value: unknown, property: string): string {
  const bytes =
    typeof value === 'string' && value.length <= MAX_MEMBER ? fromBase64Url(value.replace(/=+$/, '')) : null;
  if (!bytes || bytes.length === 0) throw invalid(property, 'it is required and must be base64url');
  return bytes.toString('base64url');
}

function checkModulus(members: Readonly<Record<string, string>>): void {
  const modulus = fromBase64Url(members['n']!)!;
  const bits = modulus.length * 8 - Math.clz32(modulus[0]!) + 24;
  if (!RSA_BITS.includes(bits)) throw invalid('key.n', 'the modulus must have 2048, 3072 or 4096 bits');
  if (fromBase64Url(members['e']!)!.length > 4) throw invalid('key.e', `it must be at most ${MAX_EXPONENT}`);
}

function readOperations(value: unknown, property: string, key: OperableKey): readonly string[] | undefined {
  if (value === undefined || value === null) return undefined;
  const { family, isHsm, isExportable } = key;
  const known = [
    ...operationsOf[family],
    ...(isExportable ? ['export'] : []),
    ...(family === 'RSA' && isHsm ? ['import'] : []),
    ...(family === 'EC' ? [] : secureOperations),
  ];
  if (!Array.isArray(value) || value.length > 16) throw invalid(property, 'it must be a list of operations');
  const names = value.map((name: unknown) => {
    const found = known.find((one) => typeof name === 'string' && one.toLowerCase() === name.toLowerCase());
    if (!found) throw invalid(property, `a key of type ${family} has the operations ${known.join(', ')}`);
    return found;
  });
  const operations = [...new Set(names)];
  checkAlone(operations, property);
  return operations;
}
