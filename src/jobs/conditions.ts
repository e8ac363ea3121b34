import {
  type AcceptMask,
  acceptMask,
  type Condition as ConditionData,
  FINAL_STATUSES,
  type FinalStatus,
  HeddleError,
  parseDuration,
} from '../model/index.ts';
import type { Engine } from './engine.ts';
import type { Job } from './job.ts';
import { parseClock, parseTimepoint, parseWeekday, type TimepointInput } from './time-input.ts';

/** How conditions of the caller's own are made known to the engine. */
export interface ConditionScope {
  /** Gives the name under which the engine looks at it. */
  own(condition: Condition): string;
}

/** Any condition: one of Heddle's or one's own. Conditions don't change after they were made. */
export interface AnyCondition {
  /** Itself as data, for the engine. */
  toData(scope: ConditionScope): ConditionData;
}

/**
 * A condition of one's own: extend it and say when it holds. It is looked at while its job waits, every `everyMs`; what
 * it throws is told in the log and counts as false.
 *
 * @example
 * class Quiet extends Condition {
 *   override readonly everyMs = 500;
 *   satisfy(engine: Engine): boolean {
 *     return engine.jobs.byStatus('running').length === 0;
 *   }
 * }
 */
export abstract class Condition implements AnyCondition {
  /** Its own pace, in milliseconds. */
  readonly everyMs: number = 100;

  /** Says whether the job may start now. The word of a promise holds until the next look. */
  abstract satisfy(engine: Engine): boolean | Promise<boolean>;

  toData(scope: ConditionScope): ConditionData {
    const everyMs = Math.max(1, parseDuration(this.everyMs, `everyMs of ${this.constructor.name}`));
    return { kind: 'custom', name: scope.own(this), everyMs };
  }
}

/** A job, or its id. */
export type JobReference = Job<unknown, unknown> | string;

function idOf(reference: JobReference): string {
  // Told by what it has, not by its class: a job's errors say what its condition waits for.
  if (typeof reference === 'object' && typeof (reference as Job<unknown> | null)?.id === 'string') return reference.id;
  if (typeof reference === 'string') return reference;
  throw new HeddleError('INPUT_INVALID', `a condition names a job by ${String(reference)}`, {
    hint: 'give the job or its id',
  });
}

function accepted(statuses: readonly FinalStatus[]): AcceptMask {
  const unknown = statuses.find((status) => !FINAL_STATUSES.includes(status));
  if (unknown === undefined && statuses.length > 0) return acceptMask(statuses);
  throw new HeddleError(
    'INPUT_INVALID',
    `a condition accepts ${unknown === undefined ? 'no status' : `'${unknown}'`}`,
    {
      hint: `a job ends ${FINAL_STATUSES.join(', ')}: give some of these`,
    },
  );
}

/** Another job has ended. @throws {HeddleError} INPUT_INVALID */
export class AfterAnother implements AnyCondition {
  readonly job: JobReference;
  readonly jobId: string;
  readonly statuses: readonly FinalStatus[];

  constructor(job: JobReference, statuses: readonly FinalStatus[] = FINAL_STATUSES) {
    accepted(statuses);
    this.job = job;
    this.jobId = idOf(job);
    this.statuses = [...statuses];
  }

  toData(): ConditionData {
    return { kind: 'after', jobs: [this.jobId], accept: accepted(this.statuses), mode: 'all' };
  }
}

/** What is wanted of several jobs. */
export interface AfterOthersOptions {
  /** How they must have ended. @default any way */
  readonly statuses?: readonly FinalStatus[];
  /** @default 'all' */
  readonly mode?: 'all' | 'any';
}

/** Other jobs have ended: all of them, or any. @throws {HeddleError} INPUT_INVALID */
export class AfterOthers implements AnyCondition {
  readonly jobs: readonly JobReference[];
  readonly jobIds: readonly string[];
  readonly statuses: readonly FinalStatus[];
  readonly mode: 'all' | 'any';

  constructor(jobs: readonly JobReference[], { statuses = FINAL_STATUSES, mode = 'all' }: AfterOthersOptions = {}) {
    accepted(statuses);
    this.jobs = [...jobs];
    this.jobIds = jobs.map(idOf);
    this.statuses = [...statuses];
    this.mode = mode;
  }

  toData(): ConditionData {
    return { kind: 'after', jobs: this.jobIds, accept: accepted(this.statuses), mode: this.mode };
  }
}

/** It is later than a point in time. @throws {HeddleError} INPUT_INVALID */
export class AfterTimepoint implements AnyCondition {
  readonly timepoint: Date;

  constructor(timepoint: TimepointInput) {
    this.timepoint = parseTimepoint(timepoint);
  }

  toData(): ConditionData {
    return { kind: 'after-time', at: this.timepoint.getTime() };
  }
}

/** It is earlier than a point in time; once that has passed, the job fails (unsatisfiable). */
export class BeforeTimepoint implements AnyCondition {
  readonly timepoint: Date;

  constructor(timepoint: TimepointInput) {
    this.timepoint = parseTimepoint(timepoint);
  }

  toData(): ConditionData {
    return { kind: 'before-time', at: this.timepoint.getTime() };
  }
}

/** Where the hands of the clock and the days of the week are read. */
export interface ZoneOptions {
  /** An IANA time zone: `'Europe/Berlin'`. @default the machine's */
  readonly timeZone?: string;
}

/** The time of day is `'HH'`, `'HH:MM'` or `'HH:MM:SS'`, or later: until midnight. @throws {HeddleError} INPUT_INVALID */
export class AfterClock implements AnyCondition {
  readonly #data: ConditionData;

  constructor(clock: string, zone: ZoneOptions = {}) {
    this.#data = { kind: 'after-clock', seconds: parseClock(clock), ...checkedZone(zone) };
  }

  toData(): ConditionData {
    return this.#data;
  }
}

/** The time of day is earlier than `'HH'`, `'HH:MM'` or `'HH:MM:SS'`. @throws {HeddleError} INPUT_INVALID */
export class BeforeClock implements AnyCondition {
  readonly #data: ConditionData;

  constructor(clock: string, zone: ZoneOptions = {}) {
    this.#data = { kind: 'before-clock', seconds: parseClock(clock), ...checkedZone(zone) };
  }

  toData(): ConditionData {
    return this.#data;
  }
}

/** It is this day of the week, or a later one: the week begins on Monday. @throws {HeddleError} INPUT_INVALID */
export class AfterWeekday implements AnyCondition {
  readonly #data: ConditionData;

  constructor(day: string, zone: ZoneOptions = {}) {
    this.#data = { kind: 'after-weekday', day: parseWeekday(day), ...checkedZone(zone) };
  }

  toData(): ConditionData {
    return this.#data;
  }
}

/** It is this day of the week, or an earlier one: the week begins on Monday. @throws {HeddleError} INPUT_INVALID */
export class BeforeWeekday implements AnyCondition {
  readonly #data: ConditionData;

  constructor(day: string, zone: ZoneOptions = {}) {
    this.#data = { kind: 'before-weekday', day: parseWeekday(day), ...checkedZone(zone) };
  }

  toData(): ConditionData {
    return this.#data;
  }
}

function checkedZone({ timeZone }: ZoneOptions): ZoneOptions {
  if (timeZone === undefined) return {};
  try {
    new Intl.DateTimeFormat('en', { timeZone });
  } catch (cause) {
    throw new HeddleError('INPUT_INVALID', `there is no time zone '${timeZone}'`, {
      cause,
      hint: "give an IANA name: 'Europe/Berlin', 'UTC'",
    });
  }
  return { timeZone };
}

/** All of these hold. */
export class AllSatisfied implements AnyCondition {
  readonly conditions: readonly AnyCondition[];

  constructor(conditions: readonly AnyCondition[]) {
    this.conditions = [...conditions];
  }

  toData(scope: ConditionScope): ConditionData {
    return { kind: 'all', conditions: this.conditions.map((condition) => condition.toData(scope)) };
  }
}

/** Any of these holds. */
export class AnySatisfied implements AnyCondition {
  readonly conditions: readonly AnyCondition[];

  constructor(conditions: readonly AnyCondition[]) {
    this.conditions = [...conditions];
  }

  toData(scope: ConditionScope): ConditionData {
    return { kind: 'any', conditions: this.conditions.map((condition) => condition.toData(scope)) };
  }
}
