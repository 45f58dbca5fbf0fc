import type { BundleForm } from '../crypto/certificate-bundle.ts';
import { type Body, invalid, readObject } from '../objects/attributes.ts';
import type { AlternativeNames } from './alternative-names.ts';
import { type CertificatePolicy, curveBits, emptyPolicy, type KeyUsage, SELF, UNKNOWN } from './policy.ts';
import { changePolicy, defaultActions } from './policy-body.ts';

const MONTH_SECONDS = 30.436_875 * 86_400;

/** What of a certificate goes into the policy of its import. */
export interface Described {
  readonly subject: string;
  readonly nbf: number;
  readonly exp: number;
  readonly sans: AlternativeNames;
  readonly ekus: readonly string[];
  readonly keyUsage: readonly KeyUsage[];
  readonly publicKey: { readonly bits: number; readonly curve: CertificatePolicy['curve'] } | null;
}

/**
 * The policy of an imported certificate: what the certificate is comes from itself, how it is kept from the body or the policy that
 * was there. Nobody but a named issuer renews it: without one its issuer is `Unknown` and its contacts are told, since a certificate
 * from outside that came back signed by itself would break whoever relies on it.
 * @throws Refusal `property-invalid`
 */
export function importedPolicy(
  body: Body,
  before: CertificatePolicy | null,
  certificate: Described,
  form: BundleForm,
  now: number,
): CertificatePolicy {
  const { publicKey } = certificate;
  if (!publicKey) throw invalid('value', 'its key is of no kind that a vault takes');
  const own = {
    keySize: publicKey.curve ? curveBits[publicKey.curve] : publicKey.bits,
    curve: publicKey.curve,
    subject: certificate.subject,
    sans: certificate.sans,
    ekus: certificate.ekus,
    keyUsage: certificate.keyUsage,
    validityMonths: Math.min(1200, Math.max(1, Math.round((certificate.exp - certificate.nbf) / MONTH_SECONDS))),
    isAuthority: false,
  };
  const kept = before ?? { ...emptyPolicy(now), contentType: form };
  const family = publicKey.curve ? 'EC' : 'RSA';
  const { kty, exportable, reuse_key } = readObject(body['key_props'], 'policy.key_props');
  const base: CertificatePolicy = {
    ...kept,
    ...own,
    kty: family,
    issuer: kept.issuer === '' || kept.issuer === SELF ? UNKNOWN : kept.issuer,
    lifetimeActions: [],
    created: before?.created ?? now,
  };
  const asked: Body = {
    key_props: { exportable, reuse_key, kty: kty === `${family}-HSM` ? kty : family },
    secret_props: body['secret_props'],
    lifetime_actions: body['lifetime_actions'] ?? null,
    issuer: body['issuer'],
    attributes: body['attributes'],
  };
  // A certificate may have neither subject nor names that a policy knows: it is taken as it is.
  const isNameless = own.subject === '' && Object.values(own.sans).every((names) => names.length === 0);
  const read = changePolicy(asked, isNameless ? { ...base, subject: 'CN=-' } : base, now);
  const issuer = read.issuer === SELF ? UNKNOWN : read.issuer;
  const actions = read.lifetimeActions.length > 0 ? read.lifetimeActions : defaultActions(issuer);
  const lifetimeActions =
    issuer === UNKNOWN
      ? actions.slice(0, 1).map(({ trigger }) => ({ type: 'EmailContacts' as const, trigger }))
      : actions;
  return { ...read, ...own, issuer, lifetimeActions };
}
