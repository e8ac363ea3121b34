import type {
  AttemptId,
  AttemptOrder,
  Backend,
  BackendCapabilities,
  BackendContext,
  LaunchAnswer,
  Outcome,
  Place,
  RecoverAnswer,
  RecoverQuery,
  ResolvedWork,
  Timer,
} from '../../model/index.ts';

export interface InlineOptions {
  /** Attempts at a time. @default the engine's `slots`, else 1000: what runs here waits and computes nothing */
  readonly slots?: number;
}

const DEFAULT_SLOTS = 1000;
const ACCEPTED: LaunchAnswer = { kind: 'accepted', handle: '' };
const GONE: RecoverAnswer = { kind: 'gone', why: 'it ran inside an engine that has ended' };
const OK: Outcome = { kind: 'ok' };
/** A replayed command makes no files, so its value names none. */
const OK_NO_OUTPUTS: Outcome = { kind: 'ok', value: { codec: 'json', json: '{"outputs":{}}' } };
const CANCELLED: Outcome = { kind: 'cancelled', by: 'user' };

/** Runs no-ops, timers and replayed commands inside this process: for replays, tests and benchmarks. */
export function inlineBackend(options: InlineOptions = {}): Backend {
  return new InlineBackend(options);
}

/**
 * What is launched either ends in the same turn of the loop (`#ending`, told in order of launch by one
 * callback a turn) or waits on a timer (`#timers`). Nothing outlives the process.
 */
class InlineBackend implements Backend {
  readonly name = 'inline';
  readonly capabilities: BackendCapabilities = {
    commands: true,
    calls: true,
    recoverable: false,
    batches: false,
    local: true,
  };
  readonly #options: InlineOptions;
  #context: BackendContext | undefined;
  #ending: AttemptId[] = [];
  #outcomes: Outcome[] = [];
  #flushing = false;
  readonly #timers = new Map<AttemptId, Timer>();

  constructor(options: InlineOptions) {
    this.#options = options;
  }

  async open(context: BackendContext): Promise<readonly Place[]> {
    this.#context = context;
    return [{ name: 'inline', cpus: this.#options.slots ?? context.slots ?? DEFAULT_SLOTS }];
  }

  launch(orders: readonly AttemptOrder[]): readonly LaunchAnswer[] {
    return orders.map((order) => this.#launch(order));
  }

  cancel(attempt: AttemptId): void {
    const timer = this.#timers.get(attempt);
    if (timer === undefined) return;
    timer.cancel();
    this.#timers.delete(attempt);
    this.#end(attempt, CANCELLED);
  }

  async recover(queries: readonly RecoverQuery[]): Promise<readonly RecoverAnswer[]> {
    return queries.map((query) => (this.#timers.has(query.attempt) ? { kind: 'running' } : GONE));
  }

  release(): void {
    // Nothing is kept for an attempt that has ended.
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const timer of this.#timers.values()) timer.cancel();
    this.#timers.clear();
    this.#context = undefined;
  }

  #launch(order: AttemptOrder): LaunchAnswer {
    const plan = planOf(order.work);
    if ('why' in plan) return { kind: 'refused', retryable: false, why: plan.why };
    if (plan.waitMs <= 0) this.#end(order.attempt, plan.outcome);
    else this.#wait(order.attempt, plan);
    return ACCEPTED;
  }

  #wait(attempt: AttemptId, plan: Plan): void {
    const context = this.#context;
    if (context === undefined) return;
    context.report({ kind: 'phase', attempt, phase: 'active' });
    this.#timers.set(
      attempt,
      context.clock.after(plan.waitMs, () => {
        this.#timers.delete(attempt);
        this.#end(attempt, plan.outcome);
      }),
    );
  }

  #end(attempt: AttemptId, outcome: Outcome): void {
    this.#ending.push(attempt);
    this.#outcomes.push(outcome);
    if (this.#flushing) return;
    this.#flushing = true;
    this.#context?.clock.soon(() => this.#flush());
  }

  /** Tells the ends of one turn. What `report` launches meanwhile is told in the next. */
  #flush(): void {
    const ending = this.#ending;
    const outcomes = this.#outcomes;
    this.#ending = [];
    this.#outcomes = [];
    this.#flushing = false;
    const context = this.#context;
    if (context === undefined) return;
    for (let i = 0; i < ending.length; i += 1) {
      context.report({ kind: 'ended', attempt: ending[i] as AttemptId, outcome: outcomes[i] as Outcome });
    }
  }
}

interface Plan {
  readonly waitMs: number;
  readonly outcome: Outcome;
}

const NOOP: Plan = { waitMs: 0, outcome: OK };

/** How long the work waits here, or why this backend has no way to run it. */
function planOf(work: ResolvedWork): Plan | { readonly why: string } {
  if (work.kind === 'command') {
    if (work.replay === undefined) {
      return {
        why: "backend 'inline' runs no commands, only no-ops, timers and replays: choose '--backend commands'",
      };
    }
    return { waitMs: work.replay.seconds * 1000, outcome: OK_NO_OUTPUTS };
  }
  if (work.call.kind !== 'builtin') {
    return { why: `backend 'inline' runs no calls of kind '${work.call.kind}' yet: choose another backend` };
  }
  if (work.call.name === 'noop') return NOOP;
  const wait = work.args[0];
  if (typeof wait !== 'number' || !Number.isFinite(wait) || wait < 0) {
    return { why: `'wait' takes milliseconds, 0 or more: got ${JSON.stringify(wait)}` };
  }
  return { waitMs: wait, outcome: OK };
}
