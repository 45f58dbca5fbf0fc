import { rows } from './row.ts';

/** Refusals of moving the clock. */
export const clockRefusals = rows({
  'clock-fixed': {
    check: 'state',
    status: 409,
    error: 'ClockNotMovable',
    message: 'The clock of this server cannot be moved.',
    cause: 'The server runs for production: the setting movableClock is off, as it is where nobody sets it.',
    remedy: ['For development alone, start the server with: strongroom start --dev'],
  },
  'clock-not-owner': {
    check: 'authorise',
    status: 403,
    error: 'AuthorizationFailed',
    message: "The client with object id '{oid}' may not move the clock: an Owner of the subscription may.",
    cause:
      'Moving the clock ends tokens and retentions for everybody, so other roles do not suffice, whatever actions they hold.',
    remedy: ['Move it as an Owner of the subscription: strongroom clock --advance 90d'],
  },
  'clock-move-invalid': {
    check: 'body',
    status: 400,
    error: 'InvalidClockMove',
    message: 'The clock is not moved: {reason}.',
    cause: 'It goes forward only, by at most 20 years in all: going back would bring back what has ended.',
    remedy: ['strongroom clock --advance 90d', 'Real time returns with a new data directory.'],
  },
});
