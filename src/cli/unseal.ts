import { type Command, CommandError, type CommandIo, flagOption } from './command.ts';
import { askControl, ControlRefusal, readSealState, type SealState } from './control.ts';
import { DATA_DIR_USAGE, dataDirOf, dataDirOption, suggestCommand } from './data-dir.ts';
import { askSecret, isAtTerminal, readSecretLines } from './read-secret.ts';

/** `strongroom unseal`: brings a sealed server its passphrase or shares. */
export const command: Command = {
  name: 'unseal',
  summary: 'open a sealed server with its passphrase or shares',
  usage: `strongroom unseal [--forget] [--data-dir DIR]

Asks for the passphrase, or for a share after the other, without showing them; or reads standard input, a share a line. They go
over the socket in the data directory, to the server on this machine alone. Every keeper of a share may run it in turn: the server
remembers the shares until there are enough.

  --forget            drop the shares given so far
${DATA_DIR_USAGE}`,
  options: { ...dataDirOption, forget: { type: 'boolean' } },
  async run(args, io) {
    const dataDir = dataDirOf(args, io);
    const state = await readSealState(dataDir);
    if (!state)
      throw new CommandError(`Strongroom is not running on ${dataDir}. Start it: ${suggestCommand(args, 'start')}`, 3);
    if (state.state === 'uninitialised') {
      throw new CommandError(`There is no seal yet. Make it: ${suggestCommand(args, 'seal init')}`);
    }
    if (state.reason !== undefined) {
      throw new CommandError(
        `Nothing is to be brought: the server opens by itself when its token is there. ${state.reason}`,
      );
    }
    if (flagOption(args, 'forget')) {
      await askControl(dataDir, 'POST', '/unseal/forget');
      io.stdout('The shares given so far are dropped.');
      return 0;
    }
    if (state.state === 'open') {
      io.stdout('The server is open.');
      return 0;
    }
    return isAtTerminal() ? ask(dataDir, state, io) : pipe(dataDir, io);
  },
};

async function ask(dataDir: string, state: SealState, io: CommandIo): Promise<number> {
  const prompt = state.kind === 'shamir' ? 'Share: ' : 'Passphrase: ';
  for (;;) {
    try {
      if (await give(dataDir, await askSecret(prompt), io)) return 0;
    } catch (error) {
      if (!(error instanceof ControlRefusal)) throw error;
      io.stderr(error.message);
    }
  }
}

async function pipe(dataDir: string, io: CommandIo): Promise<number> {
  const lines = await readSecretLines();
  if (lines.length === 0) throw new CommandError('Standard input holds no passphrase and no share.');
  for (const line of lines) if (await give(dataDir, line, io)) return 0;
  return 0;
}

/** Whether the server is open now. */
async function give(dataDir: string, secret: string, io: CommandIo): Promise<boolean> {
  const { state, given, needed } = await askControl(dataDir, 'POST', '/unseal', { secret });
  io.stdout(state === 'open' ? 'The server is open.' : `${given} of ${needed} shares.`);
  return state === 'open';
}
