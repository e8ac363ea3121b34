import type {
  AttemptId,
  BackendContext,
  BackendEvent,
  LoginNeed,
  Outcome,
  Phase,
  RecoverAnswer,
} from '../../model/index.ts';
import { type Ended, endedAnswer, type RemoteAttempt } from './remote-attempt.ts';

/** How an end came to be known, where something was there to tell. */
export interface EndTimes {
  readonly startedAt?: number;
  readonly endedAt?: number;
}

/**
 * Whose attempts live on a target, and what was told of each: phases once, one end, an outage once. An end is kept until the
 * engine has committed it, so that a report that was lost is told again when `recover` asks.
 */
export class AttemptBook<A extends RemoteAttempt> {
  readonly #live = new Map<AttemptId, A>();
  readonly #ended = new Map<AttemptId, Ended>();
  readonly #report: (event: BackendEvent) => void;
  #needs: LoginNeed | undefined;

  constructor(context: Pick<BackendContext, 'report'>) {
    this.#report = (event) => context.report(event);
  }

  get size(): number {
    return this.#live.size;
  }

  add(attempt: A): void {
    this.#live.set(attempt.attempt, attempt);
  }

  find(attempt: AttemptId): A | undefined {
    return this.#live.get(attempt);
  }

  /** Whether it still is to end. */
  has(attempt: A): boolean {
    return this.#live.get(attempt.attempt) === attempt;
  }

  live(): IterableIterator<A> {
    return this.#live.values();
  }

  /** It was not started after all: nothing is told of it. */
  forget(attempt: A): void {
    if (this.has(attempt)) this.#live.delete(attempt.attempt);
  }

  phase(attempt: A, phase: Phase, more: { readonly handle?: string; readonly at?: number } = {}): void {
    attempt.isSilent = false;
    if (this.has(attempt)) this.#report({ kind: 'phase', attempt: attempt.attempt, phase, ...more });
  }

  active(attempt: A): void {
    if (attempt.isActive) return this.heard(attempt);
    attempt.isActive = true;
    this.phase(attempt, 'active');
  }

  /** It is there, or its place answers again. */
  heard(attempt: A): void {
    attempt.isSilent = false;
    this.#report({ kind: 'heartbeat', attempt: attempt.attempt });
  }

  end(attempt: A, outcome: Outcome, times: EndTimes = {}): void {
    if (!this.has(attempt)) return;
    this.#live.delete(attempt.attempt);
    const event: Ended = { kind: 'ended', attempt: attempt.attempt, outcome, ...times };
    this.#ended.set(attempt.attempt, event);
    this.#report(event);
  }

  /** It is fenced, and left no end. */
  gone(attempt: A, why: string, how: { readonly neverStarted?: boolean; readonly placeDied?: boolean } = {}): void {
    if (!this.has(attempt)) return;
    this.#live.delete(attempt.attempt);
    this.#report({ kind: 'gone', attempt: attempt.attempt, why, ...how });
  }

  unreachable(attempt: A, why: string): void {
    if (attempt.isSilent || !this.has(attempt)) return;
    attempt.isSilent = true;
    this.#report({ kind: 'unreachable', attempt: attempt.attempt, why });
  }

  /** The target wants its user, or does so no more. */
  access(needs: LoginNeed | undefined): void {
    if ((this.#needs === undefined) === (needs === undefined)) return;
    this.#needs = needs;
    this.#report(needs === undefined ? { kind: 'access' } : { kind: 'access', needs });
  }

  get needs(): LoginNeed | undefined {
    return this.#needs;
  }

  /** What is known without asking anybody. */
  known(attempt: AttemptId): RecoverAnswer | undefined {
    const ended = this.#ended.get(attempt);
    if (ended !== undefined) return endedAnswer(ended);
    const live = this.#live.get(attempt);
    if (live === undefined) return undefined;
    if (live.isSilent) return { kind: 'unknown', why: 'its place does not answer' };
    return { kind: 'running', phase: live.isEnding ? 'staging-out' : live.isActive ? 'active' : 'starting' };
  }

  release(attempts: readonly AttemptId[]): void {
    for (const attempt of attempts) this.#ended.delete(attempt);
  }

  clear(): void {
    this.#live.clear();
  }
}
