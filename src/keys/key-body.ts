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
}

/** A validated body of an update: only what was sent is there. */
export interface KeyChange extends AttributeChange {
  readonly operations?: readonly string[];
}

/**
 * Reads the body of a create (keys.json, KeyCreateParameters).
 * @throws Refusal `property-invalid`, `key-release-policy-missing`, `not-implemented`
 */
export function readNewKey(body: Body): NewKey & { readonly spec: KeySpec } {
  const type = readType(body['kty'], 'kty');
  return { ...type, ...readRest(body, body['key_ops'], 'key_ops', type.family), spec: readSpec(body, type.family) };
}

/**
 * Reads the body of an import (KeyImportParameters): a private JWK with every member (RFC 7518 §6).
 * @throws Refusal `property-invalid`, `key-release-policy-missing`, `not-implemented`
 */
export function readImportedKey(body: Body): NewKey & { readonly jwk: ImportedJwk } {
  const key = readObject(body['key'], 'key');
  const { family, isHsm } = readType(key['kty'], 'key.kty');
  if (key['key_hsm'] !== undefined && key['key_hsm'] !== null) {
    throw new Refusal('not-implemented', { feature: 'import of keys wrapped for a hardware security module' });
  }
  const members: Record<string, string> = {};
  for (const name of membersOf[family]) members[name] = readMember(key[name], `key.${name}`);
  if (family === 'EC') members['crv'] = readCurve(key['crv'], 'key.crv');
  if (family === 'RSA') checkModulus(members);
  if (family === 'oct' && !OCT_BITS.includes(fromBase64Url(members['k']!)!.length * 8)) {
    throw invalid('key.k', 'it must hold 128, 192 or 256 bits');
  }
  return {
    family,
    isHsm: isHsm || readBoolean(body['Hsm'] ?? body['hsm'], 'Hsm') === true,
    ...readRest(body, saysNothing(key['key_ops']) ? undefined : key['key_ops'], 'key.key_ops', family),
    jwk: { family, members },
  };
}

/**
 * Reads the body of an update (KeyUpdateParameters).
 * @throws Refusal `property-invalid`, `key-release-policy-missing`, `not-implemented`
 */
export function readKeyChange(body: Body, family: KeyFamily): KeyChange {
  refuseExport(body);
  const operations = readOperations(body['key_ops'], 'key_ops', family);
  return { ...readAttributeChange(body, MAX_TAG_TEXT), ...(operations && { operations }) };
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

function readRest(body: Body, operations: unknown, property: string, family: KeyFamily) {
  refuseExport(body);
  const change = readAttributeChange(body, MAX_TAG_TEXT);
  return {
    operations: readOperations(operations, property, family) ?? operationsOf[family],
    attributes: newAttributes(change),
    tags: change.tags ?? null,
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

function readOperations(value: unknown, property: string, family: KeyFamily): readonly string[] | undefined {
  if (value === undefined || value === null) return undefined;
  const known = operationsOf[family];
  if (!Array.isArray(value) || value.length > 16) throw invalid(property, 'it must be a list of operations');
  const names = value.map((name: unknown) => {
    const found = known.find((one) => typeof name === 'string' && one.toLowerCase() === name.toLowerCase());
    if (!found) throw invalid(property, `a key of type ${family} has the operations ${known.join(', ')}`);
    return found;
  });
  return [...new Set(names)];
}

/** Keys that leave: they need a release policy, and somebody who believes attestations. */
function refuseExport(body: Body): void {
  const isExportable = readBoolean(readObject(body['attributes'], 'attributes')['exportable'], 'attributes.exportable');
  const hasPolicy = body['release_policy'] !== undefined && body['release_policy'] !== null;
  if (isExportable && !hasPolicy) throw new Refusal('key-release-policy-missing');
  if (isExportable || hasPolicy) throw new Refusal('not-implemented', { feature: 'secure key release' });
}
