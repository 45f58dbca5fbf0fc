import { CommandError } from './command.ts';

const LARGEST_BYTES = 64 * 1024;
const INTERRUPTED = 130;

/** Whether somebody sits at a terminal and can be asked. */
export function isAtTerminal(): boolean {
  return process.stdin.isTTY === true;
}

/**
 * One line from the terminal, which does not show it.
 * @throws CommandError where it is broken off (Ctrl-C, Ctrl-D)
 */
export function askSecret(prompt: string): Promise<string> {
  const { stdin, stderr } = process;
  stderr.write(prompt);
  stdin.setRawMode(true);
  stdin.setEncoding('utf8');
  return new Promise<string>((resolve, reject) => {
    let typed = '';
    const end = (finish: () => void) => {
      stdin.off('data', take);
      stdin.setRawMode(false);
      stdin.pause();
      stderr.write('\n');
      finish();
    };
    const take = (chunk: string) => {
      for (const character of chunk) {
        if (character === '\r' || character === '\n') return end(() => resolve(typed));
        if (character === '\u0003' || (character === '\u0004' && typed === '')) {
          return end(() => reject(new CommandError('Broken off.', INTERRUPTED)));
        }
        if (character === '\u007f' || character === '\b') typed = [...typed].slice(0, -1).join('');
        else if (character === '\u0015') typed = '';
        else if (character >= ' ' && typed.length < LARGEST_BYTES) typed += character;
      }
    };
    stdin.on('data', take);
    stdin.resume();
  });
}

/** The lines of standard input that are not empty, for programs. */
export async function readSecretLines(): Promise<readonly string[]> {
  let text = '';
  process.stdin.setEncoding('utf8');
  for await (const chunk of process.stdin as AsyncIterable<string>) {
    text += chunk;
    if (text.length > LARGEST_BYTES) throw new CommandError('Standard input holds more than 64 KiB.');
  }
  return text.split(/\r?\n/).filter((line) => line !== '');
}
