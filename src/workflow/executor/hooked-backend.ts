import type {
  AttemptId,
  AttemptOrder,
  AttemptProcess,
  Backend,
  BackendCapabilities,
  BackendContext,
  LaunchAnswer,
  Place,
  RecoverAnswer,
  RecoverQuery,
  StreamRequest,
  StreamStep,
} from '../../model/index.ts';

/** Called before an attempt is started, which waits for it. Never rejects. */
export type BeforeStart = (order: AttemptOrder) => Promise<void> | undefined;

/** The same backend, with something to be done before each attempt is started. */
export function hookedBackend(inner: Backend, before: BeforeStart): Backend {
  return new HookedBackend(inner, before);
}

const NO_ANSWER: LaunchAnswer = { kind: 'unknown', why: 'no answer' };
const CANCELLED: LaunchAnswer = { kind: 'refused', retryable: false, why: 'it was cancelled before it was started' };

class HookedBackend implements Backend {
  readonly name: string;
  readonly capabilities: BackendCapabilities;
  readonly #inner: Backend;
  readonly #before: BeforeStart;
  /** Attempts that wait for what is done before them. */
  readonly #waiting = new Map<AttemptId, 'wanted' | 'cancelled'>();
  readonly pull?: (attempt: AttemptId, request: StreamRequest) => Promise<StreamStep>;
  readonly recall?: (attempts: readonly AttemptId[]) => void;
  readonly resize?: (slots: number) => void;
  readonly processes?: () => Iterable<AttemptProcess>;
  #isClosed = false;

  constructor(inner: Backend, before: BeforeStart) {
    this.#inner = inner;
    this.#before = before;
    this.name = inner.name;
    this.capabilities = inner.capabilities;
    if (inner.pull !== undefined) this.pull = inner.pull.bind(inner);
    if (inner.recall !== undefined) this.recall = inner.recall.bind(inner);
    if (inner.resize !== undefined) this.resize = inner.resize.bind(inner);
    if (inner.processes !== undefined) this.processes = inner.processes.bind(inner);
  }

  open(context: BackendContext): Promise<readonly Place[]> {
    return this.#inner.open(context);
  }

  /** Orders that travel together wait for each other; any other starts when its own turn has come. */
  async launch(orders: readonly AttemptOrder[]): Promise<readonly LaunchAnswer[]> {
    if (!this.capabilities.batches) return (await Promise.all(orders.map((order) => this.#launch([order])))).flat();
    return this.#launch(orders);
  }

  async #launch(orders: readonly AttemptOrder[]): Promise<readonly LaunchAnswer[]> {
    for (const { attempt } of orders) this.#waiting.set(attempt, 'wanted');
    await Promise.all(orders.map(async (order) => this.#before(order)));
    const isWanted = orders.map(({ attempt }) => this.#waiting.get(attempt) === 'wanted');
    for (const { attempt } of orders) this.#waiting.delete(attempt);
    if (this.#isClosed) return orders.map(() => ({ kind: 'refused', retryable: true, why: 'the engine has stopped' }));
    const wanted = orders.filter((_, i) => isWanted[i]);
    const answers = [...(wanted.length === 0 ? [] : await this.#inner.launch(wanted))];
    // Cancelled before it was started: it never is.
    return isWanted.map((is) => (is ? (answers.shift() ?? NO_ANSWER) : CANCELLED));
  }

  cancel(attempt: AttemptId, graceMs: number): void {
    if (this.#waiting.has(attempt)) this.#waiting.set(attempt, 'cancelled');
    else this.#inner.cancel(attempt, graceMs);
  }

  async recover(queries: readonly RecoverQuery[]): Promise<readonly RecoverAnswer[]> {
    const asked = queries.filter(({ attempt }) => !this.#waiting.has(attempt));
    const answers = asked.length === 0 ? [] : await this.#inner.recover(asked);
    const byAttempt = new Map(asked.map(({ attempt }, i) => [attempt, answers[i] as RecoverAnswer]));
    return queries.map(({ attempt }) => byAttempt.get(attempt) ?? { kind: 'unknown', why: 'it has not been started' });
  }

  release(attempts: readonly AttemptId[]): void {
    this.#inner.release(attempts);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    await this.#inner[Symbol.asyncDispose]();
  }
}
