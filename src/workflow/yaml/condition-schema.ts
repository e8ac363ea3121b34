import * as z from 'zod';
import { AfterClock, AfterTimepoint, AfterWeekday } from '../../jobs/index.ts';
import { reads } from './readable.ts';

/** What a task's `condition` is made of, as zod schemas: one a kind, told by the key that only it has. */

const POINT = 'is no point in time: write 2027-01-31T09:00, with Z or +01:00 for a zone, or epoch milliseconds';
const CLOCK = "is no time of day: write '9', '12:30' or '23:59:59', in quotes";
const DAY = 'is no day of the week: write mon or Monday';
const ZONE = 'is no time zone: write an IANA name, Europe/Berlin or UTC';
const FORM =
  "is no condition: { after: prepare }, { afterClock: '22:00' }, { afterWeekday: sat }, { afterTimepoint: 2027-01-31T09:00 }, the same with before, { all: [...] } or { any: [...] }";

const point = z.union([z.string(), z.number()], { error: POINT }).refine(
  reads((value: string | number) => new AfterTimepoint(value)),
  { error: POINT },
);
const clock = z.union([z.string(), z.number()], { error: CLOCK }).refine(
  reads((value: string | number) => new AfterClock(String(value))),
  { error: CLOCK },
);
const day = z.string({ error: DAY }).refine(
  reads((value: string) => new AfterWeekday(value)),
  { error: DAY },
);
const timeZone = z
  .string({ error: ZONE })
  .refine(
    reads((value: string) => new AfterClock('0', { timeZone: value })),
    { error: ZONE },
  )
  .optional();

const status = z.enum(['done', 'failed', 'cancelled'], { error: 'must be done, failed or cancelled' });
const AWAITED = 'must be the name of a task, or a list of names';
const awaited = z.union([z.string(), z.array(z.string()).min(1)], { error: AWAITED });
const list = 'must be a list of conditions';

const condition: z.ZodType = z.lazy(() =>
  z
    .union(Object.values(kinds(condition)), { error: FORM })
    .meta({ id: 'condition', description: 'A gate: the job does not start before it holds.' }),
);

function kinds(inner: z.ZodType): Readonly<Record<string, z.ZodObject>> {
  return {
    after: z.strictObject({
      after: awaited,
      statuses: z.union([status, z.array(status).min(1)], { error: 'must be a status, or a list of them' }).optional(),
      mode: z.enum(['all', 'any'], { error: 'must be all or any' }).optional(),
    }),
    afterTimepoint: z.strictObject({ afterTimepoint: point }),
    beforeTimepoint: z.strictObject({ beforeTimepoint: point }),
    afterClock: z.strictObject({ afterClock: clock, timeZone }),
    beforeClock: z.strictObject({ beforeClock: clock, timeZone }),
    afterWeekday: z.strictObject({ afterWeekday: day, timeZone }),
    beforeWeekday: z.strictObject({ beforeWeekday: day, timeZone }),
    all: z.strictObject({ all: z.array(inner, { error: list }).min(1, { error: list }) }),
    any: z.strictObject({ any: z.array(inner, { error: list }).min(1, { error: list }) }),
  };
}

/** A whole condition, as the published schema has it. */
export const CONDITION: z.ZodType = condition;

/** Of one condition each, without those inside of it. */
export const CONDITION_KINDS: Readonly<Record<string, z.ZodObject>> = kinds(z.unknown());

/** What a thing that is no condition is told. */
export const NO_CONDITION: string = FORM;
