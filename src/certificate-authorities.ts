import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Clock, Log, Random } from './base/ports.ts';
import { IssuerSettingFault, Issuers } from './certificates/issuers/registry.ts';
import { noticeMail } from './certificates/notice-mail.ts';
import type { IssuerFor, Notify } from './certificates/parts.ts';
import type { Config } from './config.ts';
import type { KeyProviders } from './crypto/key-provider.ts';
import type { Keyring } from './crypto/keyring.ts';
import { type Listener, listen, requestLimits } from './http/listen.ts';
import { serverKey } from './keys/server-key.ts';
import { queueMail } from './notify/mail-queue.ts';
import { createVaultDirectory } from './resources/vault-directory.ts';
import type { Store } from './store/store.ts';

/** What the authorities behind certificates are joined from. */
export interface AuthoritiesParts {
  readonly config: Config;
  readonly store: Store;
  readonly keyring: Keyring;
  readonly clock: Clock;
  readonly random: Random;
  readonly providers: KeyProviders;
  readonly log: Log;
}

/** Nobody has business with more, or longer. */
const LIMITS = {
  ...requestLimits,
  maxHeaderSize: 8192,
  requestTimeout: 5000,
  headersTimeout: 5000,
  keepAliveTimeout: 5000,
};

/** The issuers of the configuration's authorities; those of the vaults' own find their keys in live vaults. */
export function certificateIssuers(parts: AuthoritiesParts): Issuers {
  const vaults = createVaultDirectory(parts.store);
  return new Issuers(
    {
      ...parts,
      findKey: async (setting, version) => {
        const vault = await vaults.find(setting.vault);
        if (!vault || vault.deleted !== null) return null;
        const found = await serverKey(parts, vault.id, setting.key, version);
        return found && { vaultId: vault.id, ...found };
      },
    },
    parts.config.certificateAuthorities,
  );
}

/** Listens for questions about revocation, plain HTTP; null where the configuration names no port. */
export async function listenForRevocation(parts: AuthoritiesParts, issuers: Issuers): Promise<Listener | null> {
  const { revocationPort, revocationAddresses } = parts.config;
  if (revocationPort === null) return null;
  const authorities = [...(await issuers.ownAuthorities()).values()];
  const { revocationResponder } = await import('./certificates/issuers/authority/responder.ts');
  const handler: (request: IncomingMessage, response: ServerResponse) => void = revocationResponder({
    ...parts,
    authorities,
  });
  return listen(handler, revocationAddresses, revocationPort, null, LIMITS);
}

/** What the certificates room is told of what is around it: the authorities, and the way to people. */
export function certificateRoom(
  { config, random }: Pick<AuthoritiesParts, 'config' | 'random'>,
  issuers: Issuers,
): { readonly issuerFor: IssuerFor; readonly notify: Notify } {
  return {
    issuerFor: async (account) => {
      try {
        return await issuers.issuerFor(account);
      } catch (error) {
        // It becomes a part of a sentence that ends by itself.
        if (error instanceof IssuerSettingFault) return { reason: error.message.replace(/\.$/, '') };
        throw error;
      }
    },
    notify: async (transaction, notice) => {
      if (!config.mail || notice.contacts.length === 0) return [];
      const message = { to: notice.contacts.map(({ email }) => email), ...noticeMail(notice) };
      return queueMail(transaction, { random }, message, notice.time);
    },
  };
}
