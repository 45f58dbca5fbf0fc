/** One version inside a backup. Instants as stored. */
export interface BackedUpVersion {
  readonly version: string;
  readonly sequence: number;
  readonly created: number;
  readonly updated: number;
  readonly enabled: number;
  readonly nbf: number | null;
  readonly exp: number | null;
  readonly contentType: string | null;
  readonly tags: string | null;
  readonly previousVersion: string | null;
  readonly value: string;
}

/** A secret with all its versions, oldest first. */
export interface BackedUpSecret {
  readonly name: string;
  readonly versions: readonly BackedUpVersion[];
}
