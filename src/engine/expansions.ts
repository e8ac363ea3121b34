import { asError, HeddleError, type Outcome, type SerializedError, type Value } from '../model/index.ts';
import type { ControlNode, Expansion, Upstream } from './api.ts';
import { inOneGo, isQuick } from './appending.ts';
import { isOver } from './codes.ts';
import { mayExpand, type ReadyControl, takeAgain } from './controls.ts';
import { type ControlEnd, endControl, endOf } from './expanding.ts';
import type { EngineLoop } from './loop.ts';
import { addSegment, dropSegment, endRunIfOver } from './runs.ts';
import type { RunState } from './run-state.ts';
import { mayEnd } from './waiting.ts';

/**
 * Expands control nodes. What they wait for is committed: the values are read from the store, what they become is asked for,
 * and their end, their value and their nodes are decided together. Nothing is written before: who dies in between leaves
 * the node `pending`, and it is expanded again to the same.
 */
export function expandAll(loop: EngineLoop, controls: readonly ReadyControl[]): void {
  for (const [i, control] of controls.entries()) {
    expand(loop, control, i % EXPANSIONS_AT_ONCE === EXPANSIONS_AT_ONCE - 1).catch((thrown: unknown) =>
      loop.break(
        new HeddleError('ENGINE_BROKEN', `the engine failed: ${asError(thrown).message}`, { cause: asError(thrown) }),
      ),
    );
  }
}

/** Small ones follow each other without a turn of the event loop; so many take some milliseconds. */
const EXPANSIONS_AT_ONCE = 16;

async function expand(loop: EngineLoop, control: ReadyControl, breathes: boolean): Promise<void> {
  const upstreams: number[] = [];
  control.run.eachUpstream(control.job, (from) => upstreams.push(from));
  const known = await setOf(loop, upstreams);
  const values = await readValues(loop, control, known);
  if (values === undefined) return loop.input(() => takeAgain(loop.core, control));
  // Where its nodes begin stands until they are there: nobody else appends meanwhile.
  await loop.entrance.enter(control.run.id, async () => {
    if (breathes) await loop.soon();
    await become(loop, control, { upstreams, known, values });
  });
}

/** Nodes that become a set in one slice. */
const NODES_A_SLICE = 10_000;

async function setOf(loop: EngineLoop, nodes: readonly number[]): Promise<ReadonlySet<number>> {
  const set = new Set<number>();
  for (const [i, node] of nodes.entries()) {
    set.add(node);
    if (i % NODES_A_SLICE === NODES_A_SLICE - 1) await loop.soon();
  }
  return set;
}

/** Values that are read in one go. */
const VALUES_A_READ = 1000;
/** Before a store that could not be read is asked again. */
const READ_AGAIN_MS = 1000;

/** Values of what is done among its upstreams; undefined when somebody kept it back meanwhile. */
async function readValues(
  loop: EngineLoop,
  control: ReadyControl,
  upstreams: ReadonlySet<number>,
): Promise<ReadonlyMap<number, Value | undefined> | undefined> {
  const { core, store } = loop;
  const { run } = control;
  const values = new Map<number, Value | undefined>();
  const done = [...upstreams].filter((node) => run.statusOf(node) === 'done');
  for (let at = 0; at < done.length; ) {
    if (!mayExpand(core, control)) return undefined;
    const nodes = done.slice(at, at + VALUES_A_READ);
    try {
      const found = await store.values(run.id, nodes);
      nodes.forEach((node, i) => values.set(node, found[i]));
      at += nodes.length;
      // A store in memory answers at once: of many values it must not be one long answer.
      if (done.length > VALUES_A_READ) await loop.soon();
    } catch (thrown) {
      if (loop.isStopped || loop.broken !== undefined) return undefined;
      const name = run.nameOf(control.job);
      loop.input(() =>
        core.notice('values-unread', `inputs of ${name} cannot be read: ${asError(thrown).message}`, run),
      );
      await new Promise<void>((resolve) => void loop.options.clock.after(READ_AGAIN_MS, resolve));
    }
  }
  return values;
}

interface Inputs {
  /** An edge each. */
  readonly upstreams: readonly number[];
  readonly known: ReadonlySet<number>;
  readonly values: ReadonlyMap<number, Value | undefined>;
}

async function become(loop: EngineLoop, control: ReadyControl, inputs: Inputs): Promise<void> {
  const { core } = loop;
  const { run } = control;
  if (run.indexesNamesSoon) await loop.inSlices(run.indexNames());
  let end: ControlEnd | undefined;
  if (mayExpand(core, control)) end = await askEnd(loop, control, inputs);
  if (end === undefined || end.kind !== 'done' || end.segment === undefined)
    return loop.input(() => {
      if (mayEnd(core, control) && end !== undefined) endControl(core, control, end);
    });
  const { segment } = end;
  const steps = appended(loop, run, segment);
  if (isQuick(segment)) {
    loop.input(() => {
      if (!mayEnd(core, control)) return;
      inOneGo(steps);
      endControl(core, control, end);
    });
    return;
  }
  await loop.inSlices(steps);
  loop.input(() => {
    if (mayEnd(core, control)) return endControl(core, control, end);
    // Nobody has seen them: they were `created`, and nothing was written.
    dropSegment(run, segment);
    endRunIfOver(core, run);
  });
}

function* appended(loop: EngineLoop, run: RunState, segment: NonNullable<Expansion['segment']>): Generator<void> {
  yield* addSegment(loop.core, run, segment, loop.options.defaultBackends);
  yield* run.table.rankAll([segment], { first: segment.base });
}

/** What a control node becomes, as it is to end. What whoever says so throws fails the node. */
async function askEnd(loop: EngineLoop, control: ReadyControl, inputs: Inputs): Promise<ControlEnd> {
  const { core, options } = loop;
  const base = control.run.table.size;
  try {
    if (options.expand === undefined)
      throw new HeddleError('GRAPH_INVALID', 'this engine was opened without a way to expand control nodes');
    const asked = options.expand(nodeFor(control, base, inputs));
    const expansion = 'next' in asked ? await drained(loop, asked) : asked;
    return await drained(loop, endOf(core, control, { expansion, base, defaults: options.defaultBackends }));
  } catch (thrown) {
    return { kind: 'failed', error: serialized(asError(thrown)) };
  }
}

async function drained<Result>(loop: EngineLoop, steps: Generator<void, Result>): Promise<Result> {
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
    await loop.soon();
  }
}

function nodeFor({ run, job }: ReadyControl, base: number, { upstreams, known, values }: Inputs): ControlNode {
  return {
    run: run.id,
    job: run.nameOf(job),
    index: job,
    payload: run.payloadOf(job),
    definition: run.definition(job),
    base,
    upstreams,
    upstream: (node) => (known.has(node) ? upstreamOf(run, node, values.get(node)) : undefined),
    indexOf: (name) => run.indexOf(name),
  };
}

function upstreamOf(run: RunState, node: number, value: Value | undefined): Upstream | undefined {
  const status = run.statusOf(node);
  if (!isOver(status)) return undefined;
  const outcome: Outcome | undefined = run.outcomes.get(node);
  return {
    status,
    ...(value === undefined ? {} : { value }),
    ...(status !== 'failed' || outcome === undefined ? {} : { outcome }),
  };
}

function serialized(error: Error): SerializedError {
  const { name, message } = error;
  if (!HeddleError.is(error)) return { name, message };
  const { code, hint } = error;
  return { name, message, code, ...(hint === undefined ? {} : { hint }) };
}
