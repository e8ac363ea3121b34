import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type CallHandle, Engine, type Placeholder, task, workflow } from 'heddle';
import { expect } from 'vitest';
import { textAt } from '../../../src/model/index.ts';

/** How a workflow has ended. */
export interface Ended {
  readonly status: string;
  readonly result: unknown;
  readonly error: string;
  /** Jobs by name, with their status. */
  readonly jobs: Readonly<Record<string, string>>;
}

/** An engine in memory with a project of its own, for workflows that are built and run to their end. */
export class Playground implements AsyncDisposable {
  readonly folder: string;
  readonly #engine: Engine;

  private constructor(folder: string, engine: Engine) {
    this.folder = folder;
    this.#engine = engine;
  }

  static async open(): Promise<Playground> {
    const folder = mkdtempSync(join(tmpdir(), 'heddle-control-'));
    return new Playground(folder, await Engine.open({ project: folder }));
  }

  async play(build: () => unknown): Promise<Ended> {
    const run = await this.#engine.run(workflow('test', build));
    let result: unknown;
    let error = '';
    try {
      result = await run.result();
    } catch (thrown) {
      error = (thrown as Error).message;
    }
    const view = await run.wait();
    const graphs = await this.#engine.store.graph(run.id);
    const names = graphs.flatMap((graph) => Array.from({ length: graph.size }, (_, i) => textAt(graph.names, i)));
    const jobs: Record<string, string> = {};
    for (const name of names) {
      const { job } = await run.why(name);
      jobs[name] = job.skipped === true ? 'skipped' : job.status;
    }
    return { status: view.status, result, error, jobs };
  }

  /** What a workflow that ends well comes to. */
  async result(build: () => unknown): Promise<unknown> {
    const ended = await this.play(build);
    expect(ended.error).toBe('');
    return ended.result;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#engine[Symbol.asyncDispose]();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

type Task<Arguments extends readonly unknown[], Result> = ReturnType<typeof task<[...Arguments], Result>>;

export const list: Task<[n: number], number[]> = task('list', (n: number) => Array.from({ length: n }, (_, i) => i), {
  backend: 'inline',
});
export const double: Task<[x: number], number> = task('double', (x: number) => x * 2, { backend: 'inline' });
export const add: Task<[a: number, b: number], number> = task('add', (a: number, b: number) => a + b, {
  backend: 'inline',
});
/** Gives what it is given, of whatever type: known only when it has run. */
export const echo: <T>(value: Placeholder<T> | T) => CallHandle<T> = task('echo', (value: unknown) => value, {
  backend: 'inline',
}) as never;
export const refuse: Task<[x: number, bad: readonly number[]], number> = task(
  'refuse',
  (x: number, bad: readonly number[]) => {
    if (bad.includes(x)) throw new Error(`no ${x}`);
    return x;
  },
  { backend: 'inline' },
);
export const total: Task<[xs: readonly number[]], number> = task(
  'total',
  (xs: readonly number[]) => xs.reduce((sum, x) => sum + x, 0),
  { backend: 'inline' },
);
