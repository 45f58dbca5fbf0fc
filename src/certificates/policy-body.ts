import { type CurveName, curves } from '../crypto/algorithms.ts';
import type { BundleForm } from '../crypto/certificate-bundle.ts';
import { type Body, invalid, isPlainText, readBoolean, readObject } from '../objects/attributes.ts';
import { countNames, readAlternativeNames } from './alternative-names.ts';
import { readName } from './distinguished-name.ts';
import {
  type CertificatePolicy,
  curveBits,
  emptyPolicy,
  type KeyUsage,
  keyUsages,
  type LifetimeAction,
  type LifetimeTrigger,
  SELF,
  UNKNOWN,
} from './policy.ts';

const RSA_BITS: readonly unknown[] = [2048, 3072, 4096];
const FORMS: readonly unknown[] = ['application/x-pkcs12', 'application/x-pem-file'] satisfies BundleForm[];
const MOST_MONTHS = 1200;
const MOST_EKUS = 50;
const DAYS_PER_MONTH = 27;
const DEFAULT_PERCENTAGE = 80;

/**
 * Reads a policy whole: what is not sent is as the service has it.
 * @param now milliseconds since the Unix epoch
 * @throws Refusal `property-invalid`
 */
export function readPolicy(body: Body, now: number): CertificatePolicy {
  const read = mergePolicy(body, emptyPolicy(now), now);
  const key = readObject(body['key_props'], 'policy.key_props');
  const x509 = readObject(body['x509_props'], 'policy.x509_props');
  const isCurve = read.kty.startsWith('EC');
  const policy: CertificatePolicy = {
    ...read,
    created: now,
    // A key in a token never leaves it; a curve enciphers nothing.
    exportable: isSet(key['exportable']) ? read.exportable : !read.kty.endsWith('-HSM'),
    keyUsage: isCurve && !isSet(x509['key_usage']) ? ['digitalSignature'] : read.keyUsage,
    lifetimeActions: isSet(body['lifetime_actions']) ? read.lifetimeActions : defaultActions(read.issuer),
  };
  checkPolicy(policy);
  return policy;
}

/**
 * Reads a change of a policy: what is not sent stays.
 * @throws Refusal `property-invalid`
 */
export function changePolicy(body: Body, before: CertificatePolicy, now: number): CertificatePolicy {
  const policy = mergePolicy(body, before, now);
  checkPolicy(policy);
  return policy;
}

/** What the service does of its own accord: renew where somebody can, else tell. */
export function defaultActions(issuer: string): readonly LifetimeAction[] {
  const type = issuer === UNKNOWN ? 'EmailContacts' : 'AutoRenew';
  return [{ type, trigger: { lifetimePercentage: DEFAULT_PERCENTAGE } }];
}

/** Holds the parts of a policy against each other. @throws Refusal `property-invalid` */
export function checkPolicy(policy: CertificatePolicy): void {
  if (policy.subject === '' && countNames(policy.sans) === 0) {
    throw invalid('policy.x509_props.subject', 'a subject or an alternative name is required');
  }
  if (policy.issuer === '') throw invalid('policy.issuer.name', 'it is required: Self, Unknown, or an issuer');
  if (policy.kty.endsWith('-HSM') && policy.exportable) {
    throw invalid('policy.key_props.exportable', 'a key in a hardware security module cannot leave it');
  }
  if (policy.isAuthority && policy.issuer !== SELF) {
    throw invalid('policy.x509_props.basic_constraints.ca', 'only a certificate that signs itself may be an authority');
  }
  for (const { trigger } of policy.lifetimeActions) {
    const most = DAYS_PER_MONTH * policy.validityMonths;
    if ('daysBeforeExpiry' in trigger && trigger.daysBeforeExpiry > most) {
      throw invalid('policy.lifetime_actions.trigger.days_before_expiry', `it must be 1 to ${most} days`);
    }
  }
}

function mergePolicy(body: Body, before: CertificatePolicy, now: number): CertificatePolicy {
  const secret = readObject(body['secret_props'], 'policy.secret_props');
  const attributes = readObject(body['attributes'], 'policy.attributes');
  const contentType = secret['contentType'];
  if (isSet(contentType) && !FORMS.includes(contentType)) {
    throw invalid('policy.secret_props.contentType', 'it must be application/x-pkcs12 or application/x-pem-file');
  }
  return {
    ...before,
    ...readKey(readObject(body['key_props'], 'policy.key_props'), before),
    ...(isSet(contentType) && { contentType: contentType as BundleForm }),
    ...readX509(readObject(body['x509_props'], 'policy.x509_props'), before),
    ...readIssuer(readObject(body['issuer'], 'policy.issuer'), before),
    lifetimeActions: readActions(body['lifetime_actions']) ?? before.lifetimeActions,
    enabled: readBoolean(attributes['enabled'], 'policy.attributes.enabled') ?? before.enabled,
    updated: now,
  };
}

function readKey(key: Body, before: CertificatePolicy) {
  const kty = isSet(key['kty']) ? key['kty'] : before.kty;
  if (kty !== 'RSA' && kty !== 'EC' && kty !== 'RSA-HSM' && kty !== 'EC-HSM') {
    throw invalid('policy.key_props.kty', 'it must be RSA, EC, RSA-HSM or EC-HSM');
  }
  const others = {
    kty,
    exportable: readExportable(key['exportable'], kty) ?? before.exportable,
    reuseKey: readBoolean(key['reuse_key'], 'policy.key_props.reuse_key') ?? before.reuseKey,
  } as const;
  const wasCurve = before.kty.startsWith('EC');
  if (kty.startsWith('RSA')) {
    const size = isSet(key['key_size']) ? key['key_size'] : wasCurve ? 2048 : before.keySize;
    if (!RSA_BITS.includes(size)) throw invalid('policy.key_props.key_size', 'it must be 2048, 3072 or 4096');
    return { ...others, keySize: size as number, curve: null };
  }
  const curve = isSet(key['crv']) ? key['crv'] : curveOf(key['key_size'], before.curve);
  if (typeof curve !== 'string' || !Object.hasOwn(curves, curve)) {
    throw invalid('policy.key_props.crv', `it must be ${Object.keys(curves).join(', ')}`);
  }
  const bits = curveBits[curve as CurveName];
  if (isSet(key['key_size']) && key['key_size'] !== bits) {
    throw invalid('policy.key_props.key_size', 'it is not the size of the curve');
  }
  return { ...others, keySize: bits, curve: curve as CurveName };
}

/** A key of a hardware type never leaves its token. */
function readExportable(value: unknown, kty: CertificatePolicy['kty']): boolean | undefined {
  const exportable = readBoolean(value, 'policy.key_props.exportable');
  if (!kty.endsWith('-HSM')) return exportable;
  if (exportable) throw invalid('policy.key_props.exportable', 'it must be false where the key is of a hardware type');
  return false;
}

function curveOf(size: unknown, before: CurveName | null): unknown {
  return isSet(size) ? `P-${String(size)}` : (before ?? 'P-256');
}

function readX509(x509: Body, before: CertificatePolicy) {
  const months = isSet(x509['validity_months']) ? x509['validity_months'] : before.validityMonths;
  if (typeof months !== 'number' || !Number.isInteger(months) || months < 1 || months > MOST_MONTHS) {
    throw invalid('policy.x509_props.validity_months', `it must be 1 to ${MOST_MONTHS}`);
  }
  const constraints = readObject(x509['basic_constraints'], 'policy.x509_props.basic_constraints');
  return {
    subject: readSubject(x509['subject']) ?? before.subject,
    sans: readAlternativeNames(readObject(x509['sans'], 'policy.x509_props.sans'), before.sans),
    ekus: readEkus(x509['ekus']) ?? before.ekus,
    keyUsage: readUsages(x509['key_usage']) ?? before.keyUsage,
    validityMonths: months,
    isAuthority: readBoolean(constraints['ca'], 'policy.x509_props.basic_constraints.ca') ?? before.isAuthority,
  };
}

function readSubject(value: unknown): string | undefined {
  if (!isSet(value)) return undefined;
  const name = typeof value === 'string' && isPlainText(value) ? readName(value) : { reason: 'it must be a string' };
  if ('reason' in name) throw invalid('policy.x509_props.subject', `it must be an X.500 name: ${name.reason}`);
  return value as string;
}

function readEkus(value: unknown): readonly string[] | undefined {
  if (!isSet(value)) return undefined;
  const isOid = (text: unknown) => typeof text === 'string' && /^[0-2](\.(0|[1-9]\d{0,17})){1,20}$/.test(text);
  if (!Array.isArray(value) || value.length > MOST_EKUS || !value.every(isOid)) {
    throw invalid('policy.x509_props.ekus', `it must be a list of at most ${MOST_EKUS} object identifiers`);
  }
  return [...new Set(value as string[])];
}

function readUsages(value: unknown): readonly KeyUsage[] | undefined {
  if (!isSet(value)) return undefined;
  const isUsage = (text: unknown) => typeof text === 'string' && Object.hasOwn(keyUsages, text);
  if (!Array.isArray(value) || !value.every(isUsage)) {
    throw invalid('policy.x509_props.key_usage', `it must be a list of ${Object.keys(keyUsages).join(', ')}`);
  }
  return [...new Set(value as KeyUsage[])];
}

function readIssuer(issuer: Body, before: CertificatePolicy) {
  const text = (member: string, most: number): string | undefined => {
    const value = issuer[member];
    if (!isSet(value)) return undefined;
    if (typeof value !== 'string' || value.length === 0 || value.length > most || !isPlainText(value)) {
      throw invalid(`policy.issuer.${member}`, `it must be a string of 1 to ${most} characters`);
    }
    return value;
  };
  const name = text('name', 127);
  const own = [SELF, UNKNOWN].find((known) => known.toLowerCase() === name?.toLowerCase());
  return {
    issuer: own ?? name ?? before.issuer,
    certificateType: text('cty', 100) ?? before.certificateType,
    certTransparency:
      readBoolean(issuer['cert_transparency'], 'policy.issuer.cert_transparency') ?? before.certTransparency,
  };
}

function readActions(value: unknown): readonly LifetimeAction[] | undefined {
  if (!isSet(value)) return undefined;
  const property = 'policy.lifetime_actions';
  if (!Array.isArray(value) || value.length > 2) throw invalid(property, 'it must be a list of at most two actions');
  const actions = value.map((entry: unknown): LifetimeAction => {
    const one = readObject(entry, property);
    const type = readObject(one['action'], `${property}.action`)['action_type'];
    const known = (['AutoRenew', 'EmailContacts'] as const).find(
      (name) => typeof type === 'string' && name.toLowerCase() === type.toLowerCase(),
    );
    if (!known) throw invalid(`${property}.action.action_type`, 'it must be AutoRenew or EmailContacts');
    return { type: known, trigger: readTrigger(readObject(one['trigger'], `${property}.trigger`)) };
  });
  if (new Set(actions.map(({ type }) => type)).size < actions.length) {
    throw invalid(property, 'there may be one action of each type');
  }
  return actions;
}

function readTrigger(trigger: Body): LifetimeTrigger {
  const { lifetime_percentage: percentage, days_before_expiry: days } = trigger;
  const property = 'policy.lifetime_actions.trigger';
  if (isSet(percentage) === isSet(days)) {
    throw invalid(property, 'it must have one of lifetime_percentage and days_before_expiry');
  }
  if (isSet(percentage)) {
    if (!isWhole(percentage) || percentage < 1 || percentage > 99) {
      throw invalid(`${property}.lifetime_percentage`, 'it must be 1 to 99');
    }
    return { lifetimePercentage: percentage };
  }
  if (!isWhole(days) || days < 1) throw invalid(`${property}.days_before_expiry`, 'it must be 1 or more');
  return { daysBeforeExpiry: days };
}

function isWhole(value: unknown): value is number {
  return typeof value === 'number' && Number.isInteger(value);
}

function isSet(value: unknown): boolean {
  return value !== undefined && value !== null;
}
