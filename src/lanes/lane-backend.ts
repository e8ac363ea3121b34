import {
  type AttemptId,
  type AttemptOrder,
  type AttemptProcess,
  type Backend,
  type BackendCapabilities,
  type BackendContext,
  type BackendEvent,
  HeddleError,
  type LaunchAnswer,
  type Place,
  type RecoverAnswer,
  type RecoverQuery,
  type StreamRequest,
  type StreamStep,
} from '../model/index.ts';
import { devicesHere, readCapacity } from '../process/index.ts';
import { LanePool } from './lane-pool.ts';
import { Linger } from './linger.ts';
import type { OpenTransport } from './transport.ts';

/** How calls are made in lanes; the same for all ways to have a lane. */
export interface LaneOptions {
  /** Calls at a time. @default the engine's `slots`, else the CPUs this process may use */
  readonly slots?: number;
  /** Calls sent ahead to a lane behind ones that take less than 1 ms; 0: one at a time. @default 8 */
  readonly prefetch?: number;
  /** A fresh worker for each call: nothing is left of the one before, at some 30 ms each. @default false */
  readonly isolate?: boolean;
}

/** One way to have lanes. */
export interface LaneKind {
  readonly name: string;
  /** Whether nothing of it can outlive this process. */
  readonly local: boolean;
  /** Whether GPUs can be handed out. */
  readonly gpus: boolean;
  /** Whether calls can be taken back once they were sent; where not, none is sent ahead by itself. @default true */
  readonly recalls?: boolean;
  /** Whether a worker's answer to short calls is awaited awake: not where it has more to do than we while it answers. @default false */
  readonly lingers?: boolean;
  /** Ends what engines that are dead have left behind; resolves when nothing of it lives. */
  sweep?(context: BackendContext): Promise<void>;
  transport(context: BackendContext): OpenTransport;
}

type Ended = Extract<BackendEvent, { readonly kind: 'ended' }>;

/**
 * For each slot so many attempts are taken ahead while calls are short: what its lane may have in hand, and twice that
 * behind it, so that the next ones are committed while these are made. With 8 a durable engine waits for its disk between any two lists.
 */
const AHEAD_A_SLOT = 24;

/** A backend that makes calls in warm workers of one kind. No worker is started before the first call. */
export function laneBackend(kind: LaneKind, options: LaneOptions = {}): Backend {
  return new LaneBackend(kind, options);
}

/** An attempt is the pool's until it has ended; its end is in `#ended` from then until the engine has committed it. */
class LaneBackend implements Backend {
  readonly name: string;
  readonly capabilities: BackendCapabilities;
  readonly #kind: LaneKind;
  readonly #options: LaneOptions;
  readonly #ended = new Map<AttemptId, Ended>();
  #context: BackendContext | undefined;
  #pool: LanePool | undefined;
  #place: Place = { name: '', cpus: 0 };
  #isHurried = false;

  constructor(kind: LaneKind, options: LaneOptions) {
    const { name, local } = kind;
    this.name = name;
    this.capabilities = { commands: false, calls: true, recoverable: false, batches: false, local, secrets: true };
    this.#kind = kind;
    this.#options = options;
  }

  async open(context: BackendContext): Promise<readonly Place[]> {
    this.#context = context;
    await this.#kind.sweep?.(context);
    const { gpus, devicesOf, ...capacity } = devicesHere(readCapacity(), context.gpus);
    const slots = this.#options.slots ?? context.slots ?? capacity.cpus;
    this.#place = {
      ...capacity,
      ...(this.#kind.gpus && gpus !== undefined && devicesOf !== undefined ? { gpus, devicesOf } : {}),
      name: this.name,
      cpus: slots,
    };
    this.#pool = new LanePool({
      open: this.#kind.transport(context),
      clock: context.clock,
      logger: context.logger,
      project: context.project,
      slots,
      prefetch: this.#options.prefetch ?? (this.#kind.recalls === false ? 0 : undefined),
      isolate: this.#options.isolate,
      linger: this.#kind.lingers === true ? new Linger(context.clock) : undefined,
      report: (event) => this.#report(event),
      together: (reports) => (context.together === undefined ? reports() : context.together(reports)),
      hurried: (isHurried) => {
        this.#isHurried = isHurried;
        this.#tellPlaces();
      },
    });
    return this.#places();
  }

  launch(orders: readonly AttemptOrder[]): readonly LaunchAnswer[] {
    return this.#use().launch(orders);
  }

  cancel(attempt: AttemptId, graceMs: number): void {
    this.#pool?.cancel(attempt, graceMs);
  }

  async recover(queries: readonly RecoverQuery[]): Promise<readonly RecoverAnswer[]> {
    const context = this.#context;
    // Another engine may have died since this one was opened, and it is its run that is being asked about.
    const isForeign = queries.some(({ attempt }) => !this.#ended.has(attempt) && this.#pool?.has(attempt) !== true);
    if (isForeign && context !== undefined) await this.#kind.sweep?.(context);
    return queries.map(({ attempt }) => this.#recover(attempt));
  }

  release(attempts: readonly AttemptId[]): void {
    for (const attempt of attempts) this.#ended.delete(attempt);
  }

  recall(attempts: readonly AttemptId[]): void {
    this.#pool?.recall(attempts);
  }

  pull(attempt: AttemptId, request: StreamRequest): Promise<StreamStep> {
    return this.#use().pull(attempt, request);
  }

  processes(): Iterable<AttemptProcess> {
    return this.#pool?.processes() ?? [];
  }

  resize(slots: number): void {
    this.#place = { ...this.#place, cpus: slots };
    this.#pool?.resize(slots);
    this.#tellPlaces();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#context = undefined;
    await this.#pool?.close();
  }

  #recover(attempt: AttemptId): RecoverAnswer {
    const ended = this.#ended.get(attempt);
    if (ended !== undefined) {
      const { outcome, startedAt, endedAt } = ended;
      return startedAt === undefined || endedAt === undefined
        ? { kind: 'ended', outcome }
        : { kind: 'ended', outcome, startedAt, endedAt };
    }
    if (this.#pool?.has(attempt) === true) return { kind: 'running' };
    return { kind: 'gone', why: 'its worker ended with the engine that had it' };
  }

  #report(event: BackendEvent): void {
    if (event.kind === 'ended') this.#ended.set(event.attempt, event);
    this.#context?.report(event);
  }

  #tellPlaces(): void {
    this.#context?.report({ kind: 'places', places: this.#places() });
  }

  #places(): readonly Place[] {
    const { cpus } = this.#place;
    return [this.#isHurried ? { ...this.#place, ahead: Math.ceil(cpus) * AHEAD_A_SLOT } : this.#place];
  }

  #use(): LanePool {
    if (this.#pool !== undefined) return this.#pool;
    throw new HeddleError('BACKEND_BROKEN', `the ${this.name} backend is not open`);
  }
}
