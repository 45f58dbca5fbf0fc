import type { Log } from '../base/ports.ts';
import { type KeyProvider, KeyProviderFault } from './key-provider.ts';
import { selfTest } from './self-test.ts';

/**
 * A provider that is asked what is known before it is used for the first time. One wrong answer, and it is not used at all until
 * the next start: whoever needs a key is told, and the log says which answer was wrong.
 */
export function testedProvider(name: string, provider: KeyProvider, log: Log): KeyProvider {
  let tested: Promise<void> | null = null;
  const ready = () => {
    tested ??= assertSound(name, provider, log);
    return tested;
  };
  return {
    generate: (spec) => ready().then(() => provider.generate(spec)),
    importKey: (jwk) => ready().then(() => provider.importKey(jwk)),
    sign: (...asked) => ready().then(() => provider.sign(...asked)),
    verify: (...asked) => ready().then(() => provider.verify(...asked)),
    encrypt: (...asked) => ready().then(() => provider.encrypt(...asked)),
    decrypt: (...asked) => ready().then(() => provider.decrypt(...asked)),
    release: (...asked) => ready().then(() => provider.release(...asked)),
    importWrapped: (...asked) => ready().then(() => provider.importWrapped(...asked)),
  };
}

async function assertSound(name: string, provider: KeyProvider, log: Log): Promise<void> {
  const wrong = (await selfTest(provider)).filter(({ fault }) => fault !== null);
  if (wrong.length === 0) return;
  const faults = wrong.map(({ algorithm, fault }) => `${algorithm}: ${fault}`);
  log.error(`The ${name} key provider failed its self-test and is not used.`, { faults });
  throw new KeyProviderFault(`The ${name} key provider failed its self-test (${faults[0]}); see the log.`);
}
