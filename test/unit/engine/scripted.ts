import { EngineShell } from '../../../src/engine/index.ts';
import {
  type AttemptId,
  type AttemptOrder,
  type Backend,
  type BackendCapabilities,
  type BackendContext,
  type Clock,
  DEFAULT_REQUEST,
  DEFAULT_RETRY,
  type Definition,
  type EngineEvent,
  type Graph,
  GraphBuilder,
  type LaunchAnswer,
  type NewEdge,
  type Outcome,
  type Place,
  type RecoverAnswer,
  type RecoverQuery,
  type RunId,
} from '../../../src/model/index.ts';
import { MemoryMedium, MemoryStore } from '../../../src/store/index.ts';

/** A clock that moves only when told to; `soon` is the real loop's, so that promises settle. */
export class ManualClock implements Clock {
  mono = 1000;
  wall = 1_700_000_000_000;
  readonly #timers: { due: number; callback: () => void; cancelled: boolean }[] = [];

  now(): { mono: number; wall: number } {
    return { mono: this.mono, wall: this.wall };
  }

  after(delayMs: number, callback: () => void): { cancel(): void } {
    const timer = { due: this.mono + delayMs, callback, cancelled: false };
    this.#timers.push(timer);
    return {
      cancel: () => {
        timer.cancelled = true;
      },
    };
  }

  soon(callback: () => void): void {
    setImmediate(callback);
  }

  /** Lets time pass, timer by timer. */
  async pass(ms: number): Promise<void> {
    const end = this.mono + ms;
    for (;;) {
      const next = this.#timers.filter((timer) => !timer.cancelled).sort((a, b) => a.due - b.due)[0];
      if (next === undefined || next.due > end) break;
      this.wall += Math.max(0, next.due - this.mono);
      this.mono = Math.max(this.mono, next.due);
      next.cancelled = true;
      next.callback();
      await settled();
    }
    this.wall += end - this.mono;
    this.mono = end;
    await settled();
  }
}

/** Numbers that look drawn by chance and are the same each time (Park and Miller's generator). */
function seeded(seed: number): { next(): number } {
  let state = seed;
  return {
    next() {
      state = (state * 48_271) % 2_147_483_647;
      return state / 2_147_483_647;
    },
  };
}

/** Lets everything that is at hand be done. */
export async function settled(): Promise<void> {
  for (let i = 0; i < 30; i += 1) await new Promise((resolve) => setImmediate(resolve));
}

/** A backend that starts what it is told and ends what the test says. */
export class ScriptedBackend implements Backend {
  readonly name: string = 'scripted';
  capabilities: BackendCapabilities = { commands: true, calls: true, recoverable: true, batches: false, local: true };
  readonly launched: AttemptOrder[] = [];
  readonly live: Map<string, AttemptOrder> = new Map();
  readonly cancelled: AttemptId[] = [];
  readonly released: AttemptId[] = [];
  answer: (order: AttemptOrder) => LaunchAnswer = () => ({ kind: 'accepted', handle: '' });
  recovered: (query: RecoverQuery) => RecoverAnswer = () => ({ kind: 'gone', why: 'no trace of it' });
  context!: BackendContext;
  readonly #places: readonly Place[];

  constructor(places: readonly Place[]) {
    this.#places = places;
  }

  open(context: BackendContext): Promise<readonly Place[]> {
    this.context = context;
    return Promise.resolve(this.#places);
  }

  launch(orders: readonly AttemptOrder[]): readonly LaunchAnswer[] {
    return orders.map((order) => {
      this.launched.push(order);
      const answer = this.answer(order);
      if (answer.kind === 'accepted') this.live.set(order.job, order);
      return answer;
    });
  }

  /** Ends the live attempt of a job. */
  end(job: string, outcome: Outcome = { kind: 'ok' }): void {
    const order = this.live.get(job);
    if (order === undefined) throw new Error(`${job} does not run; running: ${[...this.live.keys()].join(', ')}`);
    this.live.delete(job);
    this.context.report({ kind: 'ended', attempt: order.attempt, outcome });
  }

  cancel(attempt: AttemptId): void {
    this.cancelled.push(attempt);
    for (const order of this.live.values())
      if (order.attempt === attempt) this.end(order.job, { kind: 'signal', signal: 'SIGTERM' });
  }

  recover(queries: readonly RecoverQuery[]): Promise<readonly RecoverAnswer[]> {
    return Promise.resolve(queries.map((query) => this.recovered(query)));
  }

  release(attempts: readonly AttemptId[]): void {
    this.released.push(...attempts);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return Promise.resolve();
  }
}

/** A node of a test's graph: what of its definition is not the default, and its edges. */
export interface TestNode extends Partial<Omit<Definition, 'resources' | 'retry'>> {
  readonly edges?: readonly NewEdge[];
  readonly expectedMs?: number;
  readonly resources?: Partial<Definition['resources']>;
  readonly retry?: Partial<Definition['retry']>;
}

export function graphOf(nodes: Readonly<Record<string, TestNode>>): Graph {
  return filled(new GraphBuilder('test'), nodes);
}

/** Nodes to be appended to a graph of those that are there. */
export function segmentOf(there: Readonly<Record<string, TestNode>>, nodes: Readonly<Record<string, TestNode>>): Graph {
  return filled(new GraphBuilder('more', { after: graphOf(there) }), nodes);
}

function filled(builder: GraphBuilder, nodes: Readonly<Record<string, TestNode>>): Graph {
  for (const [name, { edges = [], expectedMs = 0, resources, retry, ...rest }] of Object.entries(nodes)) {
    const definition: Definition = {
      name: 'work',
      kind: 'call',
      timeouts: {},
      graceMs: 1000,
      priority: 0,
      ...rest,
      resources: { ...DEFAULT_REQUEST, ...resources },
      retry: { ...DEFAULT_RETRY, ...retry },
    };
    builder.add(name, { definition, edges, expectedMs });
  }
  return builder.build();
}

export interface TestEngine extends AsyncDisposable {
  readonly shell: EngineShell;
  readonly clock: ManualClock;
  readonly backend: ScriptedBackend;
  readonly events: EngineEvent[];
  readonly medium: MemoryMedium;
  /** Starts a graph and lets what can start, start. */
  start(nodes: Readonly<Record<string, TestNode>>, settings?: Parameters<EngineShell['start']>[1]): Promise<RunId>;
  /** Names of the jobs that run, in order of their start. */
  running(): string[];
  /** `status` or `status (detail)` of each job. */
  states(run: RunId): Record<string, string>;
}

export interface TestEngineOptions {
  readonly cpus?: number;
  readonly places?: readonly Place[];
  readonly medium?: MemoryMedium;
  readonly clock?: ManualClock;
  readonly options?: Partial<Parameters<typeof EngineShell.open>[0]>;
  /** Backends beside the scripted one. */
  readonly more?: readonly Backend[];
}

export async function testEngine({
  cpus = 2,
  places,
  medium = new MemoryMedium(),
  clock = new ManualClock(),
  options = {},
  more = [],
}: TestEngineOptions = {}): Promise<TestEngine> {
  const backend = new ScriptedBackend(places ?? [{ name: 'here', cpus }]);
  const shell = await EngineShell.open({
    store: new MemoryStore({ medium }),
    backends: [backend, ...more],
    clock,
    random: seeded(1),
    defaultBackends: { command: 'scripted', call: 'scripted' },
    resolveWork: () => ({ kind: 'call', call: { kind: 'builtin', name: 'noop' }, args: [] }),
    attemptDirectory: () => '',
    ...options,
  });
  const events: EngineEvent[] = [];
  shell.listen((more) => events.push(...more));
  return {
    shell,
    clock,
    backend,
    events,
    medium,
    async start(nodes, settings = {}) {
      const run = await shell.start(graphOf(nodes), settings);
      await settled();
      return run;
    },
    running: () => [...backend.live.keys()],
    states(run) {
      const states: Record<string, string> = {};
      for (let i = 0; i < shell.view(run).size; i += 1) {
        const { id, status, detail } = shell.job(run, i);
        states[id] = detail === '' ? status : `${status} (${detail})`;
      }
      return states;
    },
    async [Symbol.asyncDispose]() {
      for (const order of [...backend.live.values()]) backend.end(order.job);
      await shell[Symbol.asyncDispose]();
    },
  };
}
