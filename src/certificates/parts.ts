import type { Random } from '../base/ports.ts';
import type { KeyProviders } from '../crypto/key-provider.ts';
import type { Keyring } from '../crypto/keyring.ts';
import type { ObjectParts } from '../objects/lifecycle.ts';
import type { Vault } from '../resources/vault.ts';
import type { Transaction } from '../store/port.ts';
import type { Issuer } from './issuers/issuer.ts';

/** An account at an authority, with its credentials opened: never kept, never logged. */
export interface IssuerAccount {
  /** Unique and lasting: what an authority keeps for this account alone is kept under it. */
  readonly id: string;
  readonly vault: Vault;
  readonly name: string;
  readonly provider: string;
  readonly accountId: string | null;
  readonly password: string | null;
  readonly organizationId: string | null;
}

/** Why no authority can be asked for an account: no provider of that name is set up here, or its settings do not fit. No credential in it. */
export interface UnusableIssuer {
  readonly reason: string;
}

/** The authority of an account, or why there is none. */
export type IssuerFor = (account: IssuerAccount) => Promise<Issuer | UnusableIssuer>;

/** Whom a vault's certificates concern. */
export interface Contact {
  readonly email: string;
  readonly name?: string;
  readonly phone?: string;
}

/** What contacts are told. Instants in milliseconds since the Unix epoch. */
export interface Notice {
  readonly kind:
    | 'near-expiry'
    | 'expired'
    | 'renewal-hindered'
    | 'renewal-failed'
    | 'issuer-failing'
    | 'issuer-recovered';
  readonly vault: Vault;
  /** The certificate's name, or `issuers/` and an issuer's. */
  readonly certificate: string;
  /** Until when the current version is valid; null where there is none. */
  readonly expires: number | null;
  /** Why it does not get on; the empty text where nothing is wrong. No secret in it. */
  readonly reason: string;
  readonly contacts: readonly Contact[];
  readonly time: number;
}

/**
 * Tells contacts, in the transaction of what it tells: neither is ever without the other. Whoever does it keeps what could not be sent.
 * @returns whom it cannot tell
 */
export type Notify = (transaction: Transaction, notice: Notice) => Promise<readonly string[]>;

/** What the certificates room needs. */
export interface CertificateParts extends ObjectParts {
  readonly keyring: Keyring;
  readonly random: Random;
  readonly providers: KeyProviders;
  readonly issuerFor: IssuerFor;
}
