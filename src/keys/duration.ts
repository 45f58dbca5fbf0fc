import { DAY } from '../base/text.ts';

/** A calendar duration (ISO 8601-1 §5.5.2): `P90D`, `P2Y6M`, `PT48H`. */
export interface Duration {
  readonly months: number;
  readonly milliseconds: number;
}

const FORM =
  /^P(?=.)(?:(\d{1,4})Y)?(?:(\d{1,4})M)?(?:(\d{1,4})W)?(?:(\d{1,5})D)?(?:T(?=.)(?:(\d{1,6})H)?(?:(\d{1,7})M)?(?:(\d{1,9})S)?)?$/;
const WEEK = 7 * DAY;
const HOUR = 3_600_000;

/** Reads a duration without fractions, or null where the text is none. */
export function readDuration(text: unknown): Duration | null {
  const parts = typeof text === 'string' && text.length <= 64 ? FORM.exec(text) : null;
  if (!parts) return null;
  const [years, months, weeks, days, hours, minutes, seconds] = parts.slice(1).map((part) => Number(part ?? 0)) as [
    number,
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  return {
    months: years * 12 + months,
    milliseconds: weeks * WEEK + days * DAY + hours * HOUR + minutes * 60_000 + seconds * 1000,
  };
}

/** The instant that lies the duration after another; a month later is the same day of the month, or the month's last. */
export function after(instant: number, { months, milliseconds }: Duration): number {
  return addMonths(instant, months) + milliseconds;
}

/** The instant that lies the duration before another. */
export function before(instant: number, { months, milliseconds }: Duration): number {
  return addMonths(instant, -months) - milliseconds;
}

function addMonths(instant: number, months: number): number {
  if (months === 0) return instant;
  const date = new Date(instant);
  const day = date.getUTCDate();
  date.setUTCDate(1);
  date.setUTCMonth(date.getUTCMonth() + months);
  const last = new Date(Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1, 0)).getUTCDate();
  date.setUTCDate(Math.min(day, last));
  return date.getTime();
}
