import {
  type AttemptId,
  type AttemptOrder,
  type Backend,
  type BackendCapabilities,
  type BackendContext,
  HeddleError,
  type LaunchAnswer,
  type Place,
  type RecoverAnswer,
  type RecoverQuery,
  type ResolvedWork,
  type StreamRequest,
  type StreamStep,
} from '../../model/index.ts';
import { readCapacity } from '../../process/index.ts';
import { InProcessCalls } from '../in-process/index.ts';
import { CustomCommands } from './custom-commands.ts';
import { makeThrough } from './custom-calls.ts';

/** One attempt, as it is handed to whoever executes it. */
export interface CustomTask {
  readonly run: string;
  readonly job: string;
  /** Random, and never used again: a key for whatever must happen once. */
  readonly attempt: string;
  /** Ordinal of the attempt in its job, from 1. */
  readonly fence: number;
  /** Its own directory, absolute. Of a command it is there, with `command.sh` and its inputs below `inputs/`. */
  readonly directory: string;
  /** A shell command with its files, or a function with its arguments. */
  readonly work: ResolvedWork;
  /**
   * Does here what the task says: gives what the function returns, or throws what it throws; of a command, its exit code.
   */
  execute(): Promise<unknown>;
}

export interface CustomBackendOptions {
  /** By which it is chosen: `--backend NAME`, `.on('NAME')`. */
  readonly name: string;
  /**
   * Executes a task. Of a call, what it returns is the job's result; of a command, it returns the exit code (0 where it
   * says nothing), and declared outputs are read from the task's directory. What it throws fails the job. Whoever is
   * aborted by the signal ends as cancelled, whatever it returns then.
   */
  readonly executeTask: (task: CustomTask, signal: AbortSignal) => unknown;
  /** Tasks at a time. @default the engine's `slots`, else the CPUs this process may use */
  readonly slots?: number;
}

/**
 * A backend that is one function. It lives in this process: what it executes ends with it, and is executed again when the
 * run is resumed.
 *
 * @example
 * const timed = customBackend({
 *   name: 'timed',
 *   executeTask: async (task) => {
 *     console.time(task.job);
 *     try {
 *       return await task.execute();
 *     } finally {
 *       console.timeEnd(task.job);
 *     }
 *   },
 * });
 * await using engine = await Engine.open({ backends: [timed] });
 *
 * @throws {HeddleError} INPUT_INVALID
 */
export function customBackend(options: CustomBackendOptions): Backend {
  const { name, executeTask, slots } = options;
  if (typeof name !== 'string' || name === '')
    throw new HeddleError('INPUT_INVALID', 'a backend has no name', { hint: "customBackend({ name: 'mine', ... })" });
  if (typeof executeTask !== 'function')
    throw new HeddleError('INPUT_INVALID', `backend '${name}' executes nothing`, {
      hint: 'executeTask: async (task, signal) => task.execute()',
    });
  if (slots !== undefined && !(Number.isInteger(slots) && slots > 0))
    throw new HeddleError('INPUT_INVALID', `slots of backend '${name}' can't be ${slots}`, {
      hint: 'give a whole number, 1 or more',
    });
  return new CustomBackend(options);
}

const ACCEPTED: LaunchAnswer = { kind: 'accepted', handle: '' };
const GONE: RecoverAnswer = { kind: 'gone', why: 'it ran inside an engine that has ended' };
/** How long calls are made at a time before everything else of the process has its turn. */
const SLICE_MS = 5;

interface Opened {
  readonly context: BackendContext;
  readonly calls: InProcessCalls;
  readonly commands: CustomCommands;
}

class CustomBackend implements Backend {
  readonly name: string;
  readonly capabilities: BackendCapabilities = {
    commands: true,
    calls: true,
    recoverable: false,
    batches: false,
    local: true,
  };
  readonly #options: CustomBackendOptions;
  #opened: Opened | undefined;
  #isTurnDue = false;

  constructor(options: CustomBackendOptions) {
    this.name = options.name;
    this.#options = options;
  }

  async open(context: BackendContext): Promise<readonly Place[]> {
    const { executeTask } = this.#options;
    // What still comes to its end after the disposal is nobody's any more.
    const own: BackendContext = { ...context, report: (event) => this.#opened?.context.report(event) };
    this.#opened = {
      context,
      calls: new InProcessCalls({
        context: own,
        make: makeThrough(executeTask),
        ended: (end) => own.report({ kind: 'ended', ...end }),
      }),
      commands: new CustomCommands(own, executeTask),
    };
    const slots = this.#options.slots ?? context.slots ?? readCapacity().cpus;
    return [this.#place(slots)];
  }

  launch(orders: readonly AttemptOrder[]): readonly LaunchAnswer[] {
    return orders.map((order): LaunchAnswer => {
      const { calls, commands } = this.#use();
      if (order.work.kind === 'command') return commands.launch(order, order.work) ?? ACCEPTED;
      calls.add(order, order.work);
      this.#awaitTurn();
      return ACCEPTED;
    });
  }

  cancel(attempt: AttemptId, graceMs: number): void {
    this.#opened?.calls.cancel(attempt, graceMs);
    this.#opened?.commands.cancel(attempt, graceMs);
  }

  pull(attempt: AttemptId, request: StreamRequest): Promise<StreamStep> {
    return this.#use().calls.pull(attempt, request);
  }

  resize(slots: number): void {
    this.#opened?.context.report({ kind: 'places', places: [this.#place(slots)] });
  }

  async recover(queries: readonly RecoverQuery[]): Promise<readonly RecoverAnswer[]> {
    return queries.map(({ attempt }) =>
      this.#opened?.calls.has(attempt) === true || this.#opened?.commands.has(attempt) === true
        ? { kind: 'running' }
        : GONE,
    );
  }

  release(): void {
    // Nothing is kept for an attempt that has ended.
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const opened = this.#opened;
    this.#opened = undefined;
    await Promise.all([opened?.calls.close(), opened?.commands.close()]);
  }

  #use(): Opened {
    if (this.#opened !== undefined) return this.#opened;
    throw new HeddleError('BACKEND_UNAVAILABLE', `backend '${this.name}' is not open`, {
      hint: 'open an engine with it',
    });
  }

  #place(cpus: number): Place {
    return { name: this.name, cpus };
  }

  #awaitTurn(): void {
    if (this.#isTurnDue) return;
    this.#isTurnDue = true;
    this.#opened?.context.clock.soon(() => {
      this.#isTurnDue = false;
      if (this.#opened?.calls.runSlice(SLICE_MS) === true) this.#awaitTurn();
    });
  }
}
