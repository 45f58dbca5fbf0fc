/** What a version of a key or secret is that a certificate rules. Instants are whole seconds since the Unix epoch. */
export interface ManagedVersion {
  readonly name: string;
  /** The same as the certificate's. */
  readonly version: string;
  readonly enabled: boolean;
  readonly nbf: number | null;
  readonly exp: number | null;
  /** JSON of the tags, or null. */
  readonly tags: string | null;
  /** Whether it becomes the current one at once; else {@link ManagedVersion} waits for the certificate to be issued. */
  readonly isCurrent: boolean;
  /** Milliseconds since the Unix epoch. */
  readonly time: number;
}

/** Which version of a managed name is meant. */
export interface ManagedName {
  readonly vaultId: string;
  readonly nameKey: string;
  readonly version: string;
}
