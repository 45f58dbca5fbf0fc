import { resolve } from 'node:path';
import { passphraseLength, readPassphraseFile } from '../crypto/seals/passphrase.ts';
import {
  type Command,
  type CommandArguments,
  CommandError,
  type CommandIo,
  EXIT_USAGE,
  textOption,
} from './command.ts';
import { askControl, readSealState } from './control.ts';
import { DATA_DIR_USAGE, dataDirOf, dataDirOption, suggestCommand } from './data-dir.ts';
import { askSecret, isAtTerminal, readSecretLines } from './read-secret.ts';

/** `strongroom seal`: what the keys are sealed by, and how that is changed. */
export const command: Command = {
  name: 'seal',
  summary: 'show, make or change what the keys are sealed by',
  usage: `strongroom seal show | init | change --to KIND [OPTIONS] [--data-dir DIR]

Speaks with the server on this machine over the socket in the data directory.

  show                what the keys are sealed by, and whether the server is open
  init                makes the first seal of a server that waits for one ("seal": "shamir" or "pkcs11", or a passphrase that nobody configured)
  change --to KIND    puts the keys under another seal, while requests go on: key-file, passphrase, shamir or pkcs11

  --key-file FILE     key-file: where the new seal key is made, or lies
  --passphrase-file FILE
                      passphrase: a file of mode 0600; without it the passphrase is asked for, or read from standard input
  --shares N --threshold K
                      shamir: how many shares are made, and how many open; they are shown once
  pkcs11 takes no option: the key is made in the token that the configuration of the server names
${DATA_DIR_USAGE}`,
  options: {
    ...dataDirOption,
    to: { type: 'string' },
    'key-file': { type: 'string' },
    'passphrase-file': { type: 'string' },
    shares: { type: 'string' },
    threshold: { type: 'string' },
  },
  async run(args, io) {
    const dataDir = dataDirOf(args, io);
    const [action, ...rest] = args.positionals;
    if (rest.length > 0 || !['show', 'init', 'change'].includes(action ?? '')) {
      throw new CommandError('strongroom seal takes show, init, or change --to KIND.', EXIT_USAGE);
    }
    const state = await readSealState(dataDir);
    if (!state)
      throw new CommandError(`Strongroom is not running on ${dataDir}. Start it: ${suggestCommand(args, 'start')}`, 3);
    if (action === 'show') {
      io.stdout(`${state.kind}, ${state.state}`);
      if (state.reason !== undefined) io.stdout(state.reason);
      return 0;
    }
    const kind = action === 'init' ? state.kind : textOption(args, 'to');
    const order = await orderOf(args, kind);
    const draft = (await askControl(dataDir, 'POST', '/seal/draft', order)) as unknown as Draft;
    await handOut(draft, io);
    await askControl(dataDir, 'POST', action === 'init' ? '/seal/initialise' : '/seal/change', { id: draft.id });
    tell(draft, action === 'change' ? state.kind : null, args, io);
    return 0;
  },
};

type Order = Readonly<Record<string, string | number>> & { readonly to: string };

async function orderOf(args: CommandArguments, kind: string | undefined): Promise<Order> {
  if (kind === 'key-file') {
    const file = textOption(args, 'key-file');
    if (file === undefined) throw new CommandError('--to key-file takes --key-file FILE.', EXIT_USAGE);
    return { to: kind, keyFile: resolve(file) };
  }
  if (kind === 'passphrase') return { to: kind, passphrase: await newPassphrase(args) };
  if (kind === 'shamir') {
    return { to: kind, shares: countOf(args, 'shares'), threshold: countOf(args, 'threshold') };
  }
  if (kind === 'pkcs11') return { to: kind };
  throw new CommandError('--to takes key-file, passphrase, shamir or pkcs11.', EXIT_USAGE);
}

function countOf(args: CommandArguments, name: string): number {
  const text = textOption(args, name) ?? '';
  if (!/^\d{1,3}$/.test(text)) throw new CommandError(`--${name} takes a number, 2 to 255.`, EXIT_USAGE);
  return Number(text);
}

async function newPassphrase(args: CommandArguments): Promise<string> {
  const file = textOption(args, 'passphrase-file');
  if (file !== undefined) return readPassphraseFile(resolve(file));
  if (!isAtTerminal()) return (await readSecretLines())[0] ?? '';
  const first = await askSecret(`New passphrase (at least ${passphraseLength.least} characters): `);
  if (first !== (await askSecret('The same again: '))) throw new CommandError('The two differ. Nothing was changed.');
  return first;
}

interface Draft {
  readonly id: string;
  readonly kind: string;
  readonly shares: readonly string[];
}

/** Shows the shares before the data is sealed by them: whatever breaks off afterwards, somebody has them. */
async function handOut({ shares }: Draft, io: CommandIo): Promise<void> {
  if (shares.length === 0) return;
  io.stdout(`These ${shares.length} shares are shown this once. Give each to another keeper:`);
  io.stdout('');
  for (const share of shares) io.stdout(share);
  io.stdout('');
  if (isAtTerminal()) await askSecret('Press Enter when the keepers have them; Ctrl-C changes nothing. ');
}

function tell({ kind }: Draft, before: string | null, args: CommandArguments, io: CommandIo): void {
  io.stdout(
    before === null
      ? `The keys are sealed by ${kind}.`
      : `The keys are sealed by ${kind} now; before it was ${before}.`,
  );
  if (kind === 'pkcs11') {
    io.stdout(
      'Without that token nothing opens the data or its backups: have a copy of it, or change the seal before you part with it.',
    );
  }
  if (before === null) return;
  const file = textOption(args, 'key-file');
  const setting =
    kind === 'key-file' ? `"seal": "key-file", "sealKeyFile": "${resolve(file ?? '')}"` : `"seal": "${kind}"`;
  io.stdout(`The next start needs this in the configuration: ${setting}`);
  io.stdout(
    'What opened the data before opens it no longer. It still opens backups from before: keep it as long as those.',
  );
  io.stdout('Other nodes of the same database go on; restart each with the new setting soon.');
}
