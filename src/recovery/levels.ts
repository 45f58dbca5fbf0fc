import { DAY } from '../base/text.ts';
import type { VaultSettings } from '../resources/vault.ts';

/** The longest and default retention of deleted vaults and objects, in days (Key Vault soft-delete overview). */
export const MAX_RETENTION_DAYS = 90;

/** How a deleted object of the vault can come back and go away for good, as the wire names it (`attributes.recoveryLevel`). */
export function recoveryLevel(settings: VaultSettings): string {
  const prefix = settings.softDeleteRetentionInDays < MAX_RETENTION_DAYS ? 'CustomizedRecoverable' : 'Recoverable';
  return settings.enablePurgeProtection ? prefix : `${prefix}+Purgeable`;
}

/** When what is deleted at `now` will be purged, in milliseconds since the Unix epoch. */
export function purgeInstant(settings: VaultSettings, now: number): number {
  return now + settings.softDeleteRetentionInDays * DAY;
}
