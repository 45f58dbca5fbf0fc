import { foldName, newVersion } from '../base/ids.ts';
import { BundleFault, type BundleProblem } from '../crypto/bundle-fault.ts';
import { type Bundle, type BundleForm, readPem, readPkcs12 } from '../crypto/certificate-bundle.ts';
import { KeyInputFault, type MadeKey } from '../crypto/key-provider.ts';
import { makeKey, type NewMaterial, providerOf, typeOf } from '../keys/key-home.ts';
import {
  type Body,
  invalid,
  newAttributes,
  readAttributeChange,
  readBoolean,
  readObject,
} from '../objects/attributes.ts';
import { answerFor, nameOf } from '../objects/lifecycle.ts';
import { type Answer, type Call, vaultOf } from '../operations/operation.ts';
import { Refusal } from '../refusals/refusal.ts';
import { certificateKind } from './certificate-kind.ts';
import { importedPolicy } from './imported-policy.ts';
import { issuedOf } from './issued.ts';
import { assertIssuer } from './issuer-accounts.ts';
import type { CertificateParts } from './parts.ts';
import type { CertificatePolicy } from './policy.ts';
import { addCertificateVersion, assertRoom, policyOf } from './versions.ts';
import { certificateBundle } from './wire.ts';
import { chainFrom, readAll } from './x509/chain.ts';
import { holdsKey, type ReadCertificate } from './x509/read.ts';

const MAX_TAG_TEXT = 256;
const MOST_PASSWORD = 1024;
const PEM_MARK = '-----BEGIN ';

/** What the caller is told of a file that cannot be taken. */
const reasons: Readonly<Record<Exclude<BundleProblem, 'password'>, string>> = {
  unreadable: 'it is neither PKCS #12 nor PEM, or it is damaged',
  costly: 'it asks for more rounds of key derivation, or holds more, than this server works through',
  'no-key': 'there is no private key in it',
  'several-keys': 'there is more than one private key in it',
  'no-certificate': 'there is no certificate in it',
  'key-kind': 'its key is neither RSA of 2048, 3072 or 4096 bits nor of the curves P-256, P-384, P-521 and P-256K',
};

interface Imported {
  readonly key: MadeKey;
  /** The certificate of the key first. */
  readonly chain: readonly [ReadCertificate, ...ReadCertificate[]];
}

/** POST /certificates/{name}/import: a key and its certificates from outside as a new version. */
export async function importCertificate(parts: CertificateParts, call: Call): Promise<Answer> {
  const vault = vaultOf(call);
  const { name } = nameOf(call);
  const body = call.body ?? {};
  const change = readAttributeChange(body, MAX_TAG_TEXT);
  const preserveOrder = readBoolean(body['preserveCertOrder'], 'preserveCertOrder') ?? false;
  const before = await assertRoom(parts.store.reader, vault, name);
  const { bundle, form } = await readContent(body, { vault: vault.name, name });
  const { key, chain } = await takeIn(parts, bundle, preserveOrder, { vault: vault.name, name });
  try {
    const asked = readObject(body['policy'], 'policy');
    const policy = importedPolicy(asked, before && policyOf(before), chain[0], form, call.time);
    providerOf(parts.providers, vault, typeOf(policy));
    await assertIssuer(parts, parts.store.reader, vault, policy.issuer);
    const issued = await issuedOf(policy, { open: async () => Buffer.from(key.material) }, chain, name);
    const { enabled } = newAttributes(change);
    const tags = change.tags ? JSON.stringify(change.tags) : null;
    const { version, made } = await settleKey(parts, call, policy, bundle, key);
    const attributes = { enabled, tags, preserveOrder, time: call.time };
    const draft = { name, version, policy, key: made, isKeyNew: true, issued, ...attributes };
    return await call.commit(async (transaction) => {
      const whole = { ...draft, operation: null, workAt: null };
      const row = await addCertificateVersion(transaction, parts, vault, whole);
      return answerFor(certificateKind, call, row, certificateBundle(call, row));
    });
  } finally {
    key.material.fill(0);
  }
}

/** The content as it was sent: PEM, PEM in base64, or PKCS #12 in base64. @throws Refusal */
async function readContent(
  body: Body,
  facts: { readonly vault: string; readonly name: string },
): Promise<{ readonly bundle: Bundle; readonly form: BundleForm }> {
  const { value, pwd } = body;
  if (typeof value !== 'string' || value === '') throw invalid('value', 'it is required and must be a string');
  if (pwd !== undefined && pwd !== null && (typeof pwd !== 'string' || pwd.length > MOST_PASSWORD)) {
    throw invalid('pwd', `it must be a string of at most ${MOST_PASSWORD} characters`);
  }
  const password = typeof pwd === 'string' ? pwd : '';
  try {
    if (value.includes(PEM_MARK)) {
      return { bundle: await readPem(value, password), form: 'application/x-pem-file' };
    }
    const compact = value.replace(/\s+/g, '');
    if (!/^[A-Za-z0-9+/_-]+={0,2}$/.test(compact)) throw new BundleFault('unreadable');
    const bytes = Buffer.from(compact, 'base64');
    if (bytes.includes(PEM_MARK)) {
      return { bundle: await readPem(bytes.toString('latin1'), password), form: 'application/x-pem-file' };
    }
    return { bundle: await readPkcs12(bytes, password), form: 'application/x-pkcs12' };
  } catch (error) {
    throw error instanceof BundleFault ? refusalOf(error, facts) : error;
  }
}

/** Takes in the key, and puts the certificates in order: the key's own, then its issuers. @throws Refusal */
async function takeIn(
  { providers }: CertificateParts,
  bundle: Bundle,
  preserveOrder: boolean,
  facts: { readonly vault: string; readonly name: string },
): Promise<Imported> {
  const unusable = (reason: string) => new Refusal('certificate-import-unusable', { ...facts, reason });
  const read = readAll(bundle.certificates);
  if ('reason' in read) throw unusable(read.reason);
  const key = await providers.software.importKey(bundle.key).catch((error: unknown) => {
    throw error instanceof KeyInputFault ? unusable('its private key is not a sound one') : error;
  });
  const leaf = read.find((certificate) => holdsKey(certificate, key.publicMembers));
  if (!leaf) {
    key.material.fill(0);
    throw unusable('none of its certificates is of its private key');
  }
  const others = read.filter((one, index) => read.findIndex(({ x5t }) => x5t === one.x5t) === index && one !== leaf);
  const { chain, rest } = chainFrom(leaf, others);
  return { key, chain: [leaf, ...(preserveOrder ? others : [...chain, ...rest])] };
}

/** The key where its type belongs: in a token it has a new home, and what was taken in here is not kept. */
async function settleKey(
  parts: CertificateParts,
  call: Call,
  policy: CertificatePolicy,
  bundle: Bundle,
  key: MadeKey,
): Promise<NewMaterial> {
  const type = typeOf(policy);
  if (!type.isHsm) return { version: newVersion(parts.random), made: key };
  const order = { nameKey: foldName(nameOf(call).name), isExportable: false, ...type };
  return makeKey(parts, vaultOf(call), order, call.time, (provider, place) => provider.importKey(bundle.key, place));
}

function refusalOf({ problem }: BundleFault, facts: { readonly vault: string; readonly name: string }): Refusal {
  if (problem === 'password') return new Refusal('certificate-import-password', facts);
  return new Refusal('certificate-import-unusable', { ...facts, reason: reasons[problem] });
}
