import { spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import { serializeError } from '../../calls/index.ts';
import { FileHasher } from '../../files/index.ts';
import {
  type AttemptId,
  type AttemptOrder,
  type BackendContext,
  HeddleError,
  type LaunchAnswer,
  type Outcome,
  type Timer,
} from '../../model/index.ts';
import {
  baseEnvironment,
  COMMAND_FILE,
  escalate,
  leftBy,
  ProgramFinder,
  STDERR_FILE,
  STDOUT_FILE,
  runtimeEnvironment,
} from '../../process/index.ts';
import {
  attemptTarget,
  CaptureGuard,
  collectOutputs,
  type CommandWork,
  stderrTail,
  WorkDirectories,
} from '../workdir/index.ts';
import type { CustomBackendOptions } from './custom-backend.ts';
import { taskOf } from './custom-calls.ts';

interface LiveCommand {
  readonly order: AttemptOrder;
  readonly controller: AbortController;
  /** From the polite signal to the forced one, once it is cancelled. */
  graceMs: number;
  grace: Timer | undefined;
  readonly over: PromiseWithResolvers<void>;
}

const CANCELLED: Outcome = { kind: 'cancelled', by: 'user' };

/** Commands by way of the user's function: their directories are made, and what they leave behind is read. */
export class CustomCommands {
  readonly #context: BackendContext;
  readonly #executeTask: CustomBackendOptions['executeTask'];
  readonly #directories: WorkDirectories;
  readonly #hasher: FileHasher;
  readonly #live = new Map<AttemptId, LiveCommand>();

  constructor(context: BackendContext, executeTask: CustomBackendOptions['executeTask']) {
    this.#context = context;
    this.#executeTask = executeTask;
    const { directory: store, project, clock } = context;
    this.#directories = new WorkDirectories({
      store,
      project,
      programs: new ProgramFinder(`${project}/bin:${baseEnvironment()['PATH'] ?? ''}`),
      runtimes: runtimeEnvironment(),
    });
    this.#hasher = new FileHasher(() => clock.now().wall);
  }

  /** Starts an attempt; gives why it can not be started. */
  launch(order: AttemptOrder, work: CommandWork): LaunchAnswer | undefined {
    try {
      this.#directories.prepare(order, work);
    } catch (error) {
      if (!HeddleError.is(error)) throw error;
      return { kind: 'refused', retryable: false, why: error.message };
    }
    const live: LiveCommand = {
      order,
      controller: new AbortController(),
      graceMs: order.limits.graceMs,
      grace: undefined,
      over: Promise.withResolvers<void>(),
    };
    this.#live.set(order.attempt, live);
    void this.#run(live, work);
    return undefined;
  }

  has(attempt: AttemptId): boolean {
    return this.#live.has(attempt);
  }

  cancel(attempt: AttemptId, graceMs: number): void {
    const live = this.#live.get(attempt);
    if (live === undefined || live.controller.signal.aborted) return;
    live.graceMs = graceMs;
    live.controller.abort(new HeddleError('JOB_CANCELLED', 'the job was cancelled'));
    // A function that does not listen is given up; what `execute` started is dead by then.
    live.grace = this.#context.clock.after(graceMs + 1000, () => this.#end(live, CANCELLED));
  }

  async close(): Promise<void> {
    const all = [...this.#live.values()];
    for (const { order, graceMs } of all) this.cancel(order.attempt, graceMs);
    await Promise.all(all.map(({ over }) => over.promise));
  }

  async #run(live: LiveCommand, work: CommandWork): Promise<void> {
    const { order, controller } = live;
    const { attempt } = order;
    this.#context.report({ kind: 'phase', attempt, phase: 'active' });
    let ended: Outcome | undefined;
    try {
      const execute = async (): Promise<number> => {
        const end = await this.#spawn(live);
        ended = end.outcome;
        return end.status;
      };
      // Not before the answer to the launch.
      await Promise.resolve();
      const returned = await this.#executeTask(taskOf(order, execute), controller.signal);
      this.#end(live, await this.#judge(live, { work, returned, ended }));
    } catch (error) {
      this.#end(live, controller.signal.aborted ? CANCELLED : { kind: 'error', error: serializeError(error) });
    }
  }

  async #judge(
    { order, controller }: LiveCommand,
    { work, returned, ended }: { work: CommandWork; returned: unknown; ended: Outcome | undefined },
  ): Promise<Outcome> {
    if (controller.signal.aborted) return CANCELLED;
    const code = typeof returned === 'number' ? returned : 0;
    if (code !== 0) return ended !== undefined && ended.kind !== 'ok' ? ended : { kind: 'exit', code };
    const { directory: store, project } = this.#context;
    const { directory, attempt } = order;
    return collectOutputs({ directory, outputs: work.outputs, store, project, tag: attempt, hasher: this.#hasher });
  }

  /** Runs the command in a group of its own; ended, with all it started, when it is cancelled. */
  async #spawn(live: LiveCommand): Promise<{ status: number; outcome: Outcome }> {
    const { order, controller } = live;
    const { attempt, directory, limits } = order;
    const { clock } = this.#context;
    const streams = [STDOUT_FILE, STDERR_FILE].map((name) => openSync(join(directory, name), 'a'));
    const child = spawn('sh', [COMMAND_FILE], {
      cwd: directory,
      detached: true,
      env: baseEnvironment(),
      stdio: ['ignore', streams[0], streams[1]],
    });
    for (const stream of streams) closeSync(stream);
    const guard = new CaptureGuard(directory, limits.outputBytes, clock.now().wall);
    const { promise, resolve, reject } = Promise.withResolvers<readonly [number | null, NodeJS.Signals | null]>();
    child.once('error', reject);
    child.once('close', (code, signal) => resolve([code, signal]));
    const dead = Promise.withResolvers<void>();
    const abort = (): void => {
      if (child.pid === undefined) return dead.resolve();
      escalate(attemptTarget(child.pid, attempt), { clock, graceMs: live.graceMs, whenDead: dead.resolve });
    };
    controller.signal.addEventListener('abort', abort, { once: true });
    if (controller.signal.aborted) abort();
    const [code, signal] = await promise;
    if (controller.signal.aborted) await dead.promise;
    else if (child.pid !== undefined) await this.#clear(child.pid, limits.graceMs);
    controller.signal.removeEventListener('abort', abort);
    guard.finish();
    if (code === 0) return { status: 0, outcome: { kind: 'ok' } };
    const stderr = stderrTail(directory);
    if (signal !== null)
      return { status: 128 + constants.signals[signal], outcome: { kind: 'signal', signal, stderr } };
    return { status: code ?? 1, outcome: { kind: 'exit', code: code ?? 1, stderr } };
  }

  /** Ends what a command that has ended by itself left in its group. */
  async #clear(pid: number, graceMs: number): Promise<void> {
    const left = leftBy(pid);
    if (!left.isAlive()) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    escalate(left, { clock: this.#context.clock, graceMs, whenDead: resolve });
    await promise;
  }

  #end(live: LiveCommand, outcome: Outcome): void {
    const { attempt } = live.order;
    live.grace?.cancel();
    live.over.resolve();
    // It was given up, and has come to its end after all.
    if (!this.#live.delete(attempt)) return;
    this.#context.report({ kind: 'ended', attempt, outcome });
  }
}
