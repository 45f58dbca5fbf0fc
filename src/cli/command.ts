import type { ParseArgsOptionsConfig } from 'node:util';

/** What `node:util` parseArgs found. Which options there are, and their types, the command's own table says. */
export interface CommandArguments {
  readonly values: Readonly<Record<string, string | boolean | readonly (string | boolean)[] | undefined>>;
  readonly positionals: readonly string[];
}

/** All that a command sees of the process: it reads no argv, no environment and writes to no console itself. */
export interface CommandIo {
  /** Writes one line, without its line feed, to standard output. */
  readonly stdout: (line: string) => void;
  /** Writes one line, without its line feed, to standard error. */
  readonly stderr: (line: string) => void;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** One word of the command line. */
export interface Command {
  readonly name: string;
  /** One line for the list of commands, without a full stop. */
  readonly summary: string;
  /** How to call it and what its options do, several lines. */
  readonly usage: string;
  /** The options as `node:util` parseArgs takes them. */
  readonly options: ParseArgsOptionsConfig;
  /**
   * @returns the process's exit code
   * @throws CommandError for everything the user can mend
   */
  run(args: CommandArguments, io: CommandIo): Promise<number>;
}

/** Exit code of a command that was called wrongly. */
export const EXIT_USAGE = 2;

/** A failure that the user can mend: the message is shown as it stands, without a stack trace. */
export class CommandError extends Error {
  override readonly name = 'CommandError';
  /** 1 to 255. */
  readonly exitCode: number;

  constructor(message: string, exitCode = 1, options?: ErrorOptions) {
    super(message, options);
    this.exitCode = exitCode;
  }
}

/** The value of a `string` option, or undefined where it was not given. */
export function textOption(args: CommandArguments, name: string): string | undefined {
  const value = args.values[name];
  return typeof value === 'string' ? value : undefined;
}

/** The values of a `string` option with `multiple`, in the order given. */
export function textOptions(args: CommandArguments, name: string): string[] {
  const value = args.values[name];
  return Array.isArray(value) ? value.filter((item) => typeof item === 'string') : [];
}

/** Whether a `boolean` option was given. */
export function flagOption(args: CommandArguments, name: string): boolean {
  return args.values[name] === true;
}

/**
 * Which of two opposite flags was given.
 * @throws CommandError with exit code 2 where both were
 */
export function eitherFlag<A extends string, B extends string>(args: CommandArguments, a: A, b: B): A | B | null {
  if (flagOption(args, a) && flagOption(args, b)) {
    throw new CommandError(`--${a} and --${b} cannot be given together.`, EXIT_USAGE);
  }
  if (flagOption(args, a)) return a;
  return flagOption(args, b) ? b : null;
}

/** The code of a system error (`ENOENT`, `ECONNREFUSED`), or undefined for anything else. */
export function errorCode(error: unknown): string | undefined {
  const code = error instanceof Error ? (error as NodeJS.ErrnoException).code : undefined;
  return typeof code === 'string' ? code : undefined;
}
