import type { Outcome } from '../../model/index.ts';
import type { NativeJob } from '../scheduler/index.ts';
import { impossible, outcomeOf, STATES, standingOfReason, type WaitStatus } from './states.ts';

/** Names we give: other jobs of the user are none of ours. */
export const MARKER: RegExp = /^[A-Za-z][A-Za-z0-9_-]{0,14}$/;

/** One or many elements as Slurm tells them. */
export interface Row {
  readonly array: string;
  /** Its index, or those of all that pend; `N/A` for a single job. */
  readonly tasks: string;
  readonly state: string;
  readonly restarts: number;
  readonly wait: WaitStatus | undefined;
  readonly host: string;
  readonly name: string;
  readonly reason: string;
}

/** The elements of rows, each once. */
export function jobsOf(rows: Iterable<Row>): { readonly jobs: readonly NativeJob[]; readonly isWhole: boolean } {
  const jobs = new Map<string, NativeJob>();
  // There are few ways to be, however many jobs there are.
  const ways = new Map<string, Way>();
  let isWhole = true;
  for (const row of rows) {
    const elements = elementsOf(row.tasks);
    if (elements === undefined) isWhole = false;
    const { state, reason, restarts, wait, host } = row;
    const key = `${state}|${restarts}|${wait?.code}|${wait?.signal}|${host}|${reason}`;
    let way = ways.get(key);
    if (way === undefined) ways.set(key, (way = wayOf(row)));
    for (const element of elements ?? []) {
      const id = row.tasks === 'N/A' ? row.array : `${row.array}_${element}`;
      const job = { marker: row.name, id, element, ...way };
      const name = `${row.name} ${element}`;
      const other = jobs.get(name);
      if (other === undefined || outdoes(job, other)) jobs.set(name, job);
    }
  }
  return { jobs: [...jobs.values()], isWhole };
}

/**
 * A job that may start in several partitions has a row for each; and some submissions that were refused (a constraint no node
 * meets) leave a failed job behind, beside that of a later try.
 */
function outdoes(job: NativeJob, other: NativeJob): boolean {
  if ((job.standing === 'ended') !== (other.standing === 'ended')) return other.standing === 'ended';
  return Number.parseInt(job.id, 10) > Number.parseInt(other.id, 10);
}

/** All that is told of an element beside which one it is. */
type Way = Omit<NativeJob, 'marker' | 'id' | 'element'>;

function wayOf(row: Row): Way {
  const { state, reason, restarts } = row;
  const meaning = STATES[state];
  const standing = state === 'PENDING' ? standingOfReason(reason) : (meaning?.standing ?? 'running');
  const outcome = standing === 'never' ? impossible(reason) : endOf(row, standing);
  return {
    state,
    reason: reason === 'None' ? '' : reason,
    standing,
    ...(outcome === undefined ? {} : { outcome }),
    ...(restarts > 0 ? { restarts } : {}),
    ...(meaning?.phase === undefined ? {} : { phase: meaning.phase }),
    ...(/^(?:n\/a|\(null\)|)$/i.test(row.host) ? {} : { host: row.host }),
  };
}

/** How it ended; of one that waits to begin anew: how the run before that did. */
function endOf({ state, reason, restarts, wait }: Row, standing: NativeJob['standing']): Outcome | undefined {
  if (restarts > 0 && (standing === 'waiting' || standing === 'held'))
    return { kind: 'preempted', why: `Slurm took it back to begin it anew (${state}, ${reason})` };
  return outcomeOf(state, reason, wait);
}

/** A wait status as the kernel has it (51200 is exit code 200), or as `CODE:SIGNAL`. */
export function waitStatusOf(text: string): WaitStatus | undefined {
  const pair = /^(\d+):(\d+)$/.exec(text);
  if (pair !== null) return { code: Number(pair[1]), signal: Number(pair[2]) };
  if (!/^\d+$/.test(text)) return undefined;
  const status = Number(text);
  return { code: (status >> 8) & 0xff, signal: status & 0x7f };
}

/** The indices in `N/A` (a single job), `7`, `1,4-7,11-99:2%5`; undefined when they were cut short. */
export function elementsOf(tasks: string): readonly number[] | undefined {
  if (tasks === 'N/A') return [0];
  if (/^\d+$/.test(tasks)) return [Number(tasks)];
  const elements: number[] = [];
  for (const part of tasks.replace(/[[\]]/g, '').replace(/%\d+$/, '').split(',')) {
    const range = /^(\d+)(?:-(\d+)(?::(\d+))?)?$/.exec(part);
    if (range === null) return undefined;
    const from = Number(range[1]);
    const to = Number(range[2] ?? from);
    const step = Number(range[3] ?? 1);
    for (let at = from; at <= to; at += step) elements.push(at);
  }
  return elements;
}
