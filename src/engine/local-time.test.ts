import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isTimeZone, type LocalTime, localTime, nextTime } from './local-time.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** Zones of every habit: none, halves and quarters of an hour, changes by half an hour, at midnight, over the date line. */
const ZONES = [
  'UTC',
  'Europe/Berlin',
  'America/New_York',
  'America/St_Johns',
  'Asia/Kathmandu',
  'Australia/Lord_Howe',
  'America/Santiago',
  'Africa/Casablanca',
  'Pacific/Apia',
  'Pacific/Chatham',
] as const;

const zones = fc.constantFrom(...ZONES, undefined);
const moments = fc.oneof(
  fc.integer({ min: Date.UTC(1995, 0), max: Date.UTC(2036, 0) }),
  // About changes of the clocks: the last Sundays of March and October in Europe, and others near them.
  fc
    .tuple(fc.integer({ min: 1996, max: 2030 }), fc.constantFrom(2, 3, 8, 9, 10), fc.integer({ min: 0, max: 30 * DAY }))
    .map(([year, month, ms]) => Date.UTC(year, month) + ms),
);

/** What a clock shows, as text from another part of JavaScript. */
function shownBy(wall: number, timeZone: string | undefined): { minutes: number; weekday: string } {
  const text = new Intl.DateTimeFormat('en-GB', {
    weekday: 'short',
    hour: '2-digit',
    minute: '2-digit',
    hourCycle: 'h23',
    ...(timeZone === undefined ? {} : { timeZone }),
  }).format(wall);
  const [, weekday = '', hours, minutes] = /^(\w{3}),? (\d+):(\d+)$/.exec(text) ?? [];
  return { minutes: Number(hours) * 60 + Number(minutes), weekday };
}

const WEEKDAYS = ['Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun'];

describe('local time', () => {
  test('is what clocks show, in any zone and season', () => {
    fc.assert(
      fc.property(moments, zones, (wall, timeZone) => {
        const { ofDayMs, weekday } = localTime(wall, timeZone);
        const shown = shownBy(wall, timeZone);
        expect(Math.floor(ofDayMs / MINUTE)).toBe(shown.minutes);
        expect(WEEKDAYS[weekday]).toBe(shown.weekday);
      }),
      { numRuns: 500 },
    );
  });

  test('the next time is the first at which it holds: not one quarter of an hour before does', () => {
    const quarters = fc.integer({ min: 0, max: 95 });
    const kinds = fc.constantFrom('after-clock', 'before-clock', 'after-weekday', 'before-weekday');
    fc.assert(
      fc.property(
        moments,
        zones,
        fc.record({ kind: kinds, quarter: quarters, day: fc.integer({ min: 0, max: 6 }) }),
        (wall, timeZone, wish) => {
          const edgeMs = wish.kind.endsWith('clock') ? wish.quarter * 15 * MINUTE : 0;
          const holds = ({ ofDayMs, weekday }: LocalTime): boolean => {
            if (wish.kind === 'after-clock') return ofDayMs >= edgeMs;
            if (wish.kind === 'before-clock') return ofDayMs < edgeMs;
            return wish.kind === 'after-weekday' ? weekday >= wish.day : weekday < wish.day;
          };
          fc.pre(!holds(localTime(wall, timeZone)));

          const next = nextTime(wall, { timeZone, edgeMs, holds });

          // All changes of clocks, and all edges asked for here, fall on quarters of an hour.
          let first: number | undefined;
          const firstQuarter = Math.ceil((wall + 1) / (15 * MINUTE)) * 15 * MINUTE;
          for (let at = firstQuarter; at < wall + 8 * DAY + HOUR; at += 15 * MINUTE) {
            if (!holds(localTime(at, timeZone))) continue;
            first = at;
            break;
          }
          expect(next).toBe(first);
        },
      ),
      { numRuns: 300 },
    );
  });

  test('a time that is left out when the clocks go forward comes when they have', () => {
    // In Berlin, 2:00 on 2026-03-29 is 3:00.
    const evening = Date.UTC(2026, 2, 28, 20);
    const holds = ({ ofDayMs, weekday }: LocalTime): boolean => weekday === 6 && ofDayMs >= 2.5 * HOUR;

    expect(nextTime(evening, { timeZone: 'Europe/Berlin', edgeMs: 2.5 * HOUR, holds })).toBe(Date.UTC(2026, 2, 29, 1));
  });

  test('a time that comes twice is taken the first time', () => {
    // In Berlin, 3:00 on 2026-10-25 is 2:00 once more.
    const evening = Date.UTC(2026, 9, 24, 20);
    const holds = ({ ofDayMs, weekday }: LocalTime): boolean => weekday === 6 && ofDayMs >= 2.5 * HOUR;

    expect(nextTime(evening, { timeZone: 'Europe/Berlin', edgeMs: 2.5 * HOUR, holds })).toBe(
      Date.UTC(2026, 9, 25, 0, 30),
    );
  });

  test('what no clock shows has no next time', () => {
    const never = { timeZone: 'UTC', edgeMs: 86_400_000, holds: ({ ofDayMs }: LocalTime) => ofDayMs >= 86_400_000 };

    expect(nextTime(0, never)).toBeUndefined();
  });

  test('knows which zones there are', () => {
    expect(isTimeZone('Asia/Tokyo')).toBe(true);
    expect(isTimeZone('Middle/Earth')).toBe(false);
  });
});
