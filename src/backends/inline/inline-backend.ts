import { whyNoWait } from '../../calls/index.ts';
import type {
  AttemptId,
  AttemptOrder,
  Backend,
  BackendCapabilities,
  BackendContext,
  BackendEvent,
  LaunchAnswer,
  Outcome,
  Place,
  RecoverAnswer,
  RecoverQuery,
  ResolvedCall,
  ResolvedWork,
  StreamRequest,
  StreamStep,
  Timer,
} from '../../model/index.ts';
import { InProcessCalls } from '../in-process/index.ts';

export interface InlineOptions {
  /** Attempts at a time. @default the engine's `slots`, else 1000: most of what runs here waits for something */
  readonly slots?: number;
}

const DEFAULT_SLOTS = 1000;
/** How long calls are made at a time before everything else of the process has its turn. */
const SLICE_MS = 5;
const ACCEPTED: LaunchAnswer = { kind: 'accepted', handle: '' };
const GONE: RecoverAnswer = { kind: 'gone', why: 'it ran inside an engine that has ended' };
const OK: Outcome = { kind: 'ok' };
/** A replayed command makes no files, so its value names none. */
const OK_NO_OUTPUTS: Outcome = { kind: 'ok', value: { codec: 'json', json: '{"outputs":{}}' } };
const CANCELLED: Outcome = { kind: 'cancelled', by: 'user' };

/** Runs calls in this process, on its one thread; waits instead of running commands that are replayed. */
export function inlineBackend(options: InlineOptions = {}): Backend {
  return new InlineBackend(options);
}

/**
 * What is launched ends in the same turn of the loop (no-ops), waits on a timer (`#timers`) or is a call (`#calls`). Calls
 * are made, and all ends told, by one callback a turn. Nothing outlives the process.
 */
class InlineBackend implements Backend {
  readonly name = 'inline';
  readonly capabilities: BackendCapabilities = {
    commands: true,
    calls: true,
    recoverable: false,
    batches: false,
    local: true,
    secrets: true,
  };
  readonly #options: InlineOptions;
  #context: BackendContext | undefined;
  #calls: InProcessCalls | undefined;
  #ends: BackendEvent[] = [];
  #isTurnDue = false;
  readonly #timers = new Map<AttemptId, Timer>();

  constructor(options: InlineOptions) {
    this.#options = options;
  }

  async open(context: BackendContext): Promise<readonly Place[]> {
    this.#context = context;
    this.#calls = new InProcessCalls({
      // Calls that are still coming to their end after the disposal are nobody's any more.
      context: { ...context, report: (event) => this.#context?.report(event) },
      ended: (end) => this.#tell({ kind: 'ended', ...end }),
    });
    return [this.#place(this.#options.slots ?? context.slots ?? DEFAULT_SLOTS)];
  }

  launch(orders: readonly AttemptOrder[]): readonly LaunchAnswer[] {
    return orders.map((order) => this.#launch(order));
  }

  cancel(attempt: AttemptId, graceMs: number): void {
    const timer = this.#timers.get(attempt);
    if (timer === undefined) {
      this.#calls?.cancel(attempt, graceMs);
      return;
    }
    timer.cancel();
    this.#timers.delete(attempt);
    this.#end(attempt, CANCELLED);
  }

  pull(attempt: AttemptId, request: StreamRequest): Promise<StreamStep> {
    return (this.#calls as InProcessCalls).pull(attempt, request);
  }

  resize(slots: number): void {
    this.#context?.report({ kind: 'places', places: [this.#place(slots)] });
  }

  async recover(queries: readonly RecoverQuery[]): Promise<readonly RecoverAnswer[]> {
    return queries.map(({ attempt }) =>
      this.#timers.has(attempt) || this.#calls?.has(attempt) === true ? { kind: 'running' } : GONE,
    );
  }

  release(): void {
    // Nothing is kept for an attempt that has ended.
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const timer of this.#timers.values()) timer.cancel();
    this.#timers.clear();
    const calls = this.#calls;
    this.#calls = undefined;
    this.#context = undefined;
    await calls?.close();
  }

  #place(cpus: number): Place {
    return { name: 'inline', cpus };
  }

  #launch(order: AttemptOrder): LaunchAnswer {
    const plan = planOf(order.work);
    if ('why' in plan) return { kind: 'refused', retryable: false, why: plan.why };
    if ('call' in plan) {
      this.#calls?.add(order, plan.call);
      this.#awaitTurn();
    } else if (plan.waitMs <= 0) this.#end(order.attempt, plan.outcome);
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
    this.#tell({ kind: 'ended', attempt, outcome });
  }

  #tell(end: BackendEvent): void {
    this.#ends.push(end);
    this.#awaitTurn();
  }

  #awaitTurn(): void {
    if (this.#isTurnDue) return;
    this.#isTurnDue = true;
    this.#context?.clock.soon(() => this.#turn());
  }

  /** Makes calls for a slice of time, then tells what has ended. What `report` launches meanwhile has the next turn. */
  #turn(): void {
    const isMore = this.#calls?.runSlice(SLICE_MS) === true;
    const ends = this.#ends;
    this.#ends = [];
    this.#isTurnDue = false;
    const context = this.#context;
    if (context === undefined) return;
    if (isMore) this.#awaitTurn();
    for (const end of ends) context.report(end);
  }
}

interface Plan {
  readonly waitMs: number;
  readonly outcome: Outcome;
}

const NOOP: Plan = { waitMs: 0, outcome: OK };

/** How the work is done here, or why this backend has no way to. */
function planOf(work: ResolvedWork): Plan | { readonly call: ResolvedCall } | { readonly why: string } {
  if (work.kind === 'command') {
    if (work.replay === undefined) {
      return {
        why: "backend 'inline' runs no commands, only calls, timers and replays: choose '--backend commands'",
      };
    }
    return { waitMs: work.replay.seconds * 1000, outcome: OK_NO_OUTPUTS };
  }
  if (work.call.kind === 'builtin') {
    if (work.call.name === 'noop') return NOOP;
    const why = whyNoWait(work.args[0]);
    return why === undefined ? { waitMs: work.args[0] as number, outcome: OK } : { why };
  }
  if (work.environment !== undefined && Object.keys(work.environment).length > 0) {
    return {
      why: "backend 'inline' can give a call no environment of its own: choose '--backend threads' or '--backend processes'",
    };
  }
  return { call: work };
}
