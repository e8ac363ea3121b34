import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { commandsBackend } from '../../../src/backends/commands/index.ts';
import { inlineBackend } from '../../../src/backends/inline/index.ts';
import { EngineShell } from '../../../src/engine/index.ts';
import { command, type Graph, noop, sh, workflow } from '../../../src/index.ts';
import { attemptDirectories } from '../../../src/jobs/attempt-directory.ts';
import {
  asJobId,
  type Clock,
  type EngineEvent,
  type Instant,
  resolveWork,
  type RunId,
} from '../../../src/model/index.ts';
import { systemClock, systemRandom } from '../../../src/process/index.ts';
import { openStore } from '../../../src/store/index.ts';
import { giveBack, ownFolder } from '../../own-folder.ts';

/** F09: the wall clock jumps an hour, either way, under an engine with real backends and a real store. */

const HOUR_MS = 3_600_000;

/** The machine's time, but that its wall clock is set by hand. */
class SetClock implements Clock {
  #ahead: number;

  constructor(aheadMs = 0) {
    this.#ahead = aheadMs;
  }

  jump(byMs: number): void {
    this.#ahead += byMs;
  }

  now(): Instant {
    const { mono, wall } = systemClock.now();
    return { mono, wall: wall + this.#ahead };
  }

  after(delayMs: number, callback: () => void): { cancel(): void } {
    return systemClock.after(delayMs, callback);
  }

  soon(callback: () => void): void {
    systemClock.soon(callback);
  }
}

let folder = '';
beforeEach(() => {
  folder = ownFolder('clock');
});
afterEach(() => giveBack(folder));

/** An engine on the folder's store, and what it told. */
class Life implements AsyncDisposable {
  readonly events: EngineEvent[] = [];
  readonly engine: EngineShell;
  readonly #resources: AsyncDisposableStack;

  private constructor(engine: EngineShell, resources: AsyncDisposableStack) {
    this.engine = engine;
    this.#resources = resources;
    engine.listen((events) => this.events.push(...events));
  }

  static async open(clock: Clock): Promise<Life> {
    await using resources = new AsyncDisposableStack();
    const directory = join(folder, 'store');
    mkdirSync(directory, { recursive: true });
    const store = resources.use(await openStore(directory, { clock, random: systemRandom }));
    const engine = resources.use(
      await EngineShell.open({
        store,
        backends: [inlineBackend(), commandsBackend({ slots: 4 })],
        clock,
        random: systemRandom,
        defaultBackends: { command: 'commands', call: 'inline' },
        resolveWork: (node) => resolveWork(node, folder),
        attemptDirectory: attemptDirectories(directory),
        directory,
        project: folder,
      }),
    );
    return new Life(engine, resources.move());
  }

  /** What has been told of a job so far: statuses with their details. */
  told(job: string): readonly string[] {
    return this.events.flatMap((event) =>
      event.kind === 'job' && event.job === job ? [`${event.status} ${event.detail}`.trim()] : [],
    );
  }

  async saw(job: string, what: string): Promise<void> {
    if (this.told(job).includes(what)) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    const forget = this.engine.listen(() => {
      if (this.told(job).includes(what)) resolve();
    });
    await promise;
    forget();
  }

  notices(): readonly string[] {
    return this.events.flatMap((event) => (event.kind === 'notice' ? [event.code] : []));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#resources.disposeAsync();
  }
}

/** Monotonic milliseconds that pass until something is so. */
async function took(what: Promise<unknown>): Promise<number> {
  const since = performance.now();
  await what;
  return performance.now() - since;
}

const statuses = (life: Life, run: RunId, jobs: readonly string[]): readonly string[] =>
  jobs.map((job) => life.engine.job(run, life.engine.indexOf(run, asJobId(job)) ?? -1).status);

const started = sh`touch "$project/started"; sleep 60`;
const mended = () => sh`test -e "$project/mended"`;

describe('F09: the wall clock jumps', () => {
  const limits: Graph = workflow('limits', () => {
    // Ten minutes are not over because the clock says so; 400 ms are, though the clock has been set back.
    const patient = command('patient', {
      run: () => sh`until test -e "$project/go"; do sleep 0.02; done`,
      timeout: { run: '10m' },
    });
    const hasty = command('hasty', { run: () => started, timeout: { run: '400ms' }, grace: '100ms' });
    patient().named('patient');
    hasty().named('hasty');
  }).build();

  test.each([HOUR_MS, -HOUR_MS])('by %i ms: timeouts take the time that passes', async (jump) => {
    const clock = new SetClock();
    await using life = await Life.open(clock);
    const run = await life.engine.start(limits, {});
    await life.saw('hasty', 'running active');
    while (!existsSync(join(folder, 'started'))) await new Promise((resolve) => setTimeout(resolve, 5));

    clock.jump(jump);
    await life.saw('hasty', 'failed timeout');
    expect(statuses(life, run, ['patient'])).toEqual(['running']);
    clock.jump(-jump);
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(statuses(life, run, ['patient'])).toEqual(['running']);
    mkdirSync(join(folder, 'go'));
    const view = await life.engine.ended(run);

    expect(view).toMatchObject({ status: 'failed', counts: { done: 1, failed: 1 } });
    expect(life.notices()).toContain('clock-jump');
  });

  const retries: Graph = workflow('retries', () => {
    const retry = (initialDelay: string) => ({ maxAttempts: 3, initialDelay, backoffFactor: 1, jitter: 0 });
    command('soon', { run: mended, retry: retry('300ms') })().named('soon');
    command('later', { run: mended, retry: retry('50m') })().named('later');
  }).build();

  test.each([HOUR_MS, -HOUR_MS])('by %i ms: the wait before the next attempt is as long as it is', async (jump) => {
    const clock = new SetClock();
    await using life = await Life.open(clock);
    const run = await life.engine.start(retries, {});
    await Promise.all([life.saw('soon', 'pending backoff'), life.saw('later', 'pending backoff')]);
    mkdirSync(join(folder, 'mended'));

    clock.jump(jump);
    await life.saw('soon', 'done');

    expect(statuses(life, run, ['soon', 'later'])).toEqual(['done', 'pending']);
    expect(life.engine.why(run, 1).job).toMatchObject({ detail: 'backoff', fence: 1 });
    await life.engine.cancel(run);
  });

  test('back, while no engine lived: the wait is never longer than it was to be', async () => {
    {
      await using life = await Life.open(new SetClock(HOUR_MS));
      await life.engine.start(retries, { id: 'r-1' as RunId });
      await Promise.all([life.saw('soon', 'pending backoff'), life.saw('later', 'pending backoff')]);
    }
    mkdirSync(join(folder, 'mended'));
    await using life = await Life.open(new SetClock());
    const run = 'r-1' as RunId;

    await life.engine.resume(run);

    expect(await took(life.saw('soon', 'done'))).toBeLessThan(30_000);
    expect(statuses(life, run, ['later'])).toEqual(['pending']);
    await life.engine.cancel(run);
  });

  /** One in half an hour, one before half an hour has passed, behind a job that lets them be looked at. */
  const gated = (now: number): Graph =>
    workflow('gated', () => {
      const half = now + HOUR_MS / 2;
      const held = command('held', { run: () => sh`until test -e "$project/go"; do sleep 0.02; done` })().named('held');
      command('after', { run: () => sh`true`, condition: { kind: 'after-time', at: half } })().named('after');
      command('before', { run: () => sh`true`, condition: { kind: 'before-time', at: half } })()
        .after(held, ['done'])
        .named('before');
      noop().named('end');
    }).build();

  test('forwards: what waits for a point in time starts, and a deadline is passed', async () => {
    const clock = new SetClock();
    await using life = await Life.open(clock);
    const run = await life.engine.start(gated(clock.now().wall), {});
    await life.saw('held', 'running active');
    await life.saw('end', 'done');
    expect(statuses(life, run, ['after', 'before'])).toEqual(['pending', 'pending']);

    clock.jump(HOUR_MS);
    await life.saw('after', 'done');
    mkdirSync(join(folder, 'go'));

    expect(await life.engine.ended(run)).toMatchObject({ counts: { done: 3, failed: 1 } });
    expect(life.told('before').at(-1)).toBe('failed unsatisfiable');
  });

  test('backwards: what waits for a point in time waits on, and a deadline is as far as the clock says', async () => {
    const clock = new SetClock();
    await using life = await Life.open(clock);
    const run = await life.engine.start(gated(clock.now().wall), {});
    await life.saw('held', 'running active');

    clock.jump(-HOUR_MS);
    mkdirSync(join(folder, 'go'));
    await life.saw('before', 'done');

    expect(statuses(life, run, ['after', 'held'])).toEqual(['pending', 'done']);
    await life.engine.cancel(run);
  });
});
