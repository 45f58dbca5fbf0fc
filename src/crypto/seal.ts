import { createSecretKey } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { writeNewFile } from '../base/files.ts';
import type { Random } from '../base/ports.ts';
import { fromBase64Url, toBase64Url } from '../base/text.ts';
import { EnvelopeFault, openEnvelope, sealEnvelope } from './envelope.ts';

/** What can be wrong with a seal. */
export type SealFaultCode =
  | 'seal-missing'
  | 'seal-unreadable'
  | 'seal-exists'
  | 'seal-wrong'
  | 'seal-unavailable'
  | 'seal-token-absent'
  | 'seal-passphrase-weak'
  | 'seal-split-invalid'
  | 'seal-share-mistyped'
  | 'seal-share-foreign'
  | 'seal-share-repeated'
  | 'seal-attempts'
  | 'seal-changed'
  | 'seal-order-invalid';

/** A fault of the seal, told to the operator at start. */
export class SealFault extends Error {
  readonly code: SealFaultCode;
  constructor(code: SealFaultCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'SealFault';
    this.code = code;
  }
}

/** What stands between the data at rest and whoever holds the disk: it wraps the root keys. */
export interface Seal {
  /** Stable name of the mechanism, e.g. `key-file`; stored beside what it wrapped. */
  readonly kind: string;
  /**
   * JSON, stored beside what it wrapped: which secret of that kind it takes, and how. Nothing secret. Two seals of one installation are the
   * same if and only if their descriptions are.
   */
  readonly description?: string;
  wrap(rootKeyId: string, rootKey: Uint8Array): Promise<Buffer>;
  /** @throws SealFault `seal-wrong` where this seal did not wrap it */
  unwrap(rootKeyId: string, wrapped: Uint8Array): Promise<Buffer>;
}

interface KeyFile {
  readonly kind: 'strongroom-seal-key';
  readonly id: string;
  readonly key: string;
}

/**
 * Makes a key file of mode 0600 with 32 random bytes.
 * @throws SealFault `seal-exists`: an existing file is never replaced
 */
export function createKeyFile(path: string, random: Random): void {
  const content: KeyFile = {
    kind: 'strongroom-seal-key',
    id: random.bytes(16).toString('hex'),
    key: toBase64Url(random.bytes(32)),
  };
  try {
    writeNewFile(path, `${JSON.stringify(content, null, 2)}\n`, 0o600);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    throw new SealFault('seal-exists', `The seal key ${path} exists already and is left as it is.`);
  }
}

/**
 * The seal whose key is in a file.
 * @throws SealFault `seal-missing` or `seal-unreadable`
 */
export function openKeyFile(path: string, random: Random): Seal {
  const { id, key } = readKeyFile(path);
  const envelopeKey = { id, key: createSecretKey(Buffer.from(key, 'base64url')) };
  return {
    kind: 'key-file',
    description: JSON.stringify({ format: 1, kind: 'key-file', id }),
    wrap: async (rootKeyId, rootKey) => sealEnvelope(envelopeKey, ['root-key', rootKeyId], rootKey, random),
    unwrap: async (rootKeyId, wrapped) => {
      try {
        return openEnvelope(envelopeKey, ['root-key', rootKeyId], wrapped);
      } catch (error) {
        if (!(error instanceof EnvelopeFault)) throw error;
        throw new SealFault(
          'seal-wrong',
          `The seal key ${path} does not open this data: it belongs to another installation, or one of the two is damaged. ` +
            'Nothing was changed. Put back the seal key that was made with this data.',
          { cause: error },
        );
      }
    },
  };
}

function readKeyFile(path: string): KeyFile {
  if (!existsSync(path)) {
    throw new SealFault(
      'seal-missing',
      `The seal key ${path} is missing. Without it nothing in this data directory can be decrypted. ` +
        'Put it back from where you keep it; a new one would not help.',
    );
  }
  let content: Partial<KeyFile>;
  try {
    content = (JSON.parse(readFileSync(path, 'utf8')) ?? {}) as Partial<KeyFile>;
  } catch (error) {
    const reason = error instanceof SyntaxError ? 'it is not JSON' : (error as Error).message;
    throw new SealFault('seal-unreadable', `The seal key ${path} cannot be read: ${reason}.`);
  }
  const key = typeof content.key === 'string' ? fromBase64Url(content.key) : null;
  if (content.kind !== 'strongroom-seal-key' || !/^[0-9a-f]{32}$/.test(content.id ?? '') || key?.length !== 32) {
    throw new SealFault('seal-unreadable', `The file ${path} is not a seal key of Strongroom.`);
  }
  return content as KeyFile;
}
