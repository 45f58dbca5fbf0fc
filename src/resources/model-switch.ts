import type { LockedOut } from '../access/move/lockout.ts';
import { foldName } from '../base/ids.ts';
import type { Call } from '../operations/operation.ts';
import { actorOf } from './lookup.ts';
import type { ResourceParts } from './parts.ts';
import { findVaultByName } from './repository.ts';
import type { Vault, VaultSettings } from './vault.ts';

/** What a switch of the permission model by hand means for those who use the vault. */
export interface ForeseenSwitch {
  readonly to: 'rbac' | 'policies';
  readonly lockedOut: readonly LockedOut[];
}

const MAX_NAMED = 10;
const MAX_RECORDED = 200;

/**
 * Tells who would lose what by the change of a vault's settings, and notes it for the audit record; null where the model stays. Asked
 * before the transaction: it looks at everybody whom policies and roles name.
 * @param settingsAfter what the request makes of the settings
 */
export async function foreseeSwitch(
  parts: ResourceParts,
  call: Call,
  settingsAfter: (settings: VaultSettings) => VaultSettings,
): Promise<ForeseenSwitch | null> {
  const vault = await findVaultByName(parts.store.reader, foldName(call.parameters['vault'] ?? ''));
  if (!vault || vault.deleted !== null) return null;
  const after = settingsAfter(vault.settings);
  const { enableRbacAuthorization: isRbac } = after;
  if (vault.settings.enableRbacAuthorization === isRbac) return null;
  const { readFacts } = await import('../access/move/facts.ts');
  const { lockedOutBySwitch } = await import('../access/move/lockout.ts');
  const facts = await readFacts(parts.store.reader, vault);
  const to = isRbac ? 'rbac' : 'policies';
  // Policies count as they are where they end, and as they will be where they begin.
  const lockedOut = lockedOutBySwitch(isRbac ? facts : { ...facts, policies: after.accessPolicies }, to);
  call.note({
    switchedTo: to,
    losesAccess: lockedOut.slice(0, MAX_RECORDED).map(lockedOutText),
    losesAccessCount: lockedOut.length,
  });
  return { to, lockedOut };
}

/** A vault as it is stored where its model was changed by hand: with who did it, and when. */
export function withSwitch(before: Vault, changed: Vault, call: Call, now: number): Vault {
  if (before.settings.enableRbacAuthorization === changed.settings.enableRbacAuthorization) return changed;
  return { ...changed, modelSwitch: { at: now, by: actorOf(call).id, isPlanned: false } };
}

/**
 * The header that warns of a switch by which somebody loses access (RFC 7234 §5.5, code 299). It is all that an answer has room
 * for: the body of a vault is the service's, and clients show nothing else of it.
 */
export function switchWarning(name: string, foreseen: ForeseenSwitch | null): Readonly<Record<string, string>> {
  if (!foreseen || foreseen.lockedOut.length === 0) return {};
  const { to, lockedOut } = foreseen;
  const named = lockedOut.slice(0, MAX_NAMED).map(lockedOutText).join('; ');
  const more = lockedOut.length > MAX_NAMED ? `; and ${lockedOut.length - MAX_NAMED} more` : '';
  const mend = `strongroom access plan --vault ${name} --to ${to} --apply`;
  return {
    warning: `299 strongroom "By this switch ${lockedOut.length} lose access: ${named}${more}. To give it back: ${mend}"`,
  };
}

function lockedOutText({ principalId, permissions }: LockedOut): string {
  return `${principalId} ${permissions.join(', ')}`;
}
