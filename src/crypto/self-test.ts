import { cipherAlgorithms, signatureAlgorithms } from './algorithms.ts';
import {
  KeyInputFault,
  type KeyProvider,
  KeyTokenFault,
  KeyUnsupportedFault,
  type Sealed,
  type StoredKey,
} from './key-provider.ts';
import { type KnownAnswer, knownAnswers } from './known-answers.ts';
import { importExchangeKey, type TransferTest, transferTests } from './transfer-test.ts';

/** What one known answer led to. */
export interface SelfTestResult {
  readonly algorithm: string;
  /** Null where the answer was right; else what was wrong with it. */
  readonly fault: string | null;
  /** Set where a token does not do this at all, which is no fault: what it lacks. */
  readonly missing?: string;
}

/**
 * Asks a provider everything whose answer is known beforehand. A provider that fails has a fault.
 * @throws KeyTokenFault where a token is not there to be asked
 */
export async function selfTest(
  provider: KeyProvider,
  answers: readonly KnownAnswer[] = knownAnswers,
  transfers: readonly TransferTest[] = transferTests,
): Promise<readonly SelfTestResult[]> {
  let imported: Promise<StoredKey> | null = null;
  const exchangeKey = () => {
    imported ??= importExchangeKey(provider);
    return imported;
  };
  const tests = [
    ...answers.map((answer, index) => ({
      algorithm: answer.algorithm,
      faultOf: () => faultOf(provider, answer, index),
    })),
    ...transfers.map((transfer) => ({
      algorithm: transfer.algorithm,
      faultOf: () => transfer.faultOf(provider, exchangeKey),
    })),
  ];
  const results: SelfTestResult[] = [];
  for (const { algorithm, faultOf: ask } of tests) {
    try {
      results.push({ algorithm, fault: await ask() });
    } catch (error) {
      if (error instanceof KeyTokenFault) throw error;
      const { message } = error as Error;
      const lacks = error instanceof KeyUnsupportedFault;
      results.push(
        lacks ? { algorithm, fault: null, missing: message } : { algorithm, fault: `it failed: ${message}` },
      );
    }
  }
  return results;
}

async function faultOf(provider: KeyProvider, answer: KnownAnswer, index: number): Promise<string | null> {
  const made = await provider.importKey(answer.key);
  const { spec, publicMembers } = made;
  const open = async () => Buffer.from(made.material);
  const key: StoredKey = { id: `self-test/${index}`, spec, publicMembers, open };
  const [input, output] = [bytes(answer.input)!, bytes(answer.output)!];
  if (answer.kind === 'sign' || answer.kind === 'verify') return signatureFault(provider, key, answer, input, output);
  const algorithm = cipherAlgorithms[answer.algorithm]!;
  const more = { iv: bytes(answer.iv), aad: bytes(answer.aad), tag: bytes(answer.tag) };
  if (answer.kind === 'seal') {
    const sealed = await provider.encrypt(key, algorithm, { value: input, ...more });
    if (!sealed.value.equals(output)) return 'what it sealed is not what is known';
    const opened = await provider.decrypt(key, algorithm, { ...more, value: output });
    return opened.equals(input) ? null : 'it does not open what is known';
  }
  const opened = await provider.decrypt(key, algorithm, { ...more, value: input });
  if (!opened.equals(output)) return 'it does not open what is known';
  const own = await provider.encrypt(key, algorithm, { value: output, iv: null, aad: more.aad });
  if (!(await provider.decrypt(key, algorithm, own)).equals(output)) return 'it does not open what it sealed';
  return (await opensChanged(provider, key, algorithm, { ...more, value: changed(input) }, output))
    ? 'it opens what was changed'
    : null;
}

async function signatureFault(
  provider: KeyProvider,
  key: StoredKey,
  { algorithm: name, kind }: KnownAnswer,
  digest: Buffer,
  signature: Buffer,
): Promise<string | null> {
  const algorithm = signatureAlgorithms[name]!;
  if (!(await provider.verify(key, algorithm, digest, signature))) return 'it finds a right signature wrong';
  if (await provider.verify(key, algorithm, digest, changed(signature))) return 'it finds a wrong signature right';
  const made = await provider.sign(key, algorithm, digest);
  if (kind === 'sign' && !made.equals(signature)) return 'its signature is not the one that is known';
  return (await provider.verify(key, algorithm, digest, made)) ? null : 'it finds its own signature wrong';
}

async function opensChanged(
  provider: KeyProvider,
  key: StoredKey,
  algorithm: Parameters<KeyProvider['decrypt']>[1],
  sealed: Sealed,
  plain: Buffer,
): Promise<boolean> {
  try {
    // PKCS #1 v1.5 gives other bytes instead of an error.
    return (await provider.decrypt(key, algorithm, sealed)).equals(plain);
  } catch (error) {
    if (error instanceof KeyInputFault) return false;
    throw error;
  }
}

function changed(value: Buffer): Buffer {
  const copy = Buffer.from(value);
  copy[copy.length >> 1]! ^= 1;
  return copy;
}

function bytes(text: string | undefined): Buffer | null {
  return text === undefined ? null : Buffer.from(text, 'base64url');
}
