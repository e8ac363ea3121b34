import { EngineShell } from '../engine/index.ts';
import {
  type AttemptId,
  type AttemptOrder,
  type Backend,
  type BackendContext,
  type CriticalPath,
  criticalPath,
  type Definition,
  type Graph,
  HeddleError,
  type LaunchAnswer,
  type Place,
  type RecoverAnswer,
  type RecoverQuery,
  type ResolvedWork,
  textAt,
} from '../model/index.ts';
import { VolatileStore } from '../store/index.ts';
import { SimulatedProcess } from './simulated-process.ts';
import { World } from './world.ts';

/** What a graph would take on a machine. Times are milliseconds. */
export interface SimulatedRun {
  readonly cores: number;
  readonly makespanMs: number;
  /** Sum of all expected times, each times the cpus its job holds. */
  readonly workMs: number;
  /** Part of the cores that is busy, from start to end. */
  readonly utilisation: number;
  /** No schedule is shorter: the longest chain, or all work spread evenly. */
  readonly lowerBoundMs: number;
  readonly criticalPath: CriticalPath;
}

/**
 * Runs a graph in virtual time through the production engine, on a machine with so many cores: every job takes
 * exactly as long as the graph expects, else as long as it asks for, and nothing fails.
 *
 * @throws {HeddleError} RESOURCES_IMPOSSIBLE when a job asks for more than the machine has, GRAPH_INVALID when values decide
 *   what the graph becomes
 */
export async function simulateGraph(given: Graph, cores: number): Promise<SimulatedRun> {
  refuseControls(given);
  const graph = withTimes(given);
  const world = new World({ seed: 0, wallMs: 0 });
  const { clock } = new SimulatedProcess(world, 'engine', () => false);
  const machine = new VirtualMachine(cores, graph.expectedMs);
  const engine = await EngineShell.open({
    store: new VolatileStore(),
    backends: [machine],
    clock,
    // Nothing is drawn but ids; the same graph must take the same time again.
    random: { next: () => 0.5 },
    defaultBackends: { command: machine.name, call: machine.name },
    resolveWork: () => NOTHING,
    attemptDirectory: () => '',
  });
  const startMono = clock.now().mono;
  const run = await settled(world, engine.start(anywhere(graph), {}));
  const view = await settled(world, engine.ended(run));
  await settled(world, engine[Symbol.asyncDispose]());
  if (view.status !== 'done') {
    throw new HeddleError(
      'GRAPH_INVALID',
      `simulated, the graph ends ${view.status}: ${view.counts.failed} jobs can never run`,
      {
        hint: 'look for conditions that never come true and for order edges that accept only failures',
      },
    );
  }
  const makespanMs = machine.lastEndMono - startMono;
  const workMs = workOf(graph);
  const path = criticalPath(graph);
  return {
    cores,
    makespanMs,
    workMs,
    utilisation: makespanMs === 0 ? 1 : workMs / (cores * makespanMs),
    lowerBoundMs: Math.max(path.lengthMs, workMs / cores),
    criticalPath: path,
  };
}

/** How many tasks a map becomes, and which branch is taken, is said by values; and there are none. */
function refuseControls({ name, definitions, definitionOf, names }: Graph): void {
  const first = definitionOf.findIndex((number) => (definitions[number] as Definition).kind === 'control');
  if (first === -1) return;
  throw new HeddleError(
    'GRAPH_INVALID',
    `what '${name}' consists of is known only when it runs: '${textAt(names, first)}' is decided by a value`,
    {
      hint: 'a workflow without map, branch and loop over values of tasks can be simulated; a list known before needs no map: list.map(...)',
    },
  );
}

/** Lets virtual time pass until a promise settles. */
async function settled<T>(world: World, promise: Promise<T>): Promise<T> {
  try {
    return await world.until(promise);
  } catch (thrown) {
    if (HeddleError.is(thrown)) throw thrown;
    throw new HeddleError('GRAPH_INVALID', 'simulated, the graph comes to a standstill', {
      cause: thrown,
      hint: 'a job waits for something that only the real world brings: a custom condition, somebody who releases it',
    });
  }
}

const NOTHING: ResolvedWork = { kind: 'call', call: { kind: 'builtin', name: 'noop' }, args: [] };

/** The graph as it is, but for where its tasks want to run. */
function anywhere(graph: Graph): Graph {
  return { ...graph, definitions: graph.definitions.map(({ backend: _backend, ...definition }) => definition) };
}

/** A task that nobody has timed takes as long as it asks for. */
function withTimes(graph: Graph): Graph {
  const asked = graph.definitions.map((definition) => definition.resources.timeMs ?? 0);
  const expectedMs = graph.expectedMs.map((ms, i) =>
    ms > 0 ? ms : (asked[graph.definitionOf[i] as number] as number),
  );
  return { ...graph, expectedMs };
}

function workOf(graph: Graph): number {
  let work = 0;
  for (let i = 0; i < graph.size; i += 1) {
    const definition = graph.definitions[graph.definitionOf[i] as number];
    work += (graph.expectedMs[i] as number) * (definition?.resources.cpus ?? 1);
  }
  return work;
}

/** A machine whose jobs take as long as they are expected to. */
class VirtualMachine implements Backend {
  readonly name = 'machine';
  readonly capabilities = { commands: true, calls: true, recoverable: false, batches: false, local: true };
  lastEndMono = 0;
  readonly #cores: number;
  readonly #expectedMs: Float64Array;
  #context: BackendContext | undefined;

  constructor(cores: number, expectedMs: Float64Array) {
    this.#cores = cores;
    this.#expectedMs = expectedMs;
  }

  async open(context: BackendContext): Promise<readonly Place[]> {
    this.#context = context;
    return [{ name: 'machine', cpus: this.#cores }];
  }

  launch(orders: readonly AttemptOrder[]): readonly LaunchAnswer[] {
    for (const { attempt, index } of orders) {
      this.#context?.clock.after(this.#expectedMs[index] ?? 0, () => this.#end(attempt));
    }
    return orders.map(() => ({ kind: 'accepted', handle: '' }));
  }

  cancel(): void {
    // Nobody cancels a simulated run.
  }

  async recover(queries: readonly RecoverQuery[]): Promise<readonly RecoverAnswer[]> {
    return queries.map(() => ({ kind: 'gone', why: 'it was simulated' }));
  }

  release(): void {
    // Nothing is kept of what ended.
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#context = undefined;
  }

  #end(attempt: AttemptId): void {
    this.lastEndMono = this.#context?.clock.now().mono ?? this.lastEndMono;
    this.#context?.report({ kind: 'ended', attempt, outcome: { kind: 'ok' } });
  }
}
