/** The version of the files an exchange is held against. */
export interface ChosenVersion {
  readonly version: string;
  /** Set where the files do not have the version that was asked for. */
  readonly note?: string;
}

/**
 * Orders the versions of either plane: 2016-10-01 came before 7.0, and 7.6 before the dated ones (contract WIRE §1).
 * A preview stands just before the version it led to.
 */
export function compareVersions(one: string, other: string): number {
  return rank(one) - rank(other);
}

function rank(version: string): number {
  const preview = version.includes('-preview') ? -0.5 : 0;
  const numbered = /^7\.(\d+)/.exec(version);
  if (numbered) return 20_170_000 + Number(numbered[1]) + preview;
  return Number(version.slice(0, 10).replaceAll('-', '')) + preview;
}

/**
 * The versions to look an operation up in, best first: the one asked for, else the next newer one that the files have, and
 * after it the others by distance.
 */
export function orderVersions(available: readonly string[], asked: string): readonly ChosenVersion[] {
  const newer = available.filter((version) => compareVersions(version, asked) > 0).sort(compareVersions);
  const older = available
    .filter((version) => compareVersions(version, asked) < 0)
    .sort((a, b) => compareVersions(b, a));
  const others = [...newer, ...older].map((version) => ({
    version,
    note: `api-version ${asked} is held against the files of ${version}`,
  }));
  return available.includes(asked) ? [{ version: asked }, ...others] : others;
}
