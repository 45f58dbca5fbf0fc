import { toBase64Url, toSeconds } from '../base/text.ts';
import type { CipherUse } from '../crypto/algorithms.ts';
import { KeyInputFault, type KeyProvider, type Sealed, type StoredKey } from '../crypto/key-provider.ts';
import { liveRow } from '../objects/lifecycle.ts';
import { type Answer, type Call, vaultOf } from '../operations/operation.ts';
import { Refusal } from '../refusals/refusal.ts';
import { providerOf, typeOf } from './key-home.ts';
import type { SealedKeyRow } from './repository.ts';
import { type KeyParts, keyKind } from './service.ts';
import { familyOf, openable, publicMembersOf } from './stored-key.ts';
import {
  checkUse,
  type KeyUse,
  readBytes,
  readCipherAlgorithm,
  readDigest,
  readPlain,
  readSealed,
  readSignatureAlgorithm,
  type UsableKey,
} from './use.ts';
import { isServed, keyId } from './wire.ts';

/** POST /keys/{name}/{version}/sign: signs a digest. */
export async function sign(parts: KeyParts, call: Call): Promise<Answer> {
  const { row, key } = await usableKey(parts, call, 'sign');
  const body = call.body ?? {};
  const algorithm = readSignatureAlgorithm(body, key, isServed(call));
  const digest = readDigest(body, 'value', algorithm);
  const signature = await fitting(
    row,
    providerFor(parts, call, row).sign(storedKey(parts, call, row), algorithm, digest),
  );
  return result(call, row, { value: toBase64Url(signature) });
}

/** POST /keys/{name}/{version}/verify: whether a signature of a digest is right. */
export async function verify(parts: KeyParts, call: Call): Promise<Answer> {
  const { row, key } = await usableKey(parts, call, 'verify');
  const body = call.body ?? {};
  const algorithm = readSignatureAlgorithm(body, key, isServed(call));
  const digest = readDigest(body, 'digest', algorithm);
  const signature = readBytes(body['value'], 'value');
  const value = await providerFor(parts, call, row).verify(storedKey(parts, call, row), algorithm, digest, signature);
  return { status: 200, body: { value }, ...about(call, row) };
}

/** POST /keys/{name}/{version}/encrypt and wrapkey. */
export async function encrypt(parts: KeyParts, call: Call, use: CipherUse): Promise<Answer> {
  const { row, key } = await usableKey(parts, call, use);
  const body = call.body ?? {};
  const algorithm = readCipherAlgorithm(body, key, use, isServed(call));
  const sealed = await fitting(
    row,
    providerFor(parts, call, row).encrypt(storedKey(parts, call, row), algorithm, readPlain(body)),
  );
  return result(call, row, shown(sealed));
}

/** POST /keys/{name}/{version}/decrypt and unwrapkey. Every way to fail has one answer. */
export async function decrypt(parts: KeyParts, call: Call, use: CipherUse): Promise<Answer> {
  const { row, key } = await usableKey(parts, call, use);
  const body = call.body ?? {};
  const algorithm = readCipherAlgorithm(body, key, use, isServed(call));
  const value = await fitting(
    row,
    providerFor(parts, call, row).decrypt(storedKey(parts, call, row), algorithm, readSealed(body)),
  );
  return result(call, row, { value: toBase64Url(value) });
}

/** The version that a call names, where it may be used so now. @throws Refusal those of `checkUse`, `key-not-found` */
export async function usableKey(
  { store }: KeyParts,
  call: Call,
  use: KeyUse,
): Promise<{ readonly row: SealedKeyRow; readonly key: UsableKey }> {
  const row = await liveRow(keyKind, store.reader, call);
  const members = publicMembersOf(row);
  const key: UsableKey = {
    vault: vaultOf(call).name,
    name: row.name,
    version: row.version,
    isEnabled: row.enabled === 1,
    nbf: row.nbf,
    exp: row.exp,
    operations: JSON.parse(row.key_ops) as string[],
    family: familyOf(row),
    bits: row.size,
    curve: 'crv' in members ? (members.crv ?? null) : null,
  };
  checkUse(key, use, toSeconds(call.time));
  return { row, key };
}

/** A version as its provider takes it. */
export function storedKey(parts: KeyParts, call: Call, row: SealedKeyRow): StoredKey {
  return openable(parts, vaultOf(call).id, row);
}

/** The provider that has a version's key. @throws Refusal as `providerOf` */
export function providerFor({ providers }: KeyParts, call: Call, row: SealedKeyRow): KeyProvider {
  return providerOf(providers, vaultOf(call), typeOf(row));
}

/** One answer for whatever does not fit: a longer or shorter one would be an oracle. @throws Refusal `key-input-unsuitable` */
export async function fitting<T>(row: SealedKeyRow, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    if (error instanceof KeyInputFault) throw new Refusal('key-input-unsuitable', { name: row.name });
    throw error;
  }
}

function shown({ value, iv, tag, aad }: Sealed): Record<string, string> {
  return {
    value: toBase64Url(value),
    ...(iv && { iv: toBase64Url(iv) }),
    ...(tag && { tag: toBase64Url(tag) }),
    ...(aad && { aad: toBase64Url(aad) }),
  };
}

function result(call: Call, row: SealedKeyRow, members: Record<string, string>): Answer {
  return { status: 200, body: { kid: keyId(call, row), ...members }, ...about(call, row) };
}

function about(call: Call, row: SealedKeyRow) {
  return { subject: keyId(call, row), audit: { algorithm: String(call.body?.['alg']), keyType: row.kty } };
}
