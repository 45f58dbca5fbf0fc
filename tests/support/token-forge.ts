import { join } from 'node:path';
import { systemClock, systemRandom } from '../../src/base/system.ts';
import { Keyring } from '../../src/crypto/keyring.ts';
import { openKeyFile } from '../../src/crypto/seal.ts';
import { SigningKeys } from '../../src/identity/signing-keys.ts';
import { issueAccessToken } from '../../src/identity/tokens.ts';
import { storeOver } from '../../src/store/store.ts';
import type { TestServer } from './server.ts';
import { driverOf } from './server-data.ts';

/** What a forged token says; what is left out is as the server would have it. */
export interface Forgery {
  readonly resource: string;
  readonly oid: string;
  readonly appId: string;
  readonly tenantId?: string;
  readonly lifetimeSeconds?: number;
  /** When it was issued, milliseconds since the Unix epoch. */
  readonly now?: number;
}

/** Signs tokens with a server's own key, read with its seal: times and tenants that the server itself would not issue. */
export async function forgeToken(server: TestServer, forgery: Forgery): Promise<string> {
  const random = systemRandom();
  const now = systemClock.now();
  const store = await storeOver(await driverOf(server.dataDir));
  try {
    const keyring = await Keyring.open(store, openKeyFile(join(server.dataDir, 'seal.key'), random), random, now);
    const signingKeys = await SigningKeys.open({ store, keyring, clock: systemClock });
    const tenantId = forgery.tenantId ?? server.tenantId;
    const order = { appIdAcr: '1', lifetimeSeconds: 3599, now, ...forgery } as const;
    const { token } = await issueAccessToken({ signingKeys, random, domain: server.domain, tenantId }, order);
    return token;
  } finally {
    await store.close();
  }
}
