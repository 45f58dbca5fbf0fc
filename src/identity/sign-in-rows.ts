import { statement } from '../store/statement.ts';

/** Wrong attempts counted for a subject. */
export interface FailureRow {
  readonly failures: number;
  readonly locked_until: number;
  readonly last: number;
}

/** Wrong attempts counted for a subject, with the lock they led to. */
export const lockOf = statement<{ subject: string }, FailureRow>((db, p) =>
  db.selectFrom('sign_in_failures').select(['failures', 'locked_until', 'last']).where('subject', '=', p('subject')),
);

/** Notes the wrong attempts counted for a subject, which has no row. */
export const insertLock = statement<{ subject: string; failures: number; lockedUntil: number; last: number }>((db, p) =>
  db.insertInto('sign_in_failures').values({
    subject: p('subject'),
    failures: p('failures'),
    locked_until: p('lockedUntil'),
    last: p('last'),
  }),
);

/** Forgets the subjects in [from, to) whose last attempt was before an instant and whose lock is over. */
export const deleteLocksBefore = statement<{ from: string; to: string; before: number; now: number }>((db, p) =>
  db
    .deleteFrom('sign_in_failures')
    .where('subject', '>=', p('from'))
    .where('subject', '<', p('to'))
    .where('last', '<', p('before'))
    .where('locked_until', '<', p('now')),
);

/** A refresh token. */
export interface RefreshTokenRow {
  readonly digest: string;
  readonly family: string;
  readonly principal_id: string;
  readonly client_id: string;
  readonly proof: string;
  readonly state: string;
  readonly created: number;
  readonly expires: number;
}

/** A refresh token by the digest of its text. */
export const refreshTokenByDigest = statement<{ digest: string }, RefreshTokenRow>((db, p) =>
  db.selectFrom('refresh_tokens').selectAll().where('digest', '=', p('digest')),
);

/** Adds a refresh token, which is live. */
export const insertRefreshToken = statement<{
  digest: string;
  family: string;
  principalId: string;
  clientId: string;
  proof: string;
  created: number;
  expires: number;
}>((db, p) =>
  db.insertInto('refresh_tokens').values({
    digest: p('digest'),
    family: p('family'),
    principal_id: p('principalId'),
    client_id: p('clientId'),
    proof: p('proof'),
    state: 'live',
    created: p('created'),
    expires: p('expires'),
  }),
);

/** Marks a refresh token as replaced by its successor. */
export const replaceRefreshToken = statement<{ digest: string }>((db, p) =>
  db.updateTable('refresh_tokens').set({ state: 'used' }).where('digest', '=', p('digest')),
);

/** Whether a family of refresh tokens is still there. */
export const liveOfFamily = statement<{ family: string }, { digest: string }>((db, p) =>
  db
    .selectFrom('refresh_tokens')
    .select('digest')
    .where('family', '=', p('family'))
    .where('state', '=', 'live')
    .limit(1),
);

/** Ends a family of refresh tokens. */
export const deleteFamily = statement<{ family: string }>((db, p) =>
  db.deleteFrom('refresh_tokens').where('family', '=', p('family')),
);

/** Forgets refresh tokens that have expired. */
export const deleteRefreshTokensBefore = statement<{ now: number }>((db, p) =>
  db.deleteFrom('refresh_tokens').where('expires', '<=', p('now')),
);

/** Forgets device codes that have expired. */
export const deleteDeviceCodesBefore = statement<{ now: number }>((db, p) =>
  db.deleteFrom('device_codes').where('expires', '<=', p('now')),
);
