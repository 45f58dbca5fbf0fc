import type { Log, Random } from './base/ports.ts';
import type { Config } from './config.ts';
import type { KeyProviders } from './crypto/key-provider.ts';
import type { Token } from './crypto/pkcs11/token.ts';
import { SoftwareProvider } from './crypto/software/provider.ts';
import { testedProvider, testedToken } from './crypto/tested-provider.ts';

/** The key providers of a server, and the token behind one of them. */
export interface OpenProviders extends KeyProviders {
  /** Null where none is configured. */
  readonly device: Token | null;
}

/** How often a token is looked at that nobody uses, in milliseconds. */
const LOOK_MS = 60_000;

/** The token that the configuration names; it is connected when it is asked first. Null where none is named. */
export async function openDevice({ pkcs11 }: Pick<Config, 'pkcs11'>, log: Log): Promise<Token | null> {
  if (!pkcs11) return null;
  const { Token: Device } = await import('./crypto/pkcs11/token.ts');
  return new Device(pkcs11, log);
}

/** Looks once a minute whether the token is there. @returns what ends that */
export function watchDevice(device: Token | null): () => void {
  if (!device) return () => {};
  const timer = setInterval(() => void device.look(), LOOK_MS).unref();
  return () => clearInterval(timer);
}

/**
 * Opens the key providers. A token is tried at once, so that one that is missing or answers wrongly is in the log at the start and not at the
 * first use; nobody waits for it.
 */
export async function openProviders(device: Token | null, random: Random, log: Log): Promise<OpenProviders> {
  const software = testedProvider('software', new SoftwareProvider(random), log);
  if (!device) return { software, token: null, device };
  const { TokenProvider } = await import('./crypto/pkcs11/provider.ts');
  const tested = testedToken('token', new TokenProvider(device, random, log), log);
  // What is wrong with it is in the log already.
  tested.ready().catch(() => {});
  return { software, token: tested, device };
}
