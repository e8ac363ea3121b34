import { DATA_EDGE, HeddleError } from '../model/index.ts';
import { noop } from './builtin.ts';
import { type AnyHandle, type Handle, type StepNodes, STEPS, stepsOf } from './handle.ts';
import { isBodyInput, sourceOf } from './placeholder.ts';
import { currentRecorder, type NodeRecord } from './recorder.ts';

/**
 * Helpers that say in which order tasks run that take no values of each other, in the shapes of pipelines: each step runs
 * when the ones before it are done, and is cancelled when one of them is not.
 */

/** Steps that belong together: stands wherever a step may. */
export interface Steps {
  readonly [STEPS]: StepNodes;
}

/** What may stand in a sequence: what calling a task returned, or steps. */
export type Step = AnyHandle | Steps;

/**
 * One step after the other. An empty sequence is nothing at all: whoever stands before it is followed by whoever stands behind it.
 *
 * @example
 * seq(prepare(p), parallel(left(p), right(p)), report(p));
 *
 * @throws {HeddleError} GRAPH_INVALID when a task stands in it twice; INPUT_INVALID
 */
export function seq(...steps: readonly Step[]): Steps {
  const parts = steps.map((step, i) => nodesOf(step, `step ${i + 1} of seq`));
  const all = together(parts, 'seq');
  const there = parts.filter(({ entries }) => entries.length > 0);
  there.forEach(({ entries }, i) => {
    const before = there[i - 1];
    if (before !== undefined) for (const entry of entries) needAll(entry, before.exits);
  });
  return { [STEPS]: { entries: there[0]?.entries ?? [], exits: there.at(-1)?.exits ?? [], all } };
}

/**
 * Steps side by side, between two markers that do nothing: all begin after the one, `scatter`, and the other, `gather`,
 * comes after all of them.
 *
 * @throws {HeddleError} GRAPH_INVALID when a task stands in it twice; INPUT_INVALID
 */
export function parallel(...steps: readonly Step[]): Steps {
  const parts = steps.map((step, i) => nodesOf(step, `step ${i + 1} of parallel`));
  const all = together(parts, 'parallel');
  const before = marker('scatter');
  for (const { entries } of parts) for (const entry of entries) needAll(entry, [before]);
  const after = marker('gather');
  const exits = parts.flatMap((part) => part.exits);
  needAll(after, exits.length === 0 ? [before] : exits);
  return { [STEPS]: { entries: [before], exits: [after], all: new Set([...all, before, after]) } };
}

/**
 * The same steps for each element of a list that is known already, side by side behind a marker; `gather` joins them. For a
 * list that is known only when the workflow runs: `map`.
 *
 * @example
 * gather(scatter(p.samples, (sample) => seq(align({ sample }), sort({ sample }))));
 *
 * @throws {HeddleError} INPUT_INVALID
 */
export function scatter<T, S extends Step>(items: readonly T[], steps: (item: T, index: number) => S): readonly S[] {
  if (!Array.isArray(items))
    throw new HeddleError('INPUT_INVALID', 'scatter is given no list', {
      hint: 'a list that is known only when the workflow runs is for map(list, (item) => ...)',
    });
  const before = marker('scatter');
  const all = items.map((item: T, index) => {
    const step = steps(item, index);
    for (const entry of nodesOf(step, `what scatter makes of element ${index}`).entries) needAll(entry, [before]);
    return step;
  });
  markerOf.set(all, before);
  return all;
}

/** The markers in front of what `scatter` gave: who gathers that begins there. */
const markerOf = new WeakMap<readonly Step[], NodeRecord>();

/** A marker that does nothing, after all of these are done. Of what `scatter` gave, it stands for the whole. */
export function gather(steps: readonly Step[]): Handle<Record<never, never>> & Steps {
  const parts = steps.map((step, i) => nodesOf(step, `step ${i + 1} of gather`));
  const inside = together(parts, 'gather');
  const handle = noop();
  const record = recordOf(handle) as NodeRecord;
  record.definition = { ...record.definition, name: 'gather' };
  const before = markerOf.get(steps);
  const exits = parts.flatMap((part) => part.exits);
  needAll(record, exits.length === 0 && before !== undefined ? [before] : exits);
  const entries = before === undefined ? parts.flatMap((part) => part.entries) : [before];
  const nodes: StepNodes = {
    entries: entries.length === 0 ? [record] : entries,
    exits: [record],
    all: new Set([...inside, ...entries, record]),
  };
  return Object.assign(handle, { [STEPS]: nodes });
}

function marker(name: 'scatter' | 'gather'): NodeRecord {
  const { definition } = noop;
  return currentRecorder(name).record({
    definition: { ...definition, name },
    payload: '',
    edges: [],
    expectedMs: 0,
    published: [],
    isValueless: true,
  });
}

function recordOf(step: unknown): NodeRecord | undefined {
  const source = sourceOf(step);
  return source === undefined || isBodyInput(source.origin) || source.path.length > 0 ? undefined : source.origin;
}

/** What is two nodes, a map and its gather, comes in by the one and goes out by the other. */
function nodesOf(step: unknown, where: string): StepNodes {
  const steps = stepsOf(step);
  if (steps !== undefined) return steps;
  const record = recordOf(step);
  if (record !== undefined) return { entries: [record.gathers ?? record], exits: [record], all: new Set([record]) };
  throw new HeddleError('INPUT_INVALID', `${where} is no task`, {
    hint: 'give what calling a task returned, or seq(...) and parallel(...) of such',
  });
}

/** All nodes of several steps. @throws {HeddleError} GRAPH_INVALID when one stands there twice: it would wait for itself */
function together(parts: readonly StepNodes[], what: string): ReadonlySet<NodeRecord> {
  const all = new Set<NodeRecord>();
  for (const part of parts) {
    for (const record of part.all) {
      if (all.size < all.add(record).size) continue;
      throw new HeddleError('GRAPH_INVALID', `'${record.name ?? record.definition.name}' stands twice in one ${what}`, {
        hint: 'call the task once more for a second job of it',
      });
    }
  }
  return all;
}

function needAll(record: NodeRecord, upstreams: readonly NodeRecord[]): void {
  const there = new Set(record.edges.filter(({ accept }) => accept === DATA_EDGE).map(({ upstream }) => upstream));
  for (const upstream of upstreams) if (!there.has(upstream)) record.edges.push({ upstream, accept: DATA_EDGE });
}
