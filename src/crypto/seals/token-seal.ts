import type { Random } from '../../base/ports.ts';
import { equalBytes } from '../../base/text.ts';
import { KeyInputFault, KeyObjectFault, KeyTokenFault, KeyUnsupportedFault } from '../key-provider.ts';
import { aesUse } from '../pkcs11/mechanisms.ts';
import type { Token } from '../pkcs11/token.ts';
import { type Seal, SealFault } from '../seal.ts';
import type { TokenDescription } from './description.ts';

/** What the seal asks of a token. */
export type SealToken = Pick<Token, 'facts' | 'ask'>;

/** Format 1: format (1 byte), the key's id (16 bytes), nonce (12), ciphertext, tag (16). AES-256-GCM (NIST SP 800-38D) by the token. */
const FORMAT = 1;
const ID_BYTES = 16;
const NONCE_BYTES = 12;
const HEADER_BYTES = 1 + ID_BYTES + NONCE_BYTES;
const TAG_BYTES = 16;
/** Room for what tokens may add to an answer. */
const SLACK_BYTES = 64;

/** The label of a seal's key in the token, for people who look into it. */
export function sealKeyLabel({ id }: Pick<TokenDescription, 'id'>): string {
  return `strongroom/seal/${id}`;
}

/**
 * A new seal under an AES-256 key that is made in the token, sensitive and never extractable, and tried before anything rests on it.
 * @throws SealFault `seal-token-absent`; `seal-unavailable` where the token cannot do this
 */
export async function newTokenSeal(token: SealToken, random: Random): Promise<Seal> {
  const id = random.bytes(ID_BYTES).toString('hex');
  const { serial } = await asked(token, null, () => token.facts());
  const description: TokenDescription = { format: 1, kind: 'pkcs11', id, serial };
  await asked(token, null, () => token.ask<'make-seal-key'>({ op: 'make-seal-key', id, label: sealKeyLabel({ id }) }));
  const seal = openTokenSeal(description, token, random);
  try {
    await seal.wrap('trial', random.bytes(32));
  } catch (error) {
    // Nothing was ever wrapped by it.
    await token.ask<'destroy'>({ op: 'destroy', id }).catch(() => {});
    throw error;
  }
  return seal;
}

/** The seal whose key is in the token; whether token and key are there shows when it is used. */
export function openTokenSeal(description: TokenDescription, token: SealToken, random: Random): Seal {
  const object = { kind: 'aes', id: description.id } as const;
  const keyId = Buffer.from(description.id, 'hex');
  const use = async (direction: 'in' | 'out', iv: Buffer, rootKeyId: string, input: Buffer): Promise<Buffer> => {
    const aad = Buffer.from(`strongroom/root-key/${description.id}/${rootKeyId}`);
    const outputBytes = input.length + SLACK_BYTES;
    const request = { op: 'use', object, input, outputBytes, ...aesUse('gcm', direction, { iv, aad }) } as const;
    return Buffer.from(await asked(token, description, () => token.ask<'use'>(request)));
  };
  const unwrap = async (rootKeyId: string, wrapped: Uint8Array): Promise<Buffer> => {
    const bytes = Buffer.from(wrapped);
    const isWhole = bytes.length > HEADER_BYTES + TAG_BYTES && bytes[0] === FORMAT;
    if (!isWhole || !bytes.subarray(1, 1 + ID_BYTES).equals(keyId)) throw wrong(description);
    return use('out', bytes.subarray(1 + ID_BYTES, HEADER_BYTES), rootKeyId, bytes.subarray(HEADER_BYTES));
  };
  return {
    kind: 'pkcs11',
    description: JSON.stringify(description),
    wrap: async (rootKeyId, rootKey) => {
      const nonce = random.bytes(NONCE_BYTES);
      const sealed = await use('in', nonce, rootKeyId, Buffer.from(rootKey));
      const wrapped = Buffer.concat([Buffer.of(FORMAT), keyId, nonce, sealed]);
      // A token that answers wrongly once would cost all data.
      const again = await unwrap(rootKeyId, wrapped);
      const isRight = equalBytes(again, Buffer.from(rootKey));
      again.fill(0);
      if (isRight) return wrapped;
      throw new SealFault('seal-unavailable', 'The token does not open what it sealed. It was not used.');
    },
    unwrap,
  };
}

function wrong({ id }: TokenDescription, cause?: unknown): SealFault {
  const message =
    `The key ${sealKeyLabel({ id })} of the token does not open this data: one of the two is damaged, or of another installation. ` +
    'Nothing was changed.';
  return new SealFault('seal-wrong', message, { cause });
}

/** @param description the seal that the token is asked for; null while it is made */
async function asked<T>(token: SealToken, description: TokenDescription | null, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    if (cause instanceof KeyObjectFault && description) {
      throw new SealFault('seal-token-absent', await missing(token, description), { cause });
    }
    if (cause instanceof KeyTokenFault) {
      const message = `The token of the seal cannot be used: ${cause.message}`;
      throw new SealFault('seal-token-absent', message, { cause });
    }
    if (cause instanceof KeyUnsupportedFault) {
      throw new SealFault('seal-unavailable', `The token cannot be a seal: ${cause.message}`, { cause });
    }
    if (cause instanceof KeyInputFault && description) throw wrong(description, cause);
    throw cause;
  }
}

/** A token that was cloned has another serial number and the same key, so the number explains and does not decide. */
async function missing(token: SealToken, description: TokenDescription): Promise<string> {
  const label = sealKeyLabel(description);
  const { serial } = await token.facts().catch(() => description);
  return serial === description.serial
    ? `The token ${serial} has no key ${label}: it was removed. Without it nothing here can be decrypted. Bring it back from the token's own ` +
        'backup; a new one would not help. Nothing was changed.'
    : `The token ${serial} is not the one of the seal: the key ${label} is in the token ${description.serial}. Put that one back, or name it ` +
        'in the setting pkcs11. Nothing was changed.';
}
