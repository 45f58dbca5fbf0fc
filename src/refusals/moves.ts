import { rows } from './row.ts';

/** Refusals of moving a vault between the permission models. */
export const moveRefusals = rows({
  'model-order-invalid': {
    check: 'body',
    status: 400,
    error: 'InvalidPermissionModelOrder',
    message: "The value of '{property}' is not valid: {reason}.",
    cause: 'A member of the request for a plan is missing or has a value that is not allowed.',
    remedy: ['strongroom access plan --help'],
  },
  'model-plan-too-large': {
    check: 'state',
    status: 409,
    error: 'PermissionModelPlanTooLarge',
    message: 'The plan has {count} access policies; a vault holds at most {limit}.',
    cause: 'Roles reach more principals than a vault can have access policies.',
    remedy: ['Grant to groups instead of single principals, then plan again.'],
  },
  'model-plan-stale': {
    check: 'state',
    status: 409,
    error: 'PermissionModelPlanStale',
    message: 'The plan does not hold any more: {reason}. Nobody has lost access. Make a new plan.',
    cause: 'Policies, roles, groups or denials have changed since the plan was made, so it might lock somebody out.',
    remedy: ['strongroom access plan --vault {vault} --to {to}'],
  },
  'model-plan-loses': {
    check: 'state',
    status: 409,
    error: 'PermissionModelPlanLoses',
    message:
      'The plan takes something from {count} principals: {losses}. Nothing was changed. Apply it with acceptLosses if that is meant.',
    cause: 'The new model cannot express all that the present one gives, and nothing is given more widely unasked.',
    remedy: [
      'strongroom access plan --vault {vault} --to {to}',
      'strongroom access plan --vault {vault} --to {to} --widen --apply',
      'strongroom access plan --vault {vault} --to {to} --accept-losses --apply',
    ],
  },
  'model-replay-refused': {
    check: 'state',
    status: 409,
    error: 'PermissionModelReplayRefused',
    message:
      'Of the calls of the last {days} days, {count} kinds would be refused: {refused}. Batches of the log that cannot be read: {unreadable}. The vault was not switched, and what had been assigned for it was taken back.',
    cause: 'The calls were let in by the present model and would not be by the proposed one, as it was stored.',
    remedy: [
      'strongroom access plan --vault {vault} --to {to}',
      'strongroom access plan --vault {vault} --to {to} --accept-losses --apply',
    ],
  },
  'model-change-none': {
    check: 'state',
    status: 404,
    error: 'PermissionModelChangeNotFound',
    message: "There is no change of the permission model of '{vault}' to undo.",
    cause: 'No plan was applied to the vault, or it was undone already. A switch by hand is undone by hand.',
    remedy: ['az keyvault update --name {vault} --enable-rbac-authorization false'],
  },
  'model-change-reverting': {
    check: 'state',
    status: 409,
    error: 'PermissionModelChangeReverting',
    message: "Undoing the last change of the permission model of '{vault}' was interrupted. Finish that first.",
    cause: 'The vault uses its former model again, and some of what the plan assigned is still there.',
    remedy: ['strongroom access plan --vault {vault} --revert'],
  },
});
