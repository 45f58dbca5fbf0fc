import type { Random } from '../base/ports.ts';
import { fromBase64Url, toBase64Url } from '../base/text.ts';
import { EnvelopeFault, envelopeKeyId, openEnvelope, sealEnvelope } from '../crypto/envelope.ts';
import type { Keyring } from '../crypto/keyring.ts';
import { Refusal } from '../refusals/refusal.ts';
import type { Vault } from '../resources/vault.ts';

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

/**
 * Seals a secret into an opaque blob, base64url. Its key is derived for the subscription and location of the vault: it
 * opens in no other (Key Vault backup documentation), and its binding says that it is a secret.
 */
export function sealBackup(keyring: Keyring, random: Random, vault: Vault, secret: BackedUpSecret): string {
  const plain = Buffer.from(JSON.stringify(secret));
  return toBase64Url(sealEnvelope(keyring.purposeKey('backup-blobs', place(vault)), binding(vault), plain, random));
}

/**
 * Opens a blob.
 * @throws Refusal `backup-unreadable` where it is damaged, of another kind, or of another subscription or location
 */
export function openBackup(keyring: Keyring, vault: Vault, blob: unknown): BackedUpSecret {
  if (typeof blob !== 'string')
    throw new Refusal('property-invalid', { property: 'value', reason: 'it must be a string' });
  const bytes = fromBase64Url(blob.replace(/=+$/, ''));
  try {
    if (!bytes) throw new EnvelopeFault('The blob is not base64url.');
    const key = keyring.purposeKey('backup-blobs', place(vault), envelopeKeyId(bytes));
    return JSON.parse(openEnvelope(key, binding(vault), bytes).toString('utf8')) as BackedUpSecret;
  } catch (error) {
    if (!(error instanceof EnvelopeFault)) throw error;
    throw new Refusal('backup-unreadable', { vault: vault.name }, { cause: error });
  }
}

function place(vault: Vault): string {
  return `${vault.subscriptionId}/${vault.location}`;
}

function binding(vault: Vault): readonly string[] {
  return ['backup', 'secret', vault.subscriptionId, vault.location];
}
