import { HeddleError } from '../model/index.ts';

/** A point in time: a date, epoch milliseconds, or ISO text (without a zone: local time). */
export type TimepointInput = Date | number | string;

const DAYS: readonly string[] = ['monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday', 'sunday'];

/** @throws {HeddleError} INPUT_INVALID */
export function parseTimepoint(value: TimepointInput): Date {
  const date = new Date(value instanceof Date ? value.getTime() : value);
  if (!Number.isNaN(date.getTime())) return date;
  throw new HeddleError('INPUT_INVALID', `${quoted(value)} is no point in time`, {
    hint: "give a Date, epoch milliseconds, or ISO text: '2027-01-31T09:00'",
  });
}

/** `'HH'`, `'HH:MM'` or `'HH:MM:SS'` as seconds after midnight. @throws {HeddleError} INPUT_INVALID */
export function parseClock(value: string): number {
  const read = /^(\d{1,2})(?::(\d{2}))?(?::(\d{2}))?$/.exec(String(value).trim());
  const [hours, minutes, seconds] = [1, 2, 3].map((group) => Number(read?.[group] ?? 0)) as [number, number, number];
  if (read !== null && hours < 24 && minutes < 60 && seconds < 60) return (hours * 60 + minutes) * 60 + seconds;
  throw new HeddleError('INPUT_INVALID', `${quoted(value)} is no time of day`, {
    hint: "write '9', '12:30' or '23:59:59'",
  });
}

/** Monday is 0; short or whole English names, in any case. @throws {HeddleError} INPUT_INVALID */
export function parseWeekday(value: string): number {
  const name = String(value).trim().toLowerCase();
  const day = DAYS.findIndex((full) => full === name || full.slice(0, 3) === name);
  if (day !== -1) return day;
  throw new HeddleError('INPUT_INVALID', `${quoted(value)} is no day of the week`, {
    hint: "write 'mon' or 'Monday', ...",
  });
}

function quoted(value: unknown): string {
  return typeof value === 'string' ? `'${value}'` : String(value);
}
