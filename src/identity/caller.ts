/** Who makes a request, as its verified token and the directory say. */
export interface Caller {
  /** Object id of the principal. */
  readonly oid: string;
  readonly tenantId: string;
  readonly kind: 'ServicePrincipal' | 'User';
  /** The application the token was issued to. */
  readonly appId: string;
  /** `0` public client, `1` secret, `2` certificate or federated. */
  readonly appIdAcr: string;
  readonly displayName: string;
  readonly issuer: string;
  readonly upn: string | null;
  /** Resource id of the managed identity, or null. */
  readonly managedIdentity: string | null;
  /** Delegated scopes, e.g. `user_impersonation`; null for an application's own token. */
  readonly scopes: string | null;
  /** Everything a grant may name that reaches this caller: the object id, and the groups it is in, also through groups. */
  readonly principalIds: readonly string[];
  readonly directoryRole: string | null;
  /** Who it is by the word of the issuer outside whose token was brought; not set for our own tokens. */
  readonly outsideSubject?: string;
  /** Milliseconds since the Unix epoch at which the token ends. */
  readonly expires: number;
  /** The token's `uti`/`jti`: an id for the audit log, of no use to anyone else. */
  readonly tokenId: string;
}

/** What reading an Authorization header gave. */
export type Authentication =
  | { readonly caller: Caller }
  | {
      /** A code of the refusal catalogue. */
      readonly refusal:
        | 'token-missing'
        | 'token-malformed'
        | 'token-signature'
        | 'token-issuer'
        | 'token-tenant'
        | 'token-audience'
        | 'token-expired'
        | 'token-not-yet-valid'
        | 'principal-unknown'
        | 'principal-disabled'
        | 'token-credential-removed'
        | 'token-host-removed'
        | 'outside-token-malformed'
        | 'outside-token-signature'
        | 'outside-token-audience'
        | 'outside-token-time'
        | 'outside-subject-unknown'
        | 'outside-keys-unavailable';
      readonly facts: Readonly<Record<string, string | number | boolean | null | readonly string[]>>;
    };
