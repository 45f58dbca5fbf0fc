import { newRequestId } from '../base/ids.ts';
import type { Clock, Random } from '../base/ports.ts';
import type { Facts } from '../operations/decision.ts';
import type { Vault } from '../resources/vault.ts';
import type { JournalEntry } from '../store/port.ts';
import { auditEntry } from './record.ts';

/** Something that the server did by itself. */
export interface JobEvent {
  readonly operationName: string;
  /** When it was due, milliseconds since the Unix epoch. */
  readonly time: number;
  /** The vault it was done to, where it was one. */
  readonly vault: Vault | null;
  /** The resource it was done to, where it was no vault. */
  readonly resourceId: string;
  readonly subject: string;
  readonly audit: Facts | null;
}

/** The record of something the server did by itself: no caller, no address. */
export function jobEntry(parts: { readonly clock: Clock; readonly random: Random }, event: JobEvent): JournalEntry {
  return auditEntry({
    ...event,
    recorded: parts.clock.now(),
    requestId: newRequestId(parts.random, event.time),
    operationVersion: '',
    method: 'JOB',
    status: 200,
    description: '',
    callerIpAddress: '',
    tlsVersion: '',
    clientInfo: 'strongroom-scheduler',
    clientRequestId: '',
    url: '',
    caller: null,
    assignmentId: null,
    isPolicyMatch: false,
    refusal: null,
  });
}

/** The same about a vault, or about what `path` names in it. */
export function vaultJobEntry(
  parts: { readonly clock: Clock; readonly random: Random },
  operationName: string,
  vault: Vault | null,
  path: string,
  time: number,
): JournalEntry {
  const resourceId = vault?.resourceId ?? '';
  return jobEntry(parts, { operationName, time, vault, resourceId, subject: `${resourceId}${path}`, audit: null });
}
