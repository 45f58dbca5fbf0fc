import type { Log } from './ports.ts';

/** A log of one JSON object a line. */
export function jsonLog(write: (line: string) => void, now: () => number): Log {
  const line =
    (level: string) =>
    (message: string, facts: Readonly<Record<string, unknown>> = {}): void => {
      write(JSON.stringify({ time: new Date(now()).toISOString(), level, message, ...facts }));
    };
  return { info: line('info'), warn: line('warn'), error: line('error') };
}
