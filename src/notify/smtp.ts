import { readFileSync } from 'node:fs';
import { createTransport } from 'nodemailer';
import { type DeliveryOutcome, outcomeOf } from './mail-rules.ts';
import type { MailSetting } from './mail-setting.ts';
import type { MailRow } from './repository.ts';

/** Hands messages to a mail server. */
export interface MailSender {
  send(message: MailRow): Promise<DeliveryOutcome>;
}

const SHORT_MS = 15_000;

/** A sender that opens a connection for each message: alarms are few, and what a pool does after a fall is its own. */
export function smtpSender(setting: MailSetting): MailSender {
  const { host, port, security, from } = setting;
  const transport = createTransport({
    host,
    port,
    secure: security === 'tls',
    // Without the turn to TLS nothing is sent: whoever sits between could otherwise strike the offer out.
    requireTLS: security === 'starttls',
    ignoreTLS: security === 'none',
    tls: { minVersion: 'TLSv1.2', ...(setting.caPem !== null && { ca: setting.caPem }) },
    connectionTimeout: SHORT_MS,
    greetingTimeout: SHORT_MS,
    socketTimeout: SHORT_MS,
    // Nothing of a message is ever read from a file or fetched.
    disableFileAccess: true,
    disableUrlAccess: true,
    ...credentialsOf(setting),
  });
  const sendingHost = from.slice(from.indexOf('@') + 1);
  return {
    send: async ({ id, recipient, subject, body, created }) => {
      try {
        await transport.sendMail({
          envelope: { from, to: [recipient] },
          from,
          to: { name: '', address: recipient },
          subject,
          text: body,
          date: new Date(created),
          // The same at each attempt: who got it twice sees it once.
          messageId: `<${id}@${sendingHost}>`,
          headers: { 'Auto-Submitted': 'auto-generated' },
        });
        return { kind: 'taken' };
      } catch (error) {
        return outcomeOf(error as Error);
      }
    },
  };
}

function credentialsOf({ user, passwordFile }: MailSetting): { readonly auth?: { user: string; pass: string } } {
  if (user === null || passwordFile === null) return {};
  return { auth: { user, pass: readFileSync(passwordFile, 'utf8').trim() } };
}
