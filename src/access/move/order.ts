import type { Call } from '../../operations/operation.ts';
import { Refusal } from '../../refusals/refusal.ts';
import { readProperties } from '../../resources/request-body.ts';
import type { MoveOrder } from './plan.ts';
import { MAX_REPLAY_DAYS } from './replay.ts';

/** What a request for a plan asks for. */
export interface PlanRequest {
  readonly order: MoveOrder;
  /** How far back the log is replayed. */
  readonly days: number;
}

/** What a request to apply a plan asks for. */
export interface ApplyRequest extends PlanRequest {
  /** That of the plan that was seen. */
  readonly digest: string;
  readonly acceptLosses: boolean;
}

/** The days that are replayed where nothing is said of it. */
export const USUAL_REPLAY_DAYS = 30;

/** @throws Refusal `request-content-invalid`, `model-order-invalid` */
export function readPlanRequest(call: Call): PlanRequest {
  const { to, roles = 'exact', widen = false, days = USUAL_REPLAY_DAYS } = readProperties(call, true);
  if (to !== 'rbac' && to !== 'policies') throw invalid('to', 'rbac or policies is expected');
  if (roles !== 'exact' && roles !== 'built-in') throw invalid('roles', 'exact or built-in is expected');
  if (typeof widen !== 'boolean') throw invalid('widen', 'true or false is expected');
  if (!Number.isInteger(days) || (days as number) < 0 || (days as number) > MAX_REPLAY_DAYS) {
    throw invalid('days', `a whole number from 0 to ${MAX_REPLAY_DAYS} is expected`);
  }
  return { order: { to, roles, widen }, days: days as number };
}

/** @throws Refusal `request-content-invalid`, `model-order-invalid` */
export function readApplyRequest(call: Call): ApplyRequest {
  const { digest, acceptLosses = false } = readProperties(call, true);
  if (typeof digest !== 'string' || !/^[A-Za-z0-9_-]{43}$/.test(digest)) {
    throw invalid('digest', 'the digest of a plan is expected');
  }
  if (typeof acceptLosses !== 'boolean') throw invalid('acceptLosses', 'true or false is expected');
  return { ...readPlanRequest(call), digest, acceptLosses };
}

function invalid(property: string, reason: string): Refusal {
  return new Refusal('model-order-invalid', { property: `properties.${property}`, reason });
}
