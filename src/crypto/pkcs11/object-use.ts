import type { Log, Random } from '../../base/ports.ts';
import type { CipherAlgorithm, SignatureAlgorithm } from '../algorithms.ts';
import { KeyProviderFault, type KeySpec, KeyUnsupportedFault, type PublicMembers } from '../key-provider.ts';
import { LibCrypto } from '../software/libcrypto.ts';
import type { SoftwareProvider } from '../software/provider.ts';
import { type TokenReference, writeTokenReference } from '../token-reference.ts';
import { doesNotFit, outputOf, pairAlgorithm } from './key-shapes.ts';
import { type aesUse, rsaDecryption, signing } from './mechanisms.ts';
import type { ObjectKind } from './messages.ts';
import type { Token } from './token.ts';

/** What is asked of a token. */
export type TokenAccess = Pick<Token, 'facts' | 'ask' | 'destroy' | 'state' | 'backupKey'>;

/** Room for what tokens may add to an answer. */
const SLACK_BYTES = 64;

/** The objects of a token in use, by what they are found by. Nothing of the vault's is known here. */
export class ObjectUse {
  readonly #token: TokenAccess;
  readonly #random: Random;
  readonly #log: Log;
  readonly #software: SoftwareProvider;
  /** Hash functions over which the token has no OAEP of its own. */
  readonly #bareOaep = new Set<string>();

  constructor(token: TokenAccess, random: Random, log: Log, software: SoftwareProvider) {
    this.#token = token;
    this.#random = random;
    this.#log = log;
    this.#software = software;
  }

  async sign({ id }: TokenReference, spec: KeySpec, algorithm: SignatureAlgorithm, digest: Buffer): Promise<Buffer> {
    const { mechanism, input } = signing(algorithm, digest);
    const kind: ObjectKind = algorithm.family === 'oct' ? 'mac' : 'private';
    const outputBytes = outputOf(spec);
    if (spec.family === 'RSA' && input.length > outputBytes - 11 && mechanism.name === 'CKM_RSA_PKCS')
      throw doesNotFit();
    return Buffer.from(
      await this.#token.ask<'use'>({ op: 'use', use: 'sign', object: { kind, id }, mechanism, input, outputBytes }),
    );
  }

  async aes({ id }: TokenReference, { use, mechanism }: ReturnType<typeof aesUse>, input: Buffer): Promise<Buffer> {
    const object = { kind: 'aes', id } as const;
    const outputBytes = input.length + SLACK_BYTES;
    return Buffer.from(await this.#token.ask<'use'>({ op: 'use', use, object, mechanism, input, outputBytes }));
  }

  async decryptRsa(
    reference: TokenReference,
    spec: KeySpec,
    algorithm: CipherAlgorithm,
    input: Buffer,
  ): Promise<Buffer> {
    const outputBytes = outputOf(spec);
    if (input.length !== outputBytes) throw doesNotFit();
    const ask = async (name: { readonly mechanism: ReturnType<typeof rsaDecryption> }) => {
      const object = { kind: 'private', id: reference.id } as const;
      return Buffer.from(
        await this.#token.ask<'use'>({ op: 'use', use: 'decrypt', object, ...name, input, outputBytes }),
      );
    };
    const digest = algorithm.mode === 'oaep' ? algorithm.digest! : null;
    if (digest === null || !this.#bareOaep.has(digest)) {
      try {
        return await ask({ mechanism: rsaDecryption(algorithm) });
      } catch (error) {
        if (!(error instanceof KeyUnsupportedFault) || digest === null) throw error;
        this.#bareOaep.add(digest);
      }
    }
    // Many tokens have OAEP over SHA-1 alone. What they decrypt bare is unpadded by OpenSSL's own code, in constant time.
    const block = await ask({ mechanism: { name: 'CKM_RSA_X_509' } });
    const padded = Buffer.concat([Buffer.alloc(outputBytes - block.length), block]);
    const opened = (await LibCrypto.load()).openOaep(padded, digest!);
    padded.fill(0);
    block.fill(0);
    if (!opened) throw doesNotFit();
    return opened;
  }

  /** A pair that was just made signs once: a public half of another key would be found out when it is too late. */
  async assertPair(spec: KeySpec, publicMembers: PublicMembers, reference: TokenReference): Promise<void> {
    await this.pairOf(spec, [publicMembers], reference);
  }

  /** The one of several public halves by which the private one is told. @throws KeyProviderFault where it is none of them */
  async pairOf<Half extends PublicMembers>(
    spec: KeySpec,
    halves: readonly Half[],
    reference: TokenReference,
  ): Promise<Half> {
    const algorithm = pairAlgorithm(spec);
    const digest = this.#random.bytes(algorithm.digestBytes!);
    const signature = await this.sign(reference, spec, algorithm, digest);
    for (const [index, publicMembers] of halves.entries()) {
      const open = async () => writeTokenReference(reference);
      const key = { id: `pair/${reference.id}/${index}`, spec, publicMembers, open };
      if (await this.#software.verify(key, algorithm, digest, signature)) return publicMembers;
    }
    throw this.wrong('a public half that does not belong to the private one');
  }

  /** What is thrown where the token does not do what it should; the log says so. */
  wrong(what: string): KeyProviderFault {
    this.#log.error(`The key token gave ${what}. Look at it before it is used on.`, { ...this.#token.state() });
    return new KeyProviderFault(`The key token gave ${what}.`);
  }
}
