import type { Ajv } from 'ajv';

const INT32 = 2 ** 31;

/** Adds the formats of the service's OpenAPI files to a validator (OpenAPI 2 data types, AutoRest formats). */
export function addFormats(ajv: Ajv): void {
  const integer = (test: (value: number) => boolean) => ({ type: 'number' as const, validate: test });
  ajv.addFormat(
    'int32',
    integer((value) => Number.isInteger(value) && value >= -INT32 && value < INT32),
  );
  ajv.addFormat('int64', integer(Number.isSafeInteger));
  // Seconds since 1970; a value in milliseconds would be beyond the year 9999.
  ajv.addFormat(
    'unixtime',
    integer((value) => Number.isInteger(value) && value >= 0 && value <= 253_402_300_799),
  );
  ajv.addFormat('base64url', /^[A-Za-z0-9_-]*$/);
  ajv.addFormat('byte', /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/);
  ajv.addFormat('uuid', /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i);
  ajv.addFormat(
    'date-time',
    (text) =>
      /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)$/.test(text) && !Number.isNaN(Date.parse(text)),
  );
  ajv.addFormat('duration', /^P(?!$)(?:\d+Y)?(?:\d+M)?(?:\d+W)?(?:\d+D)?(?:T(?:\d+H)?(?:\d+M)?(?:[\d.]+S)?)?$/i);
  ajv.addFormat('arm-id', /^\/(?:subscriptions|providers)\//i);
  ajv.addFormat('uri', (text) => URL.canParse(text));
  ajv.addFormat('float', integer(Number.isFinite));
  ajv.addFormat('double', integer(Number.isFinite));
  ajv.addFormat('decimal', integer(Number.isFinite));
}
