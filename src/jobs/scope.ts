import { AsyncLocalStorage } from 'node:async_hooks';
import { systemClock } from '../process/index.ts';
import type { Timer } from '../model/index.ts';
import type { Engine } from './engine.ts';
import { type Job, stateOf } from './job.ts';

const scopes = new AsyncLocalStorage<Engine>();

/** Runs a function, and all it brings about, with an engine for what asks for none by name. */
export function withinScope<Result>(engine: Engine, run: () => Result): Result {
  return scopes.run(engine, run);
}

/** Gives a job to the engine of the innermost scope, else to the one that is opened when nobody names one. */
export function submitInScope(job: Job<unknown, unknown>, open: () => Promise<Engine>): void {
  const engine = scopes.getStore();
  if (engine !== undefined) engine.submit(job);
  else shared.submit(job, open);
}

/** How long the engine nobody named stays open when it has nothing to do: its threads would keep the process alive. */
const LINGER_MS = 200;

/**
 * The engine for jobs that are given to none: in memory, opened with the first of them and disposed of when all have
 * ended, so that it never keeps a process from ending; the next one opens it again. The only engine nobody asked for.
 */
class SharedEngine {
  #engine: Promise<Engine> | undefined;
  #active = 0;
  #linger: Timer | undefined;

  submit(job: Job<unknown, unknown>, open: () => Promise<Engine>): void {
    this.#linger?.cancel();
    this.#active += 1;
    this.#engine ??= open();
    stateOf(job).isExpected = true;
    void this.#see(job, this.#engine);
  }

  async #see(job: Job<unknown, unknown>, opening: Promise<Engine>): Promise<void> {
    const state = stateOf(job);
    try {
      const engine = await opening;
      if (!state.isFinal) engine.submit(job);
      await job.wait();
    } catch (error) {
      state.abandon(error as Error);
    } finally {
      this.#active -= 1;
      if (this.#active === 0) this.#rest();
    }
  }

  #rest(): void {
    this.#linger = systemClock.after(LINGER_MS, () => {
      const engine = this.#engine;
      this.#engine = undefined;
      void engine?.then(async (opened) => opened[Symbol.asyncDispose]()).catch(() => undefined);
    });
  }
}

const shared = new SharedEngine();
