import { HeddleError } from '../model/index.ts';
import {
  AfterClock,
  AfterTimepoint,
  AfterWeekday,
  AllSatisfied,
  type AnyCondition,
  AnySatisfied,
  BeforeClock,
  BeforeTimepoint,
  BeforeWeekday,
  type ZoneOptions,
} from './conditions.ts';
import { parseClock, parseTimepoint, parseWeekday, type TimepointInput } from './time-input.ts';

/** Conditions by functions: short words for the classes, and windows of time. */

/** All of these hold. */
export function allOf(...conditions: readonly AnyCondition[]): AllSatisfied {
  return new AllSatisfied(conditions);
}

/** Any of these holds. */
export function anyOf(...conditions: readonly AnyCondition[]): AnySatisfied {
  return new AnySatisfied(conditions);
}

export function afterClock(clock: string, zone?: ZoneOptions): AfterClock {
  return new AfterClock(clock, zone);
}

export function beforeClock(clock: string, zone?: ZoneOptions): BeforeClock {
  return new BeforeClock(clock, zone);
}

export function afterWeekday(day: string, zone?: ZoneOptions): AfterWeekday {
  return new AfterWeekday(day, zone);
}

export function beforeWeekday(day: string, zone?: ZoneOptions): BeforeWeekday {
  return new BeforeWeekday(day, zone);
}

export function afterTimepoint(timepoint: TimepointInput): AfterTimepoint {
  return new AfterTimepoint(timepoint);
}

export function beforeTimepoint(timepoint: TimepointInput): BeforeTimepoint {
  return new BeforeTimepoint(timepoint);
}

/**
 * The time of day is between two: from the first, until before the second. Over midnight where the second is the
 * earlier one: `betweenClock('22:00', '6:00')`.
 */
export function betweenClock(start: string, end: string, zone?: ZoneOptions): AnyCondition {
  const bounds = [new AfterClock(start, zone), new BeforeClock(end, zone)];
  return parseClock(start) < parseClock(end) ? new AllSatisfied(bounds) : new AnySatisfied(bounds);
}

/** The day of the week is one of these, both included; over Sunday where the second is the earlier one: `('sat', 'mon')`. */
export function betweenWeekday(start: string, end: string, zone?: ZoneOptions): AnyCondition {
  const bounds = [new AfterWeekday(start, zone), new BeforeWeekday(end, zone)];
  return parseWeekday(start) <= parseWeekday(end) ? new AllSatisfied(bounds) : new AnySatisfied(bounds);
}

/** It is between two points in time. @throws {HeddleError} INPUT_INVALID when there is nothing between them */
export function betweenTimepoint(start: TimepointInput, end: TimepointInput): AllSatisfied {
  const [from, until] = [parseTimepoint(start), parseTimepoint(end)];
  if (from.getTime() < until.getTime()) return new AllSatisfied([new AfterTimepoint(from), new BeforeTimepoint(until)]);
  throw new HeddleError('INPUT_INVALID', `there is no time between ${from.toISOString()} and ${until.toISOString()}`, {
    hint: 'give the earlier one first',
  });
}
