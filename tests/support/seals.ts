import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { askControl, readSealState, type SealState } from '../../src/cli/control.ts';

const DEADLINE_MS = 20_000;

/** Writes a configuration beside the data and gives the arguments that name it. */
export function configured(dataDir: string, settings: Readonly<Record<string, unknown>>): readonly string[] {
  const path = join(dataDir, 'seal-test.json');
  writeFileSync(path, JSON.stringify(settings), { mode: 0o600 });
  return ['--config', path];
}

/** Waits until a server on the directory says that its seal is in this state. */
export async function sealState(dataDir: string, state: string): Promise<SealState> {
  const deadline = Date.now() + DEADLINE_MS;
  for (;;) {
    const found = existsSync(join(dataDir, 'control.sock')) ? await readSealState(dataDir).catch(() => null) : null;
    if (found?.state === state) return found;
    if (Date.now() > deadline) throw new Error(`The seal is ${found?.state ?? 'not there'}, not ${state}.`);
    await new Promise((wake) => setTimeout(wake, 20));
  }
}

/** Brings secrets to a sealed server, one after the other, as `strongroom unseal` does. */
export async function bring(dataDir: string, secrets: readonly string[]): Promise<void> {
  await sealState(dataDir, 'sealed');
  for (const secret of secrets) await askControl(dataDir, 'POST', '/unseal', { secret });
}
