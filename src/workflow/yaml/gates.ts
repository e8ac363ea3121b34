import {
  AfterClock,
  AfterOthers,
  AfterTimepoint,
  AfterWeekday,
  BeforeClock,
  BeforeTimepoint,
  BeforeWeekday,
} from '../../jobs/index.ts';
import type { Condition, Definition, FinalStatus, Json } from '../../model/index.ts';
import type { DataPath } from '../experiments/index.ts';
import type { NodeRecord, Recorder } from '../recorder.ts';
import type { Awaited } from './task-spec.ts';
import { isMembers, type Members } from './validate.ts';

/** The tasks that a condition names, at any depth of it. */
export function awaitedBy(condition: unknown, path: DataPath): readonly Awaited[] {
  if (!isMembers(condition)) return [];
  const { after } = condition;
  const at = [...path, 'after'];
  if (typeof after === 'string') return [{ name: after, statuses: undefined, path: at }];
  if (Array.isArray(after))
    return after.map((name: string, i): Awaited => ({ name, statuses: undefined, path: [...at, i] }));
  return ['all', 'any'].flatMap((joint) => {
    const parts = condition[joint];
    return Array.isArray(parts) ? parts.flatMap((part, i) => awaitedBy(part, [...path, joint, i])) : [];
  });
}

/** A condition as a document says it, as the engine has it. `jobsOf` gives the ids of a task's jobs. */
export function conditionOf(given: Json, jobsOf: (task: string) => readonly string[]): Condition {
  const condition = given as Members;
  const zone = condition['timeZone'] === undefined ? {} : { timeZone: condition['timeZone'] as string };
  for (const joint of ['all', 'any'] as const) {
    const parts = condition[joint] as readonly Json[] | undefined;
    if (parts !== undefined) return { kind: joint, conditions: parts.map((part) => conditionOf(part, jobsOf)) };
  }
  const of = (key: string): string => String(condition[key]);
  if ('afterClock' in condition) return new AfterClock(of('afterClock'), zone).toData();
  if ('beforeClock' in condition) return new BeforeClock(of('beforeClock'), zone).toData();
  if ('afterWeekday' in condition) return new AfterWeekday(of('afterWeekday'), zone).toData();
  if ('beforeWeekday' in condition) return new BeforeWeekday(of('beforeWeekday'), zone).toData();
  if ('afterTimepoint' in condition) return new AfterTimepoint(condition['afterTimepoint'] as string).toData();
  if ('beforeTimepoint' in condition) return new BeforeTimepoint(condition['beforeTimepoint'] as string).toData();
  return afterOf(condition, jobsOf);
}

function afterOf({ after, statuses, mode }: Members, jobsOf: (task: string) => readonly string[]): Condition {
  const jobs = listOf(after as string | readonly string[]).flatMap(jobsOf);
  return new AfterOthers(jobs, {
    ...(statuses === undefined ? {} : { statuses: listOf(statuses as FinalStatus | readonly FinalStatus[]) }),
    ...(mode === undefined ? {} : { mode: mode as 'all' | 'any' }),
  }).toData();
}

function listOf<Item extends string>(given: Item | readonly Item[]): readonly Item[] {
  return typeof given === 'string' ? [given] : given;
}

/** Jobs that wait for others by a condition. */
export interface Gate {
  readonly records: readonly NodeRecord[];
  readonly condition: Json;
  /** What was made of each task that the condition names. */
  readonly upstream: ReadonlyMap<string, readonly NodeRecord[]>;
}

/** Gives jobs their conditions, now that all of a graph's jobs have their names. */
export function closeGates(recorder: Recorder, gates: readonly Gate[]): void {
  if (gates.length === 0) return;
  const names = recorder.names();
  for (const { records, condition, upstream } of gates) {
    const data = conditionOf(condition, (task) =>
      (upstream.get(task) ?? []).map((record) => names.get(record) as string),
    );
    const gated = new Map<Definition, Definition>();
    for (const record of records) {
      const own = gated.get(record.definition) ?? { ...record.definition, condition: data };
      gated.set(record.definition, own);
      record.definition = own;
    }
  }
}
