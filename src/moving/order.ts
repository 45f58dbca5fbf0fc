import { MAX_REPLAY_DAYS } from '../access/move/replay.ts';
import type { Call } from '../operations/operation.ts';
import { Refusal } from '../refusals/refusal.ts';
import { readProperties } from '../resources/request-body.ts';
import type { MoveOptions } from './carrier.ts';

/** What a request to plan or apply a move asks for. */
export interface MoveOrder {
  /** The name of the new vault. */
  readonly to: string;
  readonly options: MoveOptions;
  /** How far back the log is read for the clients that will have to change. */
  readonly days: number;
}

/** What a request to end a move asks for. */
export interface EndOrder {
  /** Whether the old vault stays as it is. */
  readonly keep: boolean;
  readonly acceptLosses: boolean;
}

const USUAL_DAYS = 30;
const tiers = ['standard', 'premium'] as const;
const treatments = ['copy', 'import', 'generate'] as const;

/** @throws Refusal `request-content-invalid`, `vault-move-order-invalid` */
export function readMoveOrder(call: Call): MoveOrder {
  const properties = readProperties(call, true);
  const { to, days = USUAL_DAYS } = properties;
  if (typeof to !== 'string') throw invalid('to', 'the name of the new vault is expected');
  const sku = oneOf(properties, 'sku', tiers, 'premium');
  if (!Number.isInteger(days) || (days as number) < 0 || (days as number) > MAX_REPLAY_DAYS) {
    throw invalid('days', `a whole number from 0 to ${MAX_REPLAY_DAYS} is expected`);
  }
  const keys = oneOf(properties, 'keys', treatments, sku === 'premium' ? 'generate' : 'copy');
  const purgeProtection = flag(properties, 'purgeProtection');
  return { to, options: { sku, keys, purgeProtection }, days: days as number };
}

/** @throws Refusal `request-content-invalid`, `vault-move-order-invalid` */
export function readEndOrder(call: Call): EndOrder {
  const properties = readProperties(call, false);
  return { keep: flag(properties, 'keep'), acceptLosses: flag(properties, 'acceptLosses') };
}

type Properties = Readonly<Record<string, unknown>>;

function oneOf<Word extends string>(
  properties: Properties,
  name: string,
  words: readonly Word[],
  usual: NoInfer<Word>,
): Word {
  const value = properties[name] ?? usual;
  const found = words.find((word) => word === value);
  if (!found) throw invalid(name, `one of ${words.join(', ')} is expected`);
  return found;
}

function flag(properties: Properties, name: string): boolean {
  const value = properties[name] ?? false;
  if (typeof value !== 'boolean') throw invalid(name, 'true or false is expected');
  return value;
}

function invalid(property: string, reason: string): Refusal {
  return new Refusal('vault-move-order-invalid', { property: `properties.${property}`, reason });
}
