import type { Log } from '../base/ports.ts';
import { type KeyProvider, KeyProviderFault, KeyTokenFault, type TokenKeys } from './key-provider.ts';
import { selfTest } from './self-test.ts';

/**
 * A provider that is asked what is known before it is used for the first time. One wrong answer, and it is not used at all until
 * the next start: whoever needs a key is told, and the log says which answer was wrong. A token that is not there has given no answer:
 * it is asked when it is back.
 */
export function testedProvider(name: string, provider: KeyProvider, log: Log): KeyProvider {
  return guarded(provider, testOnce(name, provider, log));
}

function testOnce(name: string, provider: KeyProvider, log: Log): () => Promise<void> {
  let tested: Promise<void> | null = null;
  return () => {
    if (tested) return tested;
    const test = assertSound(name, provider, log);
    tested = test;
    test.catch((error: unknown) => {
      if (error instanceof KeyTokenFault) tested = null;
    });
    return test;
  };
}

function guarded(provider: KeyProvider, ready: () => Promise<void>): KeyProvider {
  return {
    generate: (...asked) => ready().then(() => provider.generate(...asked)),
    importKey: (...asked) => ready().then(() => provider.importKey(...asked)),
    sign: (...asked) => ready().then(() => provider.sign(...asked)),
    verify: (...asked) => ready().then(() => provider.verify(...asked)),
    encrypt: (...asked) => ready().then(() => provider.encrypt(...asked)),
    decrypt: (...asked) => ready().then(() => provider.decrypt(...asked)),
    release: (...asked) => ready().then(() => provider.release(...asked)),
    wrapNewKey: (...asked) => ready().then(() => provider.wrapNewKey(...asked)),
    rewrapKey: (...asked) => ready().then(() => provider.rewrapKey(...asked)),
    importWrapped: (...asked) => ready().then(() => provider.importWrapped(...asked)),
  };
}

/** The same for a token: what it keeps is destroyed, and its state told, however it answers. */
export function testedToken(
  name: string,
  token: TokenKeys,
  log: Log,
): TokenKeys & {
  /** Tests it now, where that has not been done. @throws KeyProviderFault, KeyTokenFault */
  ready(): Promise<void>;
} {
  const ready = testOnce(name, token, log);
  return {
    ...guarded(token, ready),
    ready,
    serial: () => token.serial(),
    destroy: (serial, placeId) => token.destroy(serial, placeId),
    mayWrap: token.mayWrap,
    // A reference is backed up without a token.
    wrapObjects: (key) => (token.mayWrap ? ready().then(() => token.wrapObjects(key)) : Promise.resolve(null)),
    unwrapObjects: (...asked) => ready().then(() => token.unwrapObjects(...asked)),
    drawBytes: (count) => token.drawBytes(count),
  };
}

async function assertSound(name: string, provider: KeyProvider, log: Log): Promise<void> {
  const wrong = (await selfTest(provider)).filter(({ fault }) => fault !== null);
  if (wrong.length === 0) return;
  const faults = wrong.map(({ algorithm, fault }) => `${algorithm}: ${fault}`);
  log.error(`The ${name} key provider failed its self-test and is not used.`, { faults });
  throw new KeyProviderFault(`The ${name} key provider failed its self-test (${faults[0]}); see the log.`);
}
