import { jsonLog } from '../base/log.ts';
import type { Random } from '../base/ports.ts';
import { systemClock } from '../base/system.ts';
import type { Config } from '../config.ts';
import { openKeyFile, type Seal, SealFault } from '../crypto/seal.ts';
import { readDescription, type TokenDescription } from '../crypto/seals/description.ts';
import { openPassphraseSeal, readPassphraseFile } from '../crypto/seals/passphrase.ts';
import { openShamirSeal } from '../crypto/seals/shamir.ts';
import { readShare, type Share } from '../crypto/seals/share.ts';
import { openDevice } from '../key-providers.ts';
import type { Session } from '../store/port.ts';
import { CommandError, type CommandIo } from './command.ts';
import { askSecret, isAtTerminal, readSecretLines } from './read-secret.ts';

/** What opening a seal beside a server takes. */
export interface AskParts {
  readonly session: Session;
  readonly config: Config;
  readonly random: Random;
  readonly io: CommandIo;
}

/**
 * The seal of stored data, for a command that opens it without a server: by the key file, by the configured passphrase or token, or by what is asked
 * for at the terminal or comes on standard input.
 * @throws SealFault, CommandError
 */
export async function askSeal({ session, config, random, io }: AskParts): Promise<Seal> {
  const description = await readDescription(session);
  if (description === null || description.kind === 'key-file') return openKeyFile(config.sealKeyFile, random);
  if (description.kind === 'shamir') return openShamirSeal(description, await sharesOf(description), random);
  if (description.kind === 'pkcs11') return tokenSealOf(description, config, random, io);
  const { passphraseFile } = config.seal;
  const known = io.env['STRONGROOM_SEAL_PASSPHRASE'] ?? (passphraseFile && readPassphraseFile(passphraseFile));
  const passphrase = known || (isAtTerminal() ? await askSecret('Passphrase: ') : (await readSecretLines())[0]);
  if (!passphrase)
    throw new CommandError('The data is sealed by a passphrase: type it, or bring it on standard input.');
  return openPassphraseSeal(description, passphrase, random);
}

/** The token ends with the command: its process goes when this one does. */
async function tokenSealOf(
  description: TokenDescription,
  config: Config,
  random: Random,
  io: CommandIo,
): Promise<Seal> {
  const device = await openDevice(config, jsonLog(io.stderr, systemClock.now));
  if (!device) {
    throw new CommandError(
      'The data is sealed by a key in a token: name a configuration with the setting pkcs11 (--config FILE).',
    );
  }
  const { openTokenSeal } = await import('../crypto/seals/token-seal.ts');
  return openTokenSeal(description, device, random);
}

async function sharesOf({
  id,
  threshold,
}: {
  readonly id: string;
  readonly threshold: number;
}): Promise<readonly Share[]> {
  const lines = isAtTerminal() ? null : await readSecretLines();
  if (lines && lines.length < threshold) {
    throw new CommandError(`The data is sealed by shares: bring ${threshold} of them on standard input, one a line.`);
  }
  const shares: Share[] = [];
  while (shares.length < threshold) {
    const share = readShare(
      lines ? lines[shares.length]! : await askSecret(`Share ${shares.length + 1} of ${threshold}: `),
    );
    if (share.id !== id)
      throw new SealFault('seal-share-foreign', 'This share is of another installation or an earlier seal.');
    if (shares.some(({ number }) => number === share.number)) {
      throw new SealFault('seal-share-repeated', `Share ${share.number} was given already.`);
    }
    shares.push(share);
  }
  return shares;
}
