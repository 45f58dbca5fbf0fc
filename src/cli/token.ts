import { jsonLog } from '../base/log.ts';
import { systemClock } from '../base/system.ts';
import { KeyTokenFault, KeyUnsupportedFault } from '../crypto/key-provider.ts';
import { readPinFile } from '../crypto/pkcs11/settings.ts';
import {
  type Command,
  type CommandArguments,
  CommandError,
  type CommandIo,
  EXIT_USAGE,
  textOption,
} from './command.ts';
import { DATA_DIR_USAGE, dataDirOption } from './data-dir.ts';
import { configOf } from './start.ts';

/** `strongroom token`: what its security officer does once to the token that holds keys. */
export const command: Command = {
  name: 'token',
  summary: 'prepare the key token for backups of its keys',
  usage: `strongroom token prepare-backup --config FILE --so-pin-file FILE

Makes the key in the token under which keys may be backed up: the configuration names it (pkcs11.backupKey). Its security officer
alone can make a key that the token trusts for that. Keys that are made from then on may be backed up; no earlier one.

  --config FILE       the configuration that names the token
  --so-pin-file FILE  the security officer's PIN, in a file that its owner alone can read
${DATA_DIR_USAGE}`,
  options: { ...dataDirOption, config: { type: 'string' }, 'so-pin-file': { type: 'string' } },
  run,
};

async function run(args: CommandArguments, io: CommandIo): Promise<number> {
  const pinFile = textOption(args, 'so-pin-file');
  if (args.positionals.join(' ') !== 'prepare-backup' || pinFile === undefined) {
    throw new CommandError('strongroom token takes prepare-backup, --config and --so-pin-file.', EXIT_USAGE);
  }
  const { pkcs11 } = configOf(args, io);
  if (!pkcs11) throw new CommandError('The configuration names no key token (pkcs11).');
  const { Token } = await import('../crypto/pkcs11/token.ts');
  const token = new Token(pkcs11, jsonLog(io.stderr, systemClock.now));
  try {
    await token.makeWrappingKey(pinOf(pinFile));
  } catch (error) {
    const isOfToken = error instanceof KeyTokenFault || error instanceof KeyUnsupportedFault;
    throw isOfToken ? new CommandError(error.message) : error;
  } finally {
    token.close();
  }
  io.stdout(`The token has the trusted key ${pkcs11.backupKey}: keys that are made from now on may be backed up.`);
  return 0;
}

function pinOf(path: string): string {
  try {
    return readPinFile(path);
  } catch (error) {
    throw new CommandError((error as Error).message);
  }
}
