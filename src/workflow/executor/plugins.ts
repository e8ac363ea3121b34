import { asError, type Clock, type HeddleError } from '../../model/index.ts';
import type { Task } from './task.ts';

/**
 * Is told what becomes of tasks. Hooks may be asynchronous; those of one task are called one after the other, and of several plugins in
 * the order in which those were given. What a hook throws, and that it never answers, changes nothing: it is told as a notice.
 */
export interface ExecutionPlugin {
  /** By which notices name it. @default its class's name */
  readonly name?: string;
  /** Before an attempt is started: it waits for the answer. */
  beforeTaskExecution?(task: Task): unknown;
  /** Once the task is completed. */
  afterTaskExecution?(task: Task, result: unknown): unknown;
  /** Once the task has failed for good. */
  onTaskFailure?(task: Task, error: HeddleError): unknown;
}

/** Something people should know that changed nothing. */
export interface ExecutorNotice {
  readonly code: 'PLUGIN_FAILED' | 'PLUGIN_SILENT';
  readonly message: string;
  readonly plugin: string;
  readonly task: string;
  readonly error?: Error;
}

type Hook = 'beforeTaskExecution' | 'afterTaskExecution' | 'onTaskFailure';

export interface PluginCallsOptions {
  readonly plugins: readonly ExecutionPlugin[];
  readonly clock: Clock;
  readonly timeoutMs: number;
  readonly notice: (notice: ExecutorNotice) => void;
}

/** Calls plugins, and keeps what they do wrong to itself. */
export class PluginCalls {
  readonly #options: PluginCallsOptions;
  /** The last call of each task that has not been answered. */
  readonly #tails = new Map<string, Promise<void>>();

  constructor(options: PluginCallsOptions) {
    this.#options = options;
  }

  get any(): boolean {
    return this.#options.plugins.length > 0;
  }

  /** Calls a hook of all plugins after those called before for the same task. Never rejects. */
  call(hook: Hook, task: Task, given: () => Promise<readonly unknown[]> = async () => []): Promise<void> {
    const before = this.#tails.get(task.name) ?? Promise.resolve();
    const called = before.then(() => this.#callAll(hook, task, given));
    this.#tails.set(task.name, called);
    void called.then(() => {
      if (this.#tails.get(task.name) === called) this.#tails.delete(task.name);
    });
    return called;
  }

  /** Resolves when all calls so far have been answered, or given up. */
  async settled(): Promise<void> {
    while (this.#tails.size > 0) await Promise.all(this.#tails.values());
  }

  async #callAll(hook: Hook, task: Task, given: () => Promise<readonly unknown[]>): Promise<void> {
    const called = this.#options.plugins.filter((plugin) => typeof plugin[hook] === 'function');
    if (called.length === 0) return;
    let rest: readonly unknown[];
    try {
      rest = await given();
    } catch {
      // What could not be read can't be told.
      return;
    }
    for (const plugin of called) await this.#callOne(plugin, hook, [task, ...rest]);
  }

  async #callOne(plugin: ExecutionPlugin, hook: Hook, args: readonly unknown[]): Promise<void> {
    const { clock, timeoutMs, notice } = this.#options;
    const about = { plugin: plugin.name ?? plugin.constructor.name, task: (args[0] as Task).name };
    const { promise: silent, resolve } = Promise.withResolvers<'silent'>();
    const timer = clock.after(timeoutMs, () => resolve('silent'));
    try {
      const call = plugin[hook] as (...args: readonly unknown[]) => unknown;
      const answer = await Promise.race([Promise.resolve(call.apply(plugin, [...args])), silent]);
      if (answer !== 'silent') return;
      const message = `plugin '${about.plugin}' gave no answer to ${hook} of task '${about.task}' within ${timeoutMs / 1000} s`;
      notice({ code: 'PLUGIN_SILENT', message, ...about });
    } catch (thrown) {
      const error = asError(thrown);
      const message = `plugin '${about.plugin}' threw in ${hook} of task '${about.task}': ${error.message}`;
      notice({ code: 'PLUGIN_FAILED', message, ...about, error });
    } finally {
      timer.cancel();
    }
  }
}
