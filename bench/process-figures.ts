import { readFileSync } from 'node:fs';

const MICROSECONDS_PER_TICK = 10_000;

/**
 * Processor time that a process and all its threads have used so far, user and system together, in microseconds and
 * exact to 10 milliseconds (proc(5), /proc/PID/stat, fields 14 and 15; USER_HZ is 100 on every Linux). Linux only.
 */
export function processorMicroseconds(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) * MICROSECONDS_PER_TICK;
}

/** Memory of a process that is resident now and at its highest, in bytes (proc(5), VmRSS and VmHWM). Linux only. */
export function residentBytes(pid: number): { readonly now: number; readonly peak: number } {
  const status = readFileSync(`/proc/${pid}/status`, 'latin1');
  return { now: kibibytes(status, 'VmRSS') * 1024, peak: kibibytes(status, 'VmHWM') * 1024 };
}

function kibibytes(status: string, field: string): number {
  const match = new RegExp(`^${field}:\\s+(\\d+) kB$`, 'm').exec(status);
  if (match === null) throw new Error(`/proc/PID/status has no ${field}`);
  return Number(match[1]);
}
