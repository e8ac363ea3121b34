import { FINAL_STATUSES, type FinalStatus, HeddleError, type Status } from '../model/index.ts';
import { Job, stateOf } from './job.ts';
import type { Session } from './session.ts';

/** Any job. */
export type AnyJob = Job<unknown, unknown>;

/**
 * The jobs that were submitted to an engine, in the order in which they were, until they are removed. A job that was
 * only made is in none.
 */
export class Jobs implements Iterable<AnyJob> {
  readonly #session: Session;

  constructor(session: Session) {
    this.#session = session;
  }

  get size(): number {
    return this.#session.states.size;
  }

  /** @throws {HeddleError} JOB_NOT_FOUND */
  get(id: string): AnyJob {
    const state = this.#session.states.get(id);
    if (state !== undefined) return state.job;
    throw new HeddleError('JOB_NOT_FOUND', `this engine has no job '${id}'`, { details: { id } });
  }

  has(job: AnyJob | string): boolean {
    if (!(job instanceof Job)) return this.#session.states.has(job);
    return this.#session.states.get(job.id) === stateOf(job);
  }

  *[Symbol.iterator](): Generator<AnyJob, void> {
    for (const { job } of this.#session.states.values()) yield job;
  }

  /** Those that have a status now. */
  byStatus(status: Status): readonly AnyJob[] {
    return [...this].filter((job) => job.status === status);
  }

  /** How many have a status now: without a look at each. */
  count(status: Status): number {
    return this.#session.count(status);
  }

  get pending(): readonly AnyJob[] {
    return this.byStatus('pending');
  }

  get running(): readonly AnyJob[] {
    return this.byStatus('running');
  }

  get done(): readonly AnyJob[] {
    return this.byStatus('done');
  }

  get failed(): readonly AnyJob[] {
    return this.byStatus('failed');
  }

  get cancelled(): readonly AnyJob[] {
    return this.byStatus('cancelled');
  }

  /** Forgets those that ended with one of these statuses: their results can still be had from the jobs themselves. @default all that have ended */
  clear(statuses: readonly FinalStatus[] = FINAL_STATUSES): void {
    this.#session.clear(statuses);
  }
}
