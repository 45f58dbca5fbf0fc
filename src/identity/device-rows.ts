import type { DeviceCodeTable } from '../store/schema.ts';
import { statement } from '../store/statement.ts';

/** A device code. */
export type DeviceCodeRow = Readonly<DeviceCodeTable>;

/** A device code by the digest of its text. */
export const deviceCodeByDigest = statement<{ digest: string }, DeviceCodeRow>((db, p) =>
  db.selectFrom('device_codes').selectAll().where('digest', '=', p('digest')),
);

/** A device code by the code that its user types. */
export const deviceCodeByUserCode = statement<{ userCode: string }, DeviceCodeRow>((db, p) =>
  db.selectFrom('device_codes').selectAll().where('user_code', '=', p('userCode')),
);

/** How many device codes are kept. */
export const countDeviceCodes = statement<object, { count: number }>((db) =>
  db.selectFrom('device_codes').select((eb) => eb.fn.countAll<number>().as('count')),
);

/** Adds a device code, which waits for its user. */
export const insertDeviceCode = statement<{
  digest: string;
  userCode: string;
  clientId: string;
  request: string;
  created: number;
  expires: number;
}>((db, p) =>
  db.insertInto('device_codes').values({
    digest: p('digest'),
    user_code: p('userCode'),
    client_id: p('clientId'),
    request: p('request'),
    state: 'pending',
    principal_id: null,
    attempts: 0,
    polled: 0,
    created: p('created'),
    expires: p('expires'),
  }),
);

/** Notes when the device last asked. */
export const setPolled = statement<{ digest: string; now: number }>((db, p) =>
  db
    .updateTable('device_codes')
    .set({ polled: p('now') })
    .where('digest', '=', p('digest')),
);

/** Counts a wrong password given under a code. */
export const countCodeAttempt = statement<{ userCode: string }>((db, p) =>
  db
    .updateTable('device_codes')
    .set((eb) => ({ attempts: eb('attempts', '+', 1) }))
    .where('user_code', '=', p('userCode')),
);

/** Approves a device code that waits. */
export const approveDeviceCode = statement<{ userCode: string; principalId: string; request: string }>((db, p) =>
  db
    .updateTable('device_codes')
    .set({ state: 'approved', principal_id: p('principalId'), request: p('request') })
    .where('user_code', '=', p('userCode'))
    .where('state', '=', 'pending'),
);

/** Declines a device code that waits. */
export const declineDeviceCode = statement<{ userCode: string }>((db, p) =>
  db
    .updateTable('device_codes')
    .set({ state: 'declined' })
    .where('user_code', '=', p('userCode'))
    .where('state', '=', 'pending'),
);

/** Takes an approved device code out: it brings tokens once. */
export const takeDeviceCode = statement<{ digest: string }>((db, p) =>
  db.deleteFrom('device_codes').where('digest', '=', p('digest')).where('state', '=', 'approved'),
);
