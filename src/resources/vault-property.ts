import { Refusal } from '../refusals/refusal.ts';

/** Whether the value is a JSON object. */
export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/**
 * The refusal of one of a vault's properties.
 * @param property its path below `properties`
 * @param reason what is expected
 */
export function invalidProperty(property: string, reason: string): Refusal {
  return new Refusal('vault-property-invalid', { property: `properties.${property}`, reason });
}
