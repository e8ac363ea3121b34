import { asError, HeddleError, type Logger } from '../model/index.ts';
import type { Condition } from './conditions.ts';
import { Definitions, encodeJob, type EncodeScope, type JobNode } from './encode-job.ts';
import type { Engine } from './engine.ts';
import { HeldFunctions } from './held-functions.ts';
import { type Job, stateOf } from './job.ts';
import { rememberSubmitter } from './job-events.ts';
import type { JobHome, JobState } from './job-state.ts';
import { findCircle } from './waits.ts';

export interface IntakeInit {
  readonly home: JobHome;
  readonly engine: Engine;
  readonly durable: boolean;
  readonly project: string;
  readonly logger: Logger;
  /** Where the engine looks conditions of the user's own up. */
  readonly conditions: Record<string, () => boolean>;
}

/** What one call of `submit` brought. */
export interface Taken {
  readonly nodes: readonly JobNode[];
  /** Final ones, which are to run again. */
  readonly again: readonly JobState[];
}

/**
 * Takes jobs in: gives each its place in the session's run, with those whose values they need, and writes them down. All
 * of one call are taken, or none.
 */
export class Intake {
  readonly functions: HeldFunctions = new HeldFunctions();
  readonly #init: IntakeInit;
  readonly #definitions = new Definitions();
  readonly #ownConditions = new Map<Condition, string>();
  /** By index in the run; undefined where it was removed. */
  readonly #states: (JobState | undefined)[] = [];
  readonly #byId = new Map<string, JobState>();
  /** Ids that somebody waits for and nobody has submitted. */
  readonly #awaited = new Set<string>();

  constructor(init: IntakeInit) {
    this.#init = init;
  }

  /** Places given so far. */
  get size(): number {
    return this.#states.length;
  }

  get byId(): ReadonlyMap<string, JobState> {
    return this.#byId;
  }

  at(index: number): JobState | undefined {
    return this.#states[index];
  }

  /** Forgets a job that is final. What took its value keeps it. */
  forget(state: JobState): void {
    if (this.#states[state.index] !== state) return;
    this.#states[state.index] = undefined;
    this.#byId.delete(state.id);
    if (state.holds !== undefined) this.functions.release(state.holds);
    state.holds = undefined;
  }

  /**
   * @throws {HeddleError} GRAPH_CYCLE, INPUT_INVALID, VALUE_INVALID, FUNCTION_CANNOT_TRAVEL, RESOURCES_IMPOSSIBLE,
   * STATE_CONFLICT: then nothing of it was taken
   */
  take(jobs: readonly Job<unknown, unknown>[]): Taken {
    const claimed: JobState[] = [];
    const again = new Set<JobState>();
    const nodes: JobNode[] = [];
    const scope = this.#scope(claimed);
    try {
      for (const job of jobs) {
        const state = this.#ours(job);
        if (state.home === undefined) this.#claim(state, claimed);
        else if (state.isFinal) again.add(this.#stillThere(state));
      }
      // It grows while it is walked: values bring their jobs along.
      for (const state of claimed) {
        if (state.work === undefined) continue;
        const node = encodeJob(state, state.work, scope);
        nodes.push(node);
        state.upstream = node.upstream;
        state.awaits = node.awaits;
      }
      this.#refuseCircles(nodes);
    } catch (error) {
      this.#putBack(claimed, nodes);
      throw error;
    }
    for (const node of nodes) this.#settle(node);
    return { nodes, again: [...again] };
  }

  #scope(claimed: JobState[]): EncodeScope {
    const { durable, project } = this.#init;
    return {
      functions: this.functions,
      definitions: this.#definitions,
      durable,
      project,
      own: (condition) => this.#nameOf(condition),
      known: (id) => this.#byId.get(id),
      wanted: (job) => {
        const state = this.#ours(job);
        if (state.home === undefined) this.#claim(state, claimed);
        return state;
      },
    };
  }

  #ours(job: Job<unknown, unknown>): JobState {
    const state = stateOf(job);
    if (state.home === undefined || state.home === this.#init.home) return state;
    throw new HeddleError('STATE_CONFLICT', `job '${state.id}' belongs to another engine`, {
      hint: 'take its result, and pass that on',
    });
  }

  #stillThere(state: JobState): JobState {
    if (this.#states[state.index] === state) return state;
    throw new HeddleError('STATE_CONFLICT', `job '${state.id}' was removed: it can't run again`);
  }

  #claim(state: JobState, claimed: JobState[]): void {
    state.home = this.#init.home;
    state.index = this.#states.length;
    this.#states.push(state);
    this.#byId.set(state.id, state);
    claimed.push(state);
  }

  #putBack(claimed: readonly JobState[], nodes: readonly JobNode[]): void {
    this.#states.length -= claimed.length;
    for (const state of claimed) {
      state.home = undefined;
      state.index = -1;
      state.upstream = [];
      state.awaits = [];
      this.#byId.delete(state.id);
    }
    for (const { holds } of nodes) if (holds !== undefined) this.functions.release(holds);
  }

  #settle({ state, upstream, awaits, holds }: JobNode): void {
    state.work = undefined;
    state.holds = holds;
    rememberSubmitter(state);
    const values = upstream.filter(({ accept }) => accept === 0);
    if (values.length > 0) state.dependencies = values.map((up) => up.state.id);
    for (const id of awaits) this.#awaited.add(id);
    if (this.#awaited.size > 0) this.#awaited.delete(state.id);
  }

  /** Only what names a job that came later can close a circle. */
  #refuseCircles(nodes: readonly JobNode[]): void {
    const suspects = nodes.filter(
      ({ state, upstream }) =>
        this.#awaited.has(state.id) || upstream.some((up) => up.state.index >= state.index && !up.state.isFinal),
    );
    if (suspects.length === 0) return;
    const circle = findCircle(
      suspects.map(({ state }) => state),
      (id) => this.#byId.get(id),
    );
    if (circle === undefined) return;
    throw new HeddleError('GRAPH_CYCLE', `jobs wait for each other: ${circle.join(' -> ')}`, {
      details: { cycle: circle },
      hint: 'break the circle: one of these must not need the one before it',
    });
  }

  #nameOf(condition: Condition): string {
    const known = this.#ownConditions.get(condition);
    if (known !== undefined) return known;
    const name = `own-${this.#ownConditions.size + 1}`;
    this.#ownConditions.set(condition, name);
    this.#init.conditions[name] = lookAt(condition, this.#init);
    return name;
  }
}

/** Looks at a condition of the user's own. One that answers later is asked again when it has, and its last word holds. */
function lookAt(condition: Condition, { engine, logger }: IntakeInit): () => boolean {
  let word = false;
  let isAsked = false;
  const listen = async (answer: Promise<boolean>): Promise<void> => {
    isAsked = true;
    try {
      word = await answer;
    } catch (thrown) {
      word = false;
      logger.error({ error: asError(thrown) }, `condition ${condition.constructor.name} rejected and counts as false`);
    } finally {
      isAsked = false;
    }
  };
  return () => {
    if (isAsked) return word;
    const answer = condition.satisfy(engine);
    if (typeof answer === 'boolean') return answer;
    void listen(answer);
    return word;
  };
}
