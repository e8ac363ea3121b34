import {
  ACCEPT_ALL,
  type Graph,
  HeddleError,
  isLargerThan,
  MAX_VALUE_BYTES,
  type Outcome,
  outcomeJson,
  type SerializedError,
  type Value,
} from '../model/index.ts';
import type { Expansion, LateEdge } from './api.ts';
import { admit, inOneGo, refuseDefinitions } from './appending.ts';
import { PENDING } from './codes.ts';
import type { ReadyControl } from './controls.ts';
import { type Core, change } from './core.ts';
import { type DefaultBackends, openJobs } from './runs.ts';
import type { RunState } from './run-state.ts';
import { addChore, closeControl, isTellingPartly } from './turn.ts';
import { settle, skip } from './waiting.ts';

/** How a control node ends. */
export type ControlEnd =
  | { readonly kind: 'done'; readonly value: Value | undefined; readonly segment: Graph | undefined }
  | { readonly kind: 'failed'; readonly error: SerializedError }
  | { readonly kind: 'skipped' };

/**
 * Makes of what a control node is said to become how it ends. What cannot be appended fails it. Yields where it is long.
 *
 * @throws {HeddleError} GRAPH_INVALID, BACKEND_UNKNOWN, RESOURCES_IMPOSSIBLE, INPUT_INVALID, VALUE_TOO_LARGE
 */
export function* endOf(core: Core, control: ReadyControl, from: ExpansionOf): Generator<void, ControlEnd> {
  const { error, skipped, value, segment, lateEdges = [] } = from.expansion;
  if (error !== undefined) return { kind: 'failed', error };
  const { run, job } = control;
  if (value !== undefined && isLargerThan(value, MAX_VALUE_BYTES)) {
    const message = `the value of "${run.nameOf(job)}" is larger than 64 MiB`;
    throw new HeddleError('VALUE_TOO_LARGE', message, { hint: 'let each element write a file, and declare it' });
  }
  const size = segment?.size ?? 0;
  yield* refuseUnfit(run, control, { base: from.base, size, segment, lateEdges });
  if (skipped === true) return { kind: 'skipped' };
  if (segment === undefined || size === 0) return { kind: 'done', value, segment: undefined };
  refuseDefinitions(core, { run, segment, defaults: from.defaults });
  const late = lateEdges.length === 0 ? {} : { late: yield* columnsOf(lateEdges) };
  return { kind: 'done', value, segment: { ...segment, ...late, expands: Uint32Array.of(job) } };
}

export interface ExpansionOf {
  readonly expansion: Expansion;
  /** Where its nodes begin. */
  readonly base: number;
  readonly defaults: DefaultBackends;
}

interface Appended {
  readonly base: number;
  readonly size: number;
  readonly segment: Graph | undefined;
  readonly lateEdges: readonly LateEdge[];
}

/** Late edges that are gone through in one slice. */
const EDGES_A_SLICE = 20_000;

function* refuseUnfit(
  run: RunState,
  { job }: ReadyControl,
  { base, size, segment, lateEdges }: Appended,
): Generator<void> {
  const said = `what "${run.nameOf(job)}" becomes`;
  if (segment !== undefined && segment.base !== base)
    throw invalid(`${said} begins at ${segment.base}, and the run has ${base} jobs`);
  /** Nodes that late edges may lead into. */
  const waiting = new Set<number>();
  for (const [e, { from, to, accept }] of lateEdges.entries()) {
    if (e > 0 && e % EDGES_A_SLICE === 0) yield;
    if (from < base || from >= base + size) throw invalid(`${said} has a late edge from ${from}, which is not its own`);
    if (!Number.isInteger(accept) || (accept & ~ACCEPT_ALL) !== 0)
      throw invalid(`${said} has a late edge that accepts something that is no final status`);
    if (waiting.has(to)) continue;
    if (!(to >= 0 && to < base) || !waitsFor(run, to, job)) {
      const name = to >= 0 && to < base ? `"${run.nameOf(to)}"` : `number ${to}`;
      throw invalid(`${said} has a late edge into ${name}, which has begun or does not wait for it`);
    }
    waiting.add(to);
  }
}

/**
 * A node that waits for another one by an edge cannot have begun while that has not ended. It may have been cancelled: then
 * the edges count when it is run again.
 */
function waitsFor(run: RunState, node: number, other: number): boolean {
  const standing = run.statusOf(node);
  if (standing === 'running' || standing === 'done') return false;
  let waits = false;
  run.eachUpstream(node, (from) => {
    waits ||= from === other;
  });
  return waits;
}

function* columnsOf(edges: readonly LateEdge[]): Generator<void, NonNullable<Graph['late']>> {
  const { length } = edges;
  const columns = { from: new Uint32Array(length), to: new Uint32Array(length), accept: new Uint8Array(length) };
  for (let e = 0; e < length; e += 1) {
    if (e > 0 && e % EDGES_A_SLICE === 0) yield;
    const { from, to, accept } = edges[e] as LateEdge;
    columns.from[e] = from;
    columns.to[e] = to;
    columns.accept[e] = accept;
  }
  return columns;
}

function invalid(message: string): HeddleError {
  return new HeddleError('GRAPH_INVALID', message, { hint: 'this is a mistake of whoever made the workflow a graph' });
}

/** Ends a control node: its steps, its value and what it became, which is in the table by now, are one commit. */
export function endControl(core: Core, control: ReadyControl, end: ControlEnd): void {
  const { run, job, takenAt: startedAt } = control;
  run.controls.delete(job);
  if (end.kind === 'skipped') return skip(core, run, job);
  const outcome: Outcome =
    end.kind === 'failed'
      ? { kind: 'error', error: end.error }
      : { kind: 'ok', ...(end.value === undefined ? {} : { value: end.value }) };
  change(core, run, job, 'running', 'active', { startedAt });
  const by = { outcome, outcomeJson: outcomeJson(outcome), startedAt, endedAt: core.now.wall };
  if (end.kind === 'failed') {
    run.remember(job, outcome);
    change(core, run, job, 'failed', 'error', by);
  } else {
    run.outcomes.delete(job);
    if (end.value !== undefined) core.out.draft(run).values.push({ job, value: end.value });
    change(core, run, job, 'done', '', by);
    if (end.segment !== undefined) takeIn(core, run, end.segment);
  }
  settle(core, run, job);
}

/** Opens the nodes that a control node became. Whoever has a late edge from one waits for it from now on. */
function takeIn(core: Core, run: RunState, segment: Graph): void {
  const { base: first, late } = segment;
  const { table } = run;
  const last = table.size;
  openJobs(run, first);
  run.addLate(segment);
  for (const to of late?.to ?? []) if (table.status[to] === PENDING) table.waits[to] = (table.waits[to] as number) + 1;
  core.out.draft(run).segments.push({ first, last, graph: segment });
  run.openControls += 1;
  const steps = admitAll(core, run, { first, last });
  // An end that is being told knows only the edges that were there when that began: it is to be told first.
  if (isTellingPartly(core) || last - first > ADMITTED_AT_ONCE) addChore(core, run, steps);
  else inOneGo(steps);
}

const ADMITTED_AT_ONCE = 4096;

function* admitAll(
  core: Core,
  run: RunState,
  range: { readonly first: number; readonly last: number },
): Generator<void> {
  yield* admit(core, run, range);
  closeControl(core, run);
}
