import { createSecretKey } from 'node:crypto';
import type { Random } from '../../base/ports.ts';
import { EnvelopeFault, openEnvelope, sealEnvelope } from '../envelope.ts';
import { type Seal, SealFault } from '../seal.ts';

/** What a seal that wraps under a 256-bit key is made of. */
export interface KeySealOrder {
  readonly kind: string;
  /** 32 hexadecimal digits; what was wrapped names it. */
  readonly id: string;
  /** 32 bytes; overwritten with zeros once the seal has them. */
  readonly key: Buffer;
  readonly description: string;
  /** What the operator is told where the key is not the one. */
  readonly wrong: string;
}

/** A seal that wraps root keys under a 256-bit key, wherever that came from (AES-256-GCM, bound to the root key's id). */
export function keySeal({ kind, id, key, description, wrong }: KeySealOrder, random: Random): Seal {
  const envelopeKey = { id, key: createSecretKey(key) };
  key.fill(0);
  return {
    kind,
    description,
    wrap: async (rootKeyId, rootKey) => sealEnvelope(envelopeKey, ['root-key', rootKeyId], rootKey, random),
    unwrap: async (rootKeyId, wrapped) => {
      try {
        return openEnvelope(envelopeKey, ['root-key', rootKeyId], wrapped);
      } catch (error) {
        if (!(error instanceof EnvelopeFault)) throw error;
        throw new SealFault('seal-wrong', wrong, { cause: error });
      }
    },
  };
}
