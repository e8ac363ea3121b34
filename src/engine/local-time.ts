/**
 * The time of day and the day of the week as the clocks of a place show them, and when they next say what a condition
 * wants. Zones are those of IANA's data as JavaScript has it; none named: this process's own.
 */

const SECOND = 1000;
const DAY = 86_400 * SECOND;

const formats: Map<string, Intl.DateTimeFormat> = new Map();

/** Whether JavaScript knows a zone by this name. */
export function isTimeZone(timeZone: string): boolean {
  try {
    formatFor(timeZone);
    return true;
  } catch {
    return false;
  }
}

function formatFor(timeZone: string): Intl.DateTimeFormat {
  let format = formats.get(timeZone);
  if (format === undefined) {
    format = new Intl.DateTimeFormat('en-US', {
      timeZone,
      calendar: 'iso8601',
      numberingSystem: 'latn',
      hourCycle: 'h23',
      year: 'numeric',
      month: '2-digit',
      day: '2-digit',
      hour: '2-digit',
      minute: '2-digit',
      second: '2-digit',
    });
    formats.set(timeZone, format);
  }
  return format;
}

/** What the clocks of a place show, as milliseconds since an epoch of their own: 1970 began there at 0. */
function shown(wall: number, timeZone: string | undefined): number {
  if (timeZone === undefined) {
    const date = new Date(wall);
    const seconds = Date.UTC(
      date.getFullYear(),
      date.getMonth(),
      date.getDate(),
      date.getHours(),
      date.getMinutes(),
      date.getSeconds(),
    );
    return seconds + date.getMilliseconds();
  }
  const fields = { year: 0, month: 0, day: 0, hour: 0, minute: 0, second: 0 };
  for (const { type, value } of formatFor(timeZone).formatToParts(wall)) {
    if (type in fields) fields[type as keyof typeof fields] = Number(value);
  }
  const { year, month, day, hour, minute, second } = fields;
  return Date.UTC(year, month - 1, day, hour, minute, second) + positiveRemainder(wall, SECOND);
}

function positiveRemainder(value: number, by: number): number {
  return ((value % by) + by) % by;
}

/** Time of day in milliseconds since the clocks showed midnight, and day of the week, Monday being 0. */
export interface LocalTime {
  readonly ofDayMs: number;
  readonly weekday: number;
}

/** @throws {RangeError} when there is no such zone */
export function localTime(wall: number, timeZone?: string): LocalTime {
  return timeShown(shown(wall, timeZone));
}

function timeShown(local: number): LocalTime {
  // 1970 began on a Thursday.
  return { ofDayMs: positiveRemainder(local, DAY), weekday: positiveRemainder(Math.floor(local / DAY) + 3, 7) };
}

/** More looks than days of a week and changes of the clocks in it. */
const MOST_STEPS = 24;

/**
 * The first point in time after `wall` at which the clocks show what is wanted; undefined: not within a week.
 * `edgeMs` is the time of day at which the answer can change, besides midnight and when the clocks are changed.
 */
export function nextTime(
  wall: number,
  wanted: {
    readonly timeZone: string | undefined;
    readonly edgeMs: number;
    readonly holds: (time: LocalTime) => boolean;
  },
): number | undefined {
  let at = wall;
  for (let step = 0; step < MOST_STEPS; step += 1) {
    at = nextEdge(at, wanted.edgeMs, wanted.timeZone);
    if (wanted.holds(localTime(at, wanted.timeZone))) return at;
  }
  return undefined;
}

/** The next point at which the clocks show midnight or the time of day, or are changed. */
function nextEdge(wall: number, edgeMs: number, timeZone: string | undefined): number {
  const local = shown(wall, timeZone);
  const midnight = Math.floor(local / DAY) * DAY;
  const edge = edgeMs < DAY && midnight + edgeMs > local ? midnight + edgeMs : midnight + DAY;
  const offset = local - wall;
  const expected = edge - offset;
  const offsetAt = (at: number): number => shown(at, timeZone) - at;
  if (offsetAt(expected) === offset) return expected;
  // The clocks are changed on the way there (no zone changes them twice a day): the first point with another offset.
  let before = wall;
  let after = expected;
  while (after - before > 1) {
    const middle = Math.floor((before + after) / 2);
    if (offsetAt(middle) === offset) before = middle;
    else after = middle;
  }
  return after;
}
