import { jobEntry } from '../audit/job-entry.ts';
import type { Clock, Log, Random } from '../base/ports.ts';
import { toIso } from '../base/text.ts';
import type { Vault } from '../resources/vault.ts';
import type { JournalEntry, Transaction } from '../store/port.ts';
import { contactsOf } from './contacts.ts';
import type { Notice, Notify } from './parts.ts';

/** What telling somebody takes. */
export interface AlarmParts {
  readonly notify: Notify;
  readonly log: Log;
}

/** What the log says of an alarm, once it is durable. */
export type Alarm = Readonly<Record<string, string | number | readonly string[]>>;

/**
 * Tells the contacts of a vault, in the transaction of what it tells.
 * @returns what {@link logAlarm} is given when the transaction has been committed
 */
export async function raise(
  { notify }: AlarmParts,
  transaction: Transaction,
  notice: Omit<Notice, 'contacts'>,
): Promise<Alarm> {
  const contacts = await contactsOf(transaction, notice.vault.id);
  const untold = await notify(transaction, { ...notice, contacts });
  return {
    vault: notice.vault.name,
    certificate: notice.certificate,
    kind: notice.kind,
    contacts: contacts.length,
    ...(notice.expires === null ? {} : { expires: toIso(notice.expires) }),
    ...(notice.reason === '' ? {} : { reason: notice.reason }),
    ...(untold.length === 0 ? {} : { untold }),
  };
}

/** The log has every alarm, whoever else can be told. */
export function logAlarm({ log }: AlarmParts, alarm: Alarm | null): void {
  if (alarm) log.warn('A certificate needs attention.', alarm);
}

/** The audit record of something that the policies of certificates brought about. @param reason the empty text where nothing is wrong */
export function certificateEntry(
  parts: { readonly clock: Clock; readonly random: Random },
  operationName: string,
  vault: Vault,
  path: string,
  reason: string,
  time: number,
): JournalEntry {
  const { resourceId } = vault;
  const audit = reason === '' ? null : { reason };
  return jobEntry(parts, {
    operationName,
    time,
    vault,
    resourceId,
    subject: `${resourceId}/certificates/${path}`,
    audit,
  });
}
