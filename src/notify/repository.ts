import { statement } from '../store/statement.ts';

/** A message that waits or was given up. */
export interface MailRow {
  readonly id: string;
  readonly recipient: string;
  readonly subject: string;
  readonly body: string;
  readonly created: number;
  readonly attempts: number;
  readonly next_at: number | null;
  readonly failure: string | null;
}

/** Adds a message that is due. */
export const insertMail = statement<{
  id: string;
  recipient: string;
  subject: string;
  body: string;
  created: number;
}>((db, p) =>
  db.insertInto('mail_queue').values({
    id: p('id'),
    recipient: p('recipient'),
    subject: p('subject'),
    body: p('body'),
    created: p('created'),
    attempts: 0,
    next_at: p('created'),
    failure: null,
  }),
);

/** How many messages wait. */
export const countMail = statement<object, { count: number | string | bigint }>((db) =>
  db
    .selectFrom('mail_queue')
    .select((eb) => eb.fn.countAll().as('count'))
    .where('next_at', 'is not', null),
);

/** The messages that are due, those that wait longest first. */
export const dueMail = statement<{ now: number; limit: number }, MailRow>((db, p) =>
  db
    .selectFrom('mail_queue')
    .selectAll()
    .where('next_at', '<=', p('now'))
    .orderBy('next_at')
    .orderBy('id')
    .limit(p('limit')),
);

/** The messages that were given up, newest first. */
export const failedMail = statement<{ limit: number }, MailRow>((db, p) =>
  db
    .selectFrom('mail_queue')
    .selectAll()
    .where('next_at', 'is', null)
    .orderBy('created', 'desc')
    .orderBy('id')
    .limit(p('limit')),
);

/** Forgets a message. */
export const deleteMail = statement<{ id: string }>((db, p) => db.deleteFrom('mail_queue').where('id', '=', p('id')));

/** Forgets given-up messages that were made before an instant. */
export const deleteFailedBefore = statement<{ before: number }>((db, p) =>
  db.deleteFrom('mail_queue').where('next_at', 'is', null).where('created', '<', p('before')),
);

/** When the eldest of so many given-up messages was made, counted from the newest; none where there are not so many. */
export const failedMailAt = statement<{ place: number }, { created: number }>((db, p) =>
  db
    .selectFrom('mail_queue')
    .select('created')
    .where('next_at', 'is', null)
    .orderBy('created', 'desc')
    .orderBy('id')
    .limit(1)
    .offset(p('place')),
);

/** Notes an attempt that failed. */
export const noteFailure = statement<{ id: string; attempts: number; nextAt: number | null; failure: string }>(
  (db, p) =>
    db
      .updateTable('mail_queue')
      .set({ attempts: p('attempts'), next_at: p('nextAt'), failure: p('failure') })
      .where('id', '=', p('id')),
);
