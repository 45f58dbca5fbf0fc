import type { Log, Random } from './base/ports.ts';
import type { Config } from './config.ts';
import type { KeyProviders } from './crypto/key-provider.ts';
import type { Token } from './crypto/pkcs11/token.ts';
import { SoftwareProvider } from './crypto/software/provider.ts';
import { testedProvider, testedToken } from './crypto/tested-provider.ts';

/** The key providers of a server, and the token behind one of them. */
export interface OpenProviders extends KeyProviders {
  /** Null where none is configured; kept by who opened it, and closed. */
  readonly device: Token | null;
}

/**
 * Opens the key providers. A token is tried at once, so that one that is missing or answers wrongly is in the log at the start and not at the
 * first use; nobody waits for it.
 */
export async function openProviders(
  { pkcs11 }: Pick<Config, 'pkcs11'>,
  random: Random,
  log: Log,
): Promise<OpenProviders> {
  const software = testedProvider('software', new SoftwareProvider(random), log);
  if (!pkcs11) return { software, token: null, device: null };
  const [{ Token: Device }, { TokenProvider }] = await Promise.all([
    import('./crypto/pkcs11/token.ts'),
    import('./crypto/pkcs11/provider.ts'),
  ]);
  const device = new Device(pkcs11, log);
  const tested = testedToken('token', new TokenProvider(device, random, log), log);
  // What is wrong with it is in the log already.
  tested.ready().catch(() => {});
  return { software, token: tested, device };
}
