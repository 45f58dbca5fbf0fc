import { CommandError } from './command.ts';
import { shellWord } from './shell-text.ts';

/** One variable, or a remark for those who read the text; JSON has no place for remarks. */
export type EnvEntry = { readonly name: string; readonly value: string } | { readonly remark: string };

/** How `strongroom env` can write its variables. */
export const ENV_FORMATS = ['shell', 'dotenv', 'json'] as const;
export type EnvFormat = (typeof ENV_FORMATS)[number];

/**
 * Variables as text in the format asked for.
 * @throws CommandError where a value cannot be written safely in it
 */
export function formatEnv(entries: readonly EnvEntry[], format: EnvFormat): string {
  if (format === 'json') {
    const pairs = entries.flatMap((entry) => ('name' in entry ? [[entry.name, entry.value] as const] : []));
    return JSON.stringify(Object.fromEntries(pairs), null, 2);
  }
  const line = format === 'shell' ? shellLine : dotenvLine;
  return entries
    .map((entry) => ('name' in entry ? line(entry.name, entry.value) : remarkLine(entry.remark)))
    .join('\n');
}

function shellLine(name: string, value: string): string {
  if (value.includes('\0')) throw new CommandError(`${name} holds a NUL character, which no variable can.`);
  return `export ${name}=${shellWord(value)}`;
}

/**
 * Readers of `.env` files agree on little: bare values of harmless characters, then single quotes that keep everything
 * else, then double quotes around what none of them expands. What fits nowhere is refused rather than misread.
 */
function dotenvLine(name: string, value: string): string {
  if (/^[A-Za-z0-9_./:@%+=,-]*$/.test(value)) return `${name}=${value}`;
  if (/^[^'\\\p{Cc}]*$/u.test(value)) return `${name}='${value}'`;
  if (/^[^"$`\\\p{Cc}]*$/u.test(value)) return `${name}="${value}"`;
  throw new CommandError(`${name} cannot be written into a .env file unambiguously; --format json can hold it.`);
}

/** A line feed inside a remark would make the rest of it a command. */
function remarkLine(remark: string): string {
  return `# ${remark.replace(/\p{Cc}/gu, ' ')}`;
}
