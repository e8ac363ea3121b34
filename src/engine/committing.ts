import {
  type EngineEvent,
  INLINE_VALUE_BYTES,
  isLargerThan,
  type JobRow,
  type RunCommit,
  type Store,
} from '../model/index.ts';
import type { Core } from './core.ts';
import type { Outbox, RunDraft, TransitionDraft } from './outbox.ts';
import type { RunState } from './run-state.ts';

/** A commit as the store takes it. */
export type PreparedCommit = readonly { readonly run: RunState; readonly commit: RunCommit }[];

/**
 * Whether an outbox may be on its way together with others: it needs nothing that those before it write, and nothing
 * that those behind it do could depend on how it ends.
 */
export function isPlain(out: Outbox): boolean {
  for (const { patch, settled, released, rows, values } of out.drafts.values()) {
    if (patch !== undefined || settled || released || rows.some(({ thin }) => thin)) return false;
    // A value that goes into a file can fail before the commit begins.
    if (values.some(({ value }) => isLargerThan(value, INLINE_VALUE_BYTES))) return false;
  }
  return true;
}

/** Turns an outbox into a commit. Runs that were given up to another owner meanwhile have no part in it. */
export function prepareCommit(core: Core, out: Outbox, store: Store): PreparedCommit {
  const commits: { readonly run: RunState; readonly commit: RunCommit }[] = [];
  for (const draft of out.drafts.values()) {
    const { run } = draft;
    if (core.runs.get(run.id) !== run) continue;
    if (draft.firstSeq === -1) {
      draft.firstSeq = run.seq + 1;
      run.seq += draft.transitions.length;
    }
    if (!store.keepsJobs && draft.values.length === 0 && draft.patch === undefined && draft.segments.length === 0)
      continue;
    commits.push({ run, commit: runCommit(draft, store) });
  }
  return commits;
}

/** A store that keeps no jobs is not given their steps either: its journal stays empty. */
function runCommit(draft: RunDraft, store: Store): RunCommit {
  const { run, firstSeq } = draft;
  const { keepsJobs } = store;
  return {
    run: run.id,
    owner: store.owner,
    epoch: run.epoch,
    ...(draft.patch === undefined ? {} : { patch: draft.patch }),
    jobs: draft.rows.map(({ row }) => row),
    values: draft.values,
    submissions: draft.submissions,
    firstSeq: keepsJobs ? firstSeq : 1,
    transitions: keepsJobs ? draft.transitions : [],
    segments: draft.segments.flatMap(({ graph, first, last }) => graph ?? run.graphsOf(first, last)),
  };
}

/**
 * Fills what thin rows leave out from what is stored: the latest attempt stays on record through hold and rerun. What
 * was decided before must be stored by then.
 */
export async function fillThinRows(out: Outbox, store: Store): Promise<void> {
  for (const { run, rows } of out.drafts.values()) {
    if (!rows.some(({ thin }) => thin)) continue;
    const inThisCommit = new Map<number, JobRow>();
    for (const [i, { row, thin }] of rows.entries()) {
      const old = thin ? (inThisCommit.get(row.job) ?? (await store.job(run.id, row.job))) : undefined;
      const whole = old === undefined ? row : merged(row, old);
      inThisCommit.set(row.job, whole);
      rows[i] = { row: whole, thin: false };
    }
  }
}

function merged(row: JobRow, old: JobRow): JobRow {
  return {
    ...old,
    status: row.status,
    detail: row.detail,
    fence: row.fence,
    charged: row.charged,
    losses: row.losses,
    wakeAt: row.wakeAt,
    flags: row.flags,
    outcome: row.outcome === '' ? old.outcome : row.outcome,
  };
}

/** What listeners are told of a commit, in order of what happened in each run. */
export function eventsOf(out: Outbox, at: number): EngineEvent[] {
  const events: EngineEvent[] = [];
  for (const draft of out.drafts.values()) {
    let seq = draft.firstSeq;
    if (seq === -1) continue;
    for (const step of draft.transitions) {
      events.push(jobEvent(draft.run, step, seq));
      seq += 1;
    }
    const { patch } = draft;
    if (patch?.status === undefined) continue;
    events.push({
      kind: 'run',
      run: draft.run.id,
      seq: draft.run.seq,
      status: patch.status,
      detail: patch.detail ?? '',
      at,
    });
  }
  return events;
}

function jobEvent(run: RunState, step: TransitionDraft, seq: number): EngineEvent {
  const { job: index, from, to: status, detail, fence, at, outcome } = step;
  const job = run.nameOf(index);
  return outcome === undefined
    ? { kind: 'job', run: run.id, seq, job, index, from, status, detail, fence, at }
    : { kind: 'job', run: run.id, seq, job, index, from, status, detail, fence, at, outcome };
}
