import type { EngineApi } from '../engine/index.ts';
import {
  asError,
  type Condition,
  DEFAULT_REQUEST,
  type Definition,
  type Detail,
  type Graph,
  GraphBuilder,
  HeddleError,
  type NewEdge,
  type RunId,
} from '../model/index.ts';
import { systemClock } from '../process/index.ts';
import type { JobNode } from './encode-job.ts';
import type { JobState } from './job-state.ts';
import { whenThereIsRoom } from './when-there-is-room.ts';

/** What has such a condition is cancelled at once: it is looked at only when it runs again. */
const GATE_EVERY_MS = 1;

const RUN_NAME = 'session';

export interface SubmissionQueueInit {
  readonly api: EngineApi;
  /** Where the engine looks conditions up. */
  readonly conditions: Record<string, () => boolean>;
  /** The run is there; nothing of it has been told yet. */
  onStarted(run: RunId): void;
  /** The engine won't have this job. */
  onRefused(state: JobState, error: Error): void;
  /** The engine does nothing more. */
  onBroken(error: Error): void;
}

/**
 * Brings what was asked in one turn of the event loop to the engine together: as one segment of an open run, which
 * is started with the first job. One flush after the other, in the order in which things were asked.
 */
export class SubmissionQueue {
  readonly #init: SubmissionQueueInit;
  #run: RunId | undefined;
  #nodes: JobNode[] = [];
  #reruns: JobState[] = [];
  #cancels = new Set<JobState>();
  /** Index in the run of the first job that is in no segment yet. */
  #built = 0;
  /** Index of the first job that the engine does not have yet. */
  #taken = 0;
  #isScheduled = false;
  #hasGivenUp = false;
  #flushed: Promise<void> = Promise.resolve();

  constructor(init: SubmissionQueueInit) {
    this.#init = init;
  }

  get run(): RunId | undefined {
    return this.#run;
  }

  /** Why a job is pending, as far as that is known now. */
  reasonOf(state: JobState): Detail {
    if (this.#run === undefined || state.index >= this.#taken)
      return state.upstream.some((up) => !up.state.isFinal) ? 'blocked' : 'queued';
    const { status, detail } = this.#init.api.job(this.#run, state.index);
    return status === 'pending' ? detail : 'queued';
  }

  /** Nothing waits to be brought to the engine. */
  get isEmpty(): boolean {
    return !this.#isScheduled;
  }

  add(nodes: readonly JobNode[]): void {
    for (const node of nodes) this.#nodes.push(node);
    void this.#schedule();
  }

  rerun(state: JobState): Promise<void> {
    const { conditions } = this.#init;
    const gate = gateName(state);
    if (gate in conditions) conditions[gate] = () => true;
    this.#reruns.push(state);
    return this.#schedule();
  }

  /** Cancels a job of the session. One that the engine hasn't heard of never starts. */
  cancel(state: JobState): Promise<void> {
    this.#cancels.add(state);
    return this.#schedule();
  }

  /** The engine does nothing more: it is asked for nothing more. */
  giveUp(): void {
    this.#hasGivenUp = true;
  }

  /** Asks the engine for something, which its store may have no room for yet. */
  ask<Answer>(question: () => Promise<Answer>): Promise<Answer> {
    return whenThereIsRoom(question, () => this.#hasGivenUp);
  }

  /** Resolves when the engine has all that was asked so far; never rejects. */
  flushed(): Promise<void> {
    return this.#flushed;
  }

  #schedule(): Promise<void> {
    if (this.#isScheduled) return this.#flushed;
    this.#isScheduled = true;
    const { promise: turned, resolve } = Promise.withResolvers<void>();
    systemClock.soon(resolve);
    this.#flushed = this.#flushed.then(async () => {
      await turned;
      await this.#flush();
    });
    return this.#flushed;
  }

  async #flush(): Promise<void> {
    const { api } = this.#init;
    const nodes = this.#nodes;
    const reruns = this.#reruns;
    const cancels = this.#cancels;
    this.#nodes = [];
    this.#reruns = [];
    this.#cancels = new Set();
    this.#isScheduled = false;
    try {
      const run = this.#run ?? (await this.#start());
      if (nodes.length > 0) await this.#append(run, nodes, cancels);
      this.#taken = this.#built;
      if (reruns.length > 0)
        await this.ask(() =>
          api.rerun(
            run,
            reruns.map(({ index }) => index),
          ),
        );
      if (cancels.size > 0)
        await this.ask(() =>
          api.cancel(
            run,
            [...cancels].map(({ index }) => index),
          ),
        );
    } catch (error) {
      this.#init.onBroken(asError(error));
    }
  }

  async #start(): Promise<RunId> {
    const { api } = this.#init;
    const empty = new GraphBuilder(RUN_NAME).build();
    const run = await this.ask(() => api.start(empty, { open: true, name: RUN_NAME }));
    this.#run = run;
    this.#init.onStarted(run);
    return run;
  }

  async #append(run: RunId, nodes: readonly JobNode[], cancels: ReadonlySet<JobState>): Promise<void> {
    const { api } = this.#init;
    const base = this.#built;
    this.#built += nodes.length;
    try {
      await this.#appendSegment(run, segmentOf(this.#gated(nodes, cancels, new Map()), base));
    } catch (error) {
      if (!isRefusal(error)) throw error;
      const refused = await this.#refused(run, nodes, base);
      if (refused.size === 0) throw error;
      await this.#appendSegment(run, segmentOf(this.#gated(nodes, cancels, refused), base));
      const states = nodes.filter((node) => refused.has(node.definition));
      for (const { state, definition } of states) this.#init.onRefused(state, refused.get(definition) as Error);
      await this.ask(() =>
        api.cancel(
          run,
          states.map(({ state }) => state.index),
        ),
      );
    }
  }

  #appendSegment(run: RunId, segment: Graph): Promise<void> {
    return this.ask(() => this.#init.api.append(run, segment));
  }

  /** What is cancelled or refused has its place in the run, and a condition that keeps it from starting. */
  #gated(
    nodes: readonly JobNode[],
    cancels: ReadonlySet<JobState>,
    refused: ReadonlyMap<Definition, Error>,
  ): readonly JobNode[] {
    if (cancels.size === 0 && refused.size === 0) return nodes;
    return nodes.map((node) => {
      const isRefused = refused.has(node.definition);
      if (!isRefused && !cancels.has(node.state)) return node;
      const name = gateName(node.state);
      this.#init.conditions[name] = () => false;
      return { ...node, definition: gatedBy(name, node.definition, isRefused) };
    });
  }

  /** Which of the definitions the engine won't have, and why: an empty segment with one brings only that to judgement. */
  async #refused(run: RunId, nodes: readonly JobNode[], base: number): Promise<ReadonlyMap<Definition, Error>> {
    const refused = new Map<Definition, Error>();
    for (const definition of new Set(nodes.map((node) => node.definition))) {
      try {
        await this.#appendSegment(run, { ...emptyAt(base), definitions: [definition] });
      } catch (error) {
        if (!isRefusal(error)) throw error;
        refused.set(definition, error);
      }
    }
    return refused;
  }
}

/** What a job is refused for; nothing else says anything about one job alone. */
const REFUSALS: ReadonlySet<string> = new Set(['BACKEND_UNKNOWN', 'RESOURCES_IMPOSSIBLE', 'RESOURCE_LIMIT']);

/** The engine says no to what a job is, not to everything. */
function isRefusal(error: unknown): error is HeddleError {
  return HeddleError.is(error) && REFUSALS.has(error.code);
}

function gateName({ id }: JobState): string {
  return `heddle:${id}`;
}

/** The definition behind one more condition; of a refused one what can't be refused. */
function gatedBy(name: string, definition: Definition, isRefused: boolean): Definition {
  const gate: Condition = { kind: 'custom', name, everyMs: GATE_EVERY_MS };
  const { condition } = definition;
  if (!isRefused)
    return {
      ...definition,
      condition: condition === undefined ? gate : { kind: 'all', conditions: [gate, condition] },
    };
  return { ...definition, kind: 'call', backend: 'inline', resources: DEFAULT_REQUEST, condition: gate };
}

/** A segment for jobs whose places in the run begin at `base`. */
function segmentOf(nodes: readonly JobNode[], base: number): Graph {
  const builder = new GraphBuilder(RUN_NAME, { after: emptyAt(base) });
  for (const { state, definition, payload, upstream } of nodes) {
    if (upstream.length === 0) builder.add(state.id, { definition, payload });
    else {
      const edges = upstream.map(({ state: from, accept }): NewEdge => ({ from: from.index, accept }));
      builder.add(state.id, { definition, payload, edges });
    }
  }
  return builder.build();
}

/** Stands for all that a run has already: its names are known to be others. */
function emptyAt(base: number): Graph {
  return { ...new GraphBuilder(RUN_NAME).build(), base };
}
