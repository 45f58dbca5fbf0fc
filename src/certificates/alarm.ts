import { jobEntry } from '../audit/job-entry.ts';
import type { Clock, Log, Random } from '../base/ports.ts';
import { toIso } from '../base/text.ts';
import type { Vault } from '../resources/vault.ts';
import type { JournalEntry, Session } from '../store/port.ts';
import { contactsOf } from './contacts.ts';
import type { Notice, Notify } from './parts.ts';

/** What telling somebody takes. */
export interface AlarmParts {
  readonly notify: Notify;
  readonly log: Log;
}

/**
 * Tells the contacts of a vault, and the log in any case. That nobody can be told stops no work: the log has it.
 */
export async function raise(
  { notify, log }: AlarmParts,
  session: Session,
  notice: Omit<Notice, 'contacts'>,
): Promise<void> {
  const contacts = await contactsOf(session, notice.vault.id);
  const facts = {
    vault: notice.vault.name,
    certificate: notice.certificate,
    kind: notice.kind,
    contacts: contacts.length,
    ...(notice.expires === null ? {} : { expires: toIso(notice.expires) }),
    ...(notice.reason === '' ? {} : { reason: notice.reason }),
  };
  log.warn('A certificate needs attention.', facts);
  try {
    await notify({ ...notice, contacts });
  } catch (error) {
    log.error('The contacts of a certificate could not be told.', { ...facts, fault: (error as Error).message });
  }
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
