import { DAY } from '../base/text.ts';
import { type Body, invalid, readObject } from '../objects/attributes.ts';
import { after, before, type Duration, readDuration } from './duration.ts';

/** A rotation policy as it is stored. Durations are ISO 8601 text; instants milliseconds since the Unix epoch. */
export interface RotationPolicy {
  readonly rotate: Trigger | null;
  readonly notify: Trigger | null;
  /** How long a new version is valid; null for ever. */
  readonly expiryTime: string | null;
  readonly created: number;
  readonly updated: number;
}

/** One of the two is set. */
export interface Trigger {
  readonly timeAfterCreate?: string;
  readonly timeBeforeExpiry?: string;
}

/** A version as the policy sees it: its creation in milliseconds, its end in whole seconds since the Unix epoch. */
export interface Lifetime {
  readonly created: number;
  readonly exp: number | null;
}

const MIN_VALIDITY = 28 * DAY;
const MIN_DISTANCE = 7 * DAY;
/** The service adds it where a policy says nothing of notices. */
const impliedNotice: Trigger = { timeBeforeExpiry: 'P30D' };

/**
 * Reads a policy (keys.json, KeyRotationPolicy): at most one rotation and one notice, an expiry of at least 28 days, a
 * rotation at least 7 days after the creation and before the expiry.
 * @param now milliseconds since the Unix epoch: months are measured from there
 * @throws Refusal `property-invalid`
 */
export function readRotationPolicy(body: Body, now: number, created: number): RotationPolicy {
  const { expiryTime } = readObject(body['attributes'], 'attributes');
  const validity = expiryTime === undefined || expiryTime === null ? null : read(expiryTime, 'attributes.expiryTime');
  if (validity && after(now, validity) < now + MIN_VALIDITY) {
    throw invalid('attributes.expiryTime', 'it must be at least 28 days');
  }
  const { rotate, notify } = readActions(body['lifetimeActions']);
  if (rotate) checkRotation(rotate, validity, now);
  if (notify?.timeAfterCreate) throw invalid('lifetimeActions', 'a notice is given before the expiry alone');
  return {
    rotate,
    notify: notify ?? impliedNotice,
    expiryTime: validity ? (expiryTime as string) : null,
    created,
    updated: now,
  };
}

/** The policy of a key that has none: the service's notice before the expiry. */
export const defaultPolicy: Omit<RotationPolicy, 'created' | 'updated'> = {
  rotate: null,
  notify: impliedNotice,
  expiryTime: null,
};

/** When the policy makes the next version, in milliseconds since the Unix epoch; null where it makes none. */
export function rotationDue(policy: RotationPolicy | null, { created, exp }: Lifetime): number | null {
  const trigger = policy?.rotate;
  if (trigger?.timeAfterCreate) return after(created, readDuration(trigger.timeAfterCreate)!);
  if (trigger?.timeBeforeExpiry && exp !== null) return before(exp * 1000, readDuration(trigger.timeBeforeExpiry)!);
  return null;
}

/** The end of a version that is made now, in whole seconds since the Unix epoch; null where it has none. */
export function expiryOf(policy: RotationPolicy | null, now: number): number | null {
  if (!policy?.expiryTime) return null;
  return Math.floor(after(now, readDuration(policy.expiryTime)!) / 1000);
}

function readActions(value: unknown): { rotate: Trigger | null; notify: Trigger | null } {
  if (value === undefined || value === null) return { rotate: null, notify: null };
  if (!Array.isArray(value) || value.length > 2) throw invalid('lifetimeActions', 'it must be a list of at most two');
  const found: { rotate: Trigger | null; notify: Trigger | null } = { rotate: null, notify: null };
  for (const one of value as unknown[]) {
    const entry = readObject(one, 'lifetimeActions');
    const { type } = readObject(entry['action'], 'lifetimeActions.action');
    const action = typeof type === 'string' ? type.toLowerCase() : '';
    if (action !== 'rotate' && action !== 'notify') throw invalid('lifetimeActions', 'a type is Rotate or Notify');
    if (found[action]) throw invalid('lifetimeActions', `there may be one ${action} at most`);
    found[action] = readTrigger(readObject(entry['trigger'], 'lifetimeActions.trigger'));
  }
  return found;
}

function readTrigger(trigger: Body): Trigger {
  const set = ['timeAfterCreate', 'timeBeforeExpiry'].filter((name) => (trigger[name] ?? null) !== null);
  const name = set[0];
  if (set.length !== 1 || !name) {
    throw invalid('lifetimeActions.trigger', 'it has either timeAfterCreate or timeBeforeExpiry');
  }
  read(trigger[name], `lifetimeActions.trigger.${name}`);
  return { [name]: trigger[name] } as Trigger;
}

function checkRotation(trigger: Trigger, validity: Duration | null, now: number): void {
  const expiry = validity && after(now, validity);
  if (trigger.timeBeforeExpiry && expiry === null) {
    throw invalid('lifetimeActions', 'a rotation before the expiry needs attributes.expiryTime');
  }
  const due = trigger.timeAfterCreate
    ? after(now, readDuration(trigger.timeAfterCreate)!)
    : before(expiry!, readDuration(trigger.timeBeforeExpiry)!);
  if (due < now + MIN_DISTANCE) throw invalid('lifetimeActions', 'a rotation is at least 7 days after the creation');
  if (expiry !== null && due > expiry - MIN_DISTANCE) {
    throw invalid('lifetimeActions', 'a rotation is at least 7 days before the expiry');
  }
}

function read(value: unknown, property: string): Duration {
  const duration = readDuration(value);
  if (!duration) throw invalid(property, 'it must be an ISO 8601 duration such as P90D');
  return duration;
}
