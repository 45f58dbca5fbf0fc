import type { Random } from '../base/ports.ts';
import type { Transaction } from '../store/port.ts';
import { plainText } from './mail-rules.ts';
import { isMailAddress } from './mail-setting.ts';
import { countMail, insertMail } from './repository.ts';

/** What is to be told by e-mail. */
export interface MailMessage {
  readonly to: readonly string[];
  /** One line; control characters become spaces, and it is cut to 200 characters. */
  readonly subject: string;
  /** Plain text, cut to 32,768 characters. No secret in it: it is stored as it is. */
  readonly text: string;
}

/** Messages that wait at once; more would be a loop, not news. */
const MOST_WAITING = 10_000;
const MOST_RECIPIENTS = 100;
const MOST_CHARACTERS = 32_768;

/**
 * Puts a message into the queue, in the transaction of what it tells: neither is ever without the other. Each recipient
 * has an entry of its own, so that one who is refused keeps nobody else waiting.
 * @returns the recipients that get none: no address, or no room
 */
export async function queueMail(
  transaction: Transaction,
  parts: { readonly random: Random },
  message: MailMessage,
  now: number,
): Promise<readonly string[]> {
  const recipients = [...new Set(message.to)];
  const held = Number((await countMail.first(transaction, {}))?.count ?? 0);
  const room = Math.min(MOST_RECIPIENTS, Math.max(0, MOST_WAITING - held));
  const taken = recipients.filter(isMailAddress).slice(0, room);
  const subject = plainText(message.subject, 200);
  const body = message.text.slice(0, MOST_CHARACTERS);
  for (const recipient of taken) {
    const id = parts.random.bytes(16).toString('hex');
    await insertMail.change(transaction, { id, recipient, subject, body, created: now });
  }
  return recipients.filter((recipient) => !taken.includes(recipient));
}
