import type { Client } from 'acme-client';
import type { Clock } from '../../../base/ports.ts';
import { newAccountKey } from '../../../crypto/acme-keys.ts';
import type { Keyring } from '../../../crypto/keyring.ts';
import type { Store } from '../../../store/store.ts';
import type { Outgoing } from '../outgoing.ts';
import { acmeLibrary, withAuthority } from './transport.ts';

/** An account as it is kept: the key sealed, the address as the authority gave it. */
export interface AcmeAccount {
  readonly keyPem: string;
  /** Null until the authority has registered it. */
  readonly url: string | null;
}

/** Where an issuer's account is kept, whichever node uses it. */
export interface AccountPlace {
  read(): Promise<AcmeAccount | null>;
  /** Keeps it, unless another node has kept one meanwhile with another key: then that one is answered, and counts. */
  keep(account: AcmeAccount): Promise<AcmeAccount>;
}

/** Keeps accounts as sealed values of the store, each under a name of its own. */
export function sealedAccount(
  parts: { readonly store: Store; readonly keyring: Keyring; readonly clock: Clock },
  name: string,
): AccountPlace {
  const { store, keyring, clock } = parts;
  const sealed = `acme-account/${name}`;
  const parse = (value: Buffer | null) => (value === null ? null : (JSON.parse(value.toString('utf8')) as AcmeAccount));
  return {
    read: async () => parse(await keyring.readValue(store.reader, sealed)),
    keep: (account) =>
      store.write(async (transaction) => {
        const held = parse(await keyring.readValue(transaction, sealed));
        if (held && held.keyPem !== account.keyPem) return held;
        await keyring.writeValue(transaction, sealed, Buffer.from(JSON.stringify(account)), clock.now());
        return account;
      }),
  };
}

/** How an account is registered. */
export interface AccountTerms {
  readonly directoryUrl: string;
  /** `mailto:` addresses that the authority writes to. */
  readonly contacts: readonly string[];
  /** External account binding (RFC 8555 §7.3.4); null where the authority asks for none. */
  readonly binding: { readonly keyId: string; readonly hmacKey: string } | null;
}

/**
 * A client of the registered account, which it registers with the first call. The key is kept before the authority hears of
 * it: an account whose answer was lost is found again by its key (RFC 8555 §7.3.1).
 * @throws AcmeRefusal, IssuerFault
 */
export async function accountClient(place: AccountPlace, terms: AccountTerms, outgoing: Outgoing): Promise<Client> {
  const held = (await place.read()) ?? (await place.keep({ keyPem: newAccountKey(), url: null }));
  const client = await clientOf(held, terms);
  if (held.url !== null) return client;
  await withAuthority(outgoing, () =>
    client.createAccount({ termsOfServiceAgreed: true, contact: [...terms.contacts] }),
  );
  await place.keep({ keyPem: held.keyPem, url: client.getAccountUrl() });
  return client;
}

async function clientOf(account: AcmeAccount, terms: AccountTerms): Promise<Client> {
  const library = await acmeLibrary();
  const { directoryUrl, binding } = terms;
  return new library.Client({
    directoryUrl,
    accountKey: account.keyPem,
    ...(account.url !== null && { accountUrl: account.url }),
    ...(binding && { externalAccountBinding: { kid: binding.keyId, hmacKey: binding.hmacKey } }),
  });
}
