import type { Random } from '../base/ports.ts';
import { fromBase64Url, toBase64Url } from '../base/text.ts';
import { EnvelopeFault, envelopeKeyId, openEnvelope, sealEnvelope } from '../crypto/envelope.ts';
import type { Keyring } from '../crypto/keyring.ts';
import { Refusal } from '../refusals/refusal.ts';
import type { Vault } from '../resources/vault.ts';

/** The kinds of object that can be backed up one by one. */
export type BackupKind = 'secret' | 'key' | 'certificate';

/**
 * Seals an object into an opaque blob, base64url. Its key is derived for the subscription and location of the vault: it
 * opens in no other (Key Vault backup documentation), and its binding says which kind of object it is.
 */
export function sealBackup(keyring: Keyring, random: Random, vault: Vault, kind: BackupKind, object: object): string {
  const plain = Buffer.from(JSON.stringify(object));
  const key = keyring.purposeKey('backup-blobs', place(vault));
  return toBase64Url(sealEnvelope(key, binding(vault, kind), plain, random));
}

/**
 * Opens a blob. What it holds was written by {@link sealBackup} for the same kind.
 * @throws Refusal `backup-unreadable` where it is damaged, of another kind, or of another subscription or location
 */
export function openBackup<Stored>(keyring: Keyring, vault: Vault, kind: BackupKind, blob: unknown): Stored {
  if (typeof blob !== 'string')
    throw new Refusal('property-invalid', { property: 'value', reason: 'it must be a string' });
  const bytes = fromBase64Url(blob.replace(/=+$/, ''));
  try {
    if (!bytes) throw new EnvelopeFault('The blob is not base64url.');
    const key = keyring.purposeKey('backup-blobs', place(vault), envelopeKeyId(bytes));
    return JSON.parse(openEnvelope(key, binding(vault, kind), bytes).toString('utf8')) as Stored;
  } catch (error) {
    if (!(error instanceof EnvelopeFault)) throw error;
    throw new Refusal('backup-unreadable', { vault: vault.name }, { cause: error });
  }
}

function place(vault: Vault): string {
  return `${vault.subscriptionId}/${vault.location}`;
}

function binding(vault: Vault, kind: BackupKind): readonly string[] {
  return ['backup', kind, vault.subscriptionId, vault.location];
}
