import { pathToFileURL } from 'node:url';
import { join } from 'node:path';
import { portableReference, serializeError } from '../../calls/index.ts';
import { laneBackend, type LaneEnd, type LaneStreams, streamTransport } from '../../lanes/index.ts';
import {
  type AttemptId,
  type AttemptOrder,
  type Backend,
  type BackendContext,
  type BackendEvent,
  HeddleError,
  type LaunchAnswer,
  type Place,
  quoteWord,
  type RecoverAnswer,
  type RecoverQuery,
  type ResolvedCall,
  type StreamRequest,
  type StreamStep,
} from '../../model/index.ts';
import type { RunAnswer, Transport } from '../transport/index.ts';

/** A host on which calls are made in warm lanes. */
export interface LaneHost {
  /** Of its place, as the backend of its commands has it. */
  readonly place: string;
  readonly transport: Transport;
  /** Brings what these calls need there, and says what a lane is over there. Rejects with a `HeddleError` where that can't be. */
  runtime(calls: readonly ResolvedCall[], project: string): Promise<LaneRuntime>;
}

export interface LaneRuntime {
  /** Program and arguments that become a lane on standard input and output. */
  readonly lane: readonly string[];
  /** Where the project lies there. */
  readonly project: string;
}

/**
 * Lets a backend of hosts make calls in lanes there: each host has warm workers, one a cpu, behind one connection each, so that a
 * call costs a round trip and no login. What lanes can't be handed (a call that takes files of ours along) goes to `backend`.
 */
export function withHostLanes(backend: Backend, hosts: readonly LaneHost[]): Backend {
  const lanes = new HostLanes(backend, hosts);
  return {
    name: backend.name,
    capabilities: { ...backend.capabilities, calls: true, secrets: backend.capabilities.secrets ?? false },
    open: (context) => lanes.open(context),
    launch: (orders) => lanes.launch(orders),
    cancel: (attempt, graceMs) => lanes.cancel(attempt, graceMs),
    recover: (queries) => lanes.recover(queries),
    release: (attempts) => lanes.release(attempts),
    pull: (attempt, request) => lanes.pull(attempt, request),
    ...(backend.resize === undefined ? {} : { resize: backend.resize.bind(backend) }),
    [Symbol.asyncDispose]: () => lanes.close(),
  };
}

/** Warm workers of one host. */
interface Lanes {
  readonly host: LaneHost;
  readonly backend: Backend;
  readonly opened: Promise<unknown>;
  runtime: LaneRuntime | undefined;
}

class HostLanes {
  readonly #backend: Backend;
  readonly #hosts: ReadonlyMap<string, LaneHost>;
  readonly #lanes = new Map<string, Lanes>();
  /** Where each call is that was given to a lane. */
  readonly #placed = new Map<AttemptId, Lanes>();
  /** What it needs is being brought; with the grace it was cancelled with meanwhile. */
  readonly #coming = new Map<AttemptId, number | undefined>();
  #context: BackendContext | undefined;
  #places: readonly Place[] = [];

  constructor(backend: Backend, hosts: readonly LaneHost[]) {
    this.#backend = backend;
    this.#hosts = new Map(hosts.map((host) => [host.place, host]));
  }

  async open(context: BackendContext): Promise<readonly Place[]> {
    this.#context = context;
    this.#places = await this.#backend.open({ ...context, report: (event) => this.#heard(event) });
    return this.#places;
  }

  async launch(orders: readonly AttemptOrder[]): Promise<readonly LaunchAnswer[]> {
    const others: AttemptOrder[] = [];
    const byPlace = new Map<string, AttemptOrder[]>();
    for (const order of orders) {
      const isCall = order.work.kind === 'call' && this.#hosts.has(order.grant.place) && !takesFiles(order.work.args);
      const group = isCall ? (byPlace.get(order.grant.place) ?? []) : others;
      if (isCall) byPlace.set(order.grant.place, group);
      group.push(order);
    }
    const answers = new Map<AttemptId, LaunchAnswer>();
    const take = (asked: readonly AttemptOrder[], said: readonly LaunchAnswer[]): void =>
      asked.forEach(({ attempt }, i) => answers.set(attempt, said[i] ?? { kind: 'unknown', why: 'no answer' }));
    await Promise.all([
      ...[...byPlace].map(async ([place, group]) => take(group, await this.#launchIn(place, group))),
      ...(others.length === 0 ? [] : [(async () => take(others, await this.#backend.launch(others)))()]),
    ]);
    return orders.map(({ attempt }) => answers.get(attempt) ?? { kind: 'unknown', why: 'no answer' });
  }

  cancel(attempt: AttemptId, graceMs: number): void {
    // Passed on when it has been launched: what is not there yet can't be cancelled.
    if (this.#coming.has(attempt)) return void this.#coming.set(attempt, graceMs);
    (this.#placed.get(attempt)?.backend ?? this.#backend).cancel(attempt, graceMs);
  }

  async recover(queries: readonly RecoverQuery[]): Promise<readonly RecoverAnswer[]> {
    const mine = queries.filter((query) => this.#isOfLane(query));
    const others = queries.filter((query) => !this.#isOfLane(query));
    const answers = new Map<AttemptId, RecoverAnswer>();
    const said = others.length === 0 ? [] : await this.#backend.recover(others);
    others.forEach(({ attempt }, i) => answers.set(attempt, said[i] ?? { kind: 'unknown', why: 'no answer' }));
    for (const query of mine) {
      if (this.#coming.has(query.attempt)) {
        answers.set(query.attempt, { kind: 'running', phase: 'staging-in' });
        continue;
      }
      const [answer] = (await this.#placed.get(query.attempt)?.backend.recover([query])) ?? [];
      // A lane's input ends with the engine that had it, and with its input the lane.
      answers.set(query.attempt, answer ?? { kind: 'gone', why: 'its lane ended with the engine that had it' });
    }
    return queries.map(({ attempt }) => answers.get(attempt) ?? { kind: 'unknown', why: 'no answer' });
  }

  release(attempts: readonly AttemptId[]): void {
    const others: AttemptId[] = [];
    for (const attempt of attempts) {
      const lanes = this.#placed.get(attempt);
      this.#placed.delete(attempt);
      if (lanes === undefined) others.push(attempt);
      else lanes.backend.release([attempt]);
    }
    if (others.length > 0) this.#backend.release(others);
  }

  async pull(attempt: AttemptId, request: StreamRequest): Promise<StreamStep> {
    const step = this.#placed.get(attempt)?.backend.pull?.(attempt, request);
    if (step !== undefined) return await step;
    throw new HeddleError('STREAM_ENDED', 'the attempt has no generator that can be asked');
  }

  async close(): Promise<void> {
    this.#context = undefined;
    for (const { backend } of this.#lanes.values()) await backend[Symbol.asyncDispose]();
    await this.#backend[Symbol.asyncDispose]();
  }

  #isOfLane({ attempt, work, grant }: RecoverQuery): boolean {
    return (
      this.#placed.has(attempt) ||
      this.#coming.has(attempt) ||
      (work.kind === 'call' && this.#hosts.has(grant.place) && !takesFiles(work.args))
    );
  }

  async #launchIn(place: string, orders: readonly AttemptOrder[]): Promise<readonly LaunchAnswer[]> {
    for (const { attempt } of orders) this.#coming.set(attempt, undefined);
    try {
      const lanes = this.#lanesOf(place);
      const answers = await this.#launchWith(lanes, orders);
      orders.forEach(({ attempt }, i) => {
        const graceMs = this.#coming.get(attempt);
        this.#coming.delete(attempt);
        if (answers[i]?.kind !== 'accepted') this.#placed.delete(attempt);
        else if (graceMs !== undefined) lanes.backend.cancel(attempt, graceMs);
      });
      return answers;
    } catch (error) {
      if (!HeddleError.is(error)) throw error;
      const retryable = error.code === 'BACKEND_UNAVAILABLE';
      return orders.map(() => ({ kind: 'refused', retryable, why: error.message, error: serializeError(error) }));
    } finally {
      for (const { attempt } of orders) this.#coming.delete(attempt);
    }
  }

  async #launchWith(lanes: Lanes, orders: readonly AttemptOrder[]): Promise<readonly LaunchAnswer[]> {
    const project = this.#context?.project ?? '';
    await lanes.opened;
    const calls = orders.flatMap(({ work }) => (work.kind === 'call' ? work : []));
    const runtime = await lanes.host.runtime(calls, project);
    // Nothing is begun for an engine that has closed meanwhile.
    if (this.#context === undefined) return orders.map(() => ({ kind: 'refused', retryable: true, why: 'closed' }));
    lanes.runtime = runtime;
    const moved = orders.map((order) => ({
      ...order,
      work: movedTo(order.work as ResolvedCall, { runtime, project }),
    }));
    for (const { attempt } of orders) this.#placed.set(attempt, lanes);
    return await lanes.backend.launch(moved);
  }

  #lanesOf(place: string): Lanes {
    const known = this.#lanes.get(place);
    if (known !== undefined) return known;
    const host = this.#hosts.get(place) as LaneHost;
    const slots = Math.max(1, this.#places.find(({ name }) => name === place)?.cpus ?? 1);
    const backend = laneBackend(
      {
        name: place,
        local: false,
        gpus: false,
        recalls: false,
        transport: () => streamTransport(() => this.#connect(place)),
      },
      { slots },
    );
    const context = this.#context as BackendContext;
    // What it has to give is what the host's place says.
    const report = (event: BackendEvent): void => {
      if (event.kind !== 'places') this.#context?.report(event);
    };
    const lanes: Lanes = { host, backend, opened: backend.open({ ...context, report }), runtime: undefined };
    this.#lanes.set(place, lanes);
    return lanes;
  }

  #connect(place: string): LaneStreams {
    const lanes = this.#lanes.get(place);
    const runtime = lanes?.runtime;
    if (lanes === undefined || runtime === undefined)
      throw new HeddleError('BACKEND_UNAVAILABLE', `nothing is known of a lane on ${place}`);
    const program = runtime.lane.map(quoteWord).join(' ');
    const { transport } = lanes.host;
    const connection = transport.connect(`cd ${quoteWord(runtime.project)} && exec ${program}`);
    return {
      input: connection.input as LaneStreams['input'],
      output: connection.output as LaneStreams['output'],
      ended: connection.ended.then(({ answer, stderr }) => endOf(answer, stderr, transport.name)),
      close: () => connection.close(),
    };
  }

  #heard(event: BackendEvent): void {
    if (event.kind === 'places') {
      this.#places = event.places;
      for (const { name, cpus } of event.places) this.#lanes.get(name)?.backend.resize?.(Math.max(1, cpus));
    }
    this.#context?.report(event);
  }
}

/** The same call, of a module as it lies over there. */
function movedTo(
  call: ResolvedCall,
  { runtime, project }: { readonly runtime: LaneRuntime; readonly project: string },
): ResolvedCall {
  // Its directory is on this machine's disk.
  const { enterDirectory: _, ...rest } = call;
  const reference = portableReference(call.call, project);
  if (reference.kind !== 'module' || !reference.module.startsWith('./')) return rest;
  const module = pathToFileURL(join(runtime.project, reference.module)).href;
  return { ...rest, call: { ...reference, module } };
}

function endOf(answer: RunAnswer, stderr: string, host: string): LaneEnd {
  switch (answer.kind) {
    case 'ended': {
      const why = `its lane on ${host} ended with exit code ${answer.code}`;
      // By a signal, a shell that became the lane says 128 and more.
      return { why, outcome: { kind: 'exit', code: answer.code, stderr: stderr === '' ? why : `${stderr}\n${why}` } };
    }
    case 'unreachable':
      return { why: `${host}: ${answer.why}`, outcome: { kind: 'lost', why: `${host}: ${answer.why}` } };
    case 'login':
      return { why: answer.need.why, outcome: { kind: 'lost', why: `${host} needs login: ${answer.need.why}` } };
  }
}

/** Whether files of ours are among arguments: those are brought along by a command. */
function takesFiles(data: unknown): boolean {
  if (typeof data !== 'object' || data === null) return false;
  if (Array.isArray(data)) return data.some(takesFiles);
  if (data instanceof Map) return [...data].some(([key, value]) => takesFiles(key) || takesFiles(value));
  if (data instanceof Set) return [...data].some(takesFiles);
  if (Object.getPrototypeOf(data) !== Object.prototype) return false;
  const { at, sha256 } = data as { readonly at?: unknown; readonly sha256?: unknown };
  return (typeof at === 'string' && typeof sha256 === 'string') || Object.values(data).some(takesFiles);
}
