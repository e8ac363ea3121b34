import { describe, expect, test } from 'vitest';
import type { AttemptId, Place } from '../../../src/model/index.ts';
import { ScriptedBackend, settled, type TestEngine, testEngine, type TestNode } from './scripted.ts';

/** A backend of lanes that takes what it is sent in the order in which it comes, and gives back what is asked for. */
class LaneBackend extends ScriptedBackend {
  readonly recalled: AttemptId[] = [];

  recall(attempts: readonly AttemptId[]): void {
    this.recalled.push(...attempts);
  }

  /** What it was sent ahead and still has, by job. */
  ahead(): string[] {
    return [...this.live.values()].filter(({ grant }) => grant.ahead === true).map(({ job }) => job);
  }

  /** The recall of a job's attempt came in time. */
  giveBack(job: string): void {
    const order = this.live.get(job);
    if (order === undefined) throw new Error(`${job} is not here`);
    this.live.delete(job);
    this.context.report({ kind: 'gone', attempt: order.attempt, why: 'it was taken back', neverStarted: true });
  }
}

const LANES: readonly Place[] = [{ name: 'lanes', cpus: 2, ahead: 2 }];

async function lanes(
  places: readonly Place[] = LANES,
  backend: ScriptedBackend = new LaneBackend(places),
): Promise<{ readonly engine: TestEngine; readonly backend: LaneBackend }> {
  const engine = await testEngine({ options: { backends: [backend] } });
  return { engine, backend: backend as LaneBackend };
}

function jobs(count: number, node: TestNode = {}): Record<string, TestNode> {
  return Object.fromEntries(Array.from({ length: count }, (_, i) => [`j${i}`, node]));
}

const names = (backend: ScriptedBackend): string[] => [...backend.live.keys()];

describe('what is sent ahead', () => {
  test('fills a place first, and then its line; the oldest in line holds what an end leaves', async () => {
    const { engine, backend } = await lanes();
    await using _ = engine;
    const run = await engine.start(jobs(8));

    expect(names(backend)).toEqual(['j0', 'j1', 'j2', 'j3']);
    expect(backend.ahead()).toEqual(['j2', 'j3']);
    expect(engine.shell.core.holding).toBe(2);
    expect(engine.states(run)['j3']).toBe('running (starting)');

    backend.end('j1');
    await settled();

    expect(names(backend)).toEqual(['j0', 'j2', 'j3', 'j4']);
    const place = engine.shell.core.backends.get('scripted')?.places[0];
    expect(engine.shell.core.holding).toBe(2);
    expect(place?.freeCpus).toBe(0);
    expect([place?.firstAhead?.job, place?.lastAhead?.job, place?.aheadCount]).toEqual([3, 4, 2]);
  });

  test('ends before its turn: it held nothing, and leaves nothing', async () => {
    const { engine, backend } = await lanes();
    await using _ = engine;
    const run = await engine.start(jobs(5));

    for (const job of ['j3', 'j2', 'j4', 'j0', 'j1']) {
      backend.end(job);
      await settled();
    }

    expect(engine.shell.view(run).status).toBe('done');
    const place = engine.shell.core.backends.get('scripted')?.places[0];
    expect([place?.freeCpus, place?.held, place?.aheadCount, engine.shell.core.holding]).toEqual([2, 0, 0, 0]);
  });

  test('is small: what asks for more than a cpu waits, and is not starved by what is', async () => {
    const { engine, backend } = await lanes();
    await using _ = engine;
    await engine.start({
      ...jobs(3),
      large: { resources: { cpus: 2 }, priority: -1 },
      memory: { resources: { memoryBytes: 1 }, priority: -2 },
    });

    expect(names(backend)).toEqual(['j0', 'j1', 'j2']);
    backend.end('j0');
    await settled();
    // One cpu is held by what was in line; the other by what came first.
    expect(names(backend)).toEqual(['j1', 'j2']);
    backend.end('j1');
    await settled();
    expect(names(backend)).toEqual(['j2', 'memory']);
  });

  test('never goes to a backend that could not take it back', async () => {
    const { engine, backend } = await lanes(LANES, new ScriptedBackend(LANES));
    await using _ = engine;
    await engine.start(jobs(4));

    expect(names(backend)).toEqual(['j0', 'j1']);
  });

  test('has its time to start from when there is room, not from when it was sent', async () => {
    const { engine, backend } = await lanes([{ name: 'lanes', cpus: 1, ahead: 1 }]);
    await using _ = engine;
    backend.capabilities = { ...backend.capabilities, local: false };
    await engine.start({ j0: {}, j1: { timeouts: { startMs: 1000 } } });
    backend.context.report({ kind: 'phase', attempt: backend.live.get('j0')?.attempt as AttemptId, phase: 'active' });

    await engine.clock.pass(5000);
    expect(backend.cancelled).toEqual([]);

    backend.end('j0');
    await engine.clock.pass(900);
    expect(backend.cancelled).toEqual([]);
    await engine.clock.pass(200);
    expect(backend.cancelled).toHaveLength(1);
  });
});

describe('what is asked back', () => {
  test('on a pause: it waits again, uncharged, and what had started runs on', async () => {
    const { engine, backend } = await lanes();
    await using _ = engine;
    const run = await engine.start(jobs(5));
    const [second, third] = ['j2', 'j3'].map((job) => backend.live.get(job)?.attempt);

    await engine.shell.pause(run);
    await settled();
    expect(backend.recalled).toEqual([second, third]);

    backend.giveBack('j2');
    await settled();
    expect(engine.states(run)).toEqual({
      j0: 'running (starting)',
      j1: 'running (starting)',
      j2: 'pending (paused)',
      j3: 'running (starting)',
      j4: 'pending (paused)',
    });
    expect(engine.shell.job(run, 2)).toMatchObject({ charged: 0, losses: 0, fence: 1 });
    expect(engine.shell.why(run, 2).lastOutcome).toBeUndefined();

    backend.end('j3');
    await engine.shell.unpause(run);
    await settled();
    expect(names(backend)).toEqual(['j0', 'j1', 'j2', 'j4']);
    expect(engine.shell.job(run, 2).fence).toBe(2);
  });

  test('on a hold: that one only', async () => {
    const { engine, backend } = await lanes();
    await using _ = engine;
    const run = await engine.start(jobs(4));
    const held = backend.live.get('j3')?.attempt;

    await engine.shell.hold(run, [1, 3]);
    await settled();
    expect(backend.recalled).toEqual([held]);

    backend.giveBack('j3');
    await settled();
    expect(engine.states(run)['j3']).toBe('pending (held)');
    await engine.shell.release(run, [3]);
    await settled();
    expect(backend.ahead()).toEqual(['j2', 'j3']);
  });

  test('on a drain: nothing is left to start', async () => {
    const { engine, backend } = await lanes();
    await using _ = engine;
    const run = await engine.start(jobs(5));

    const drained = engine.shell.drain();
    await settled();
    for (const job of ['j2', 'j3']) backend.giveBack(job);
    for (const job of ['j0', 'j1']) backend.end(job);
    await drained;

    expect(engine.shell.view(run).counts).toMatchObject({ done: 2, pending: 3, running: 0 });
  });

  test('when its place takes fewer ahead: the youngest first', async () => {
    const { engine, backend } = await lanes();
    await using _ = engine;
    await engine.start(jobs(6));
    const youngest = backend.live.get('j3')?.attempt;

    backend.context.report({ kind: 'places', places: [{ name: 'lanes', cpus: 2, ahead: 1 }] });
    await settled();
    expect(backend.recalled).toEqual([youngest]);
  });

  test('when the place grows: those in line hold the new room before anybody else is granted it', async () => {
    const { engine, backend } = await lanes();
    await using _ = engine;
    await engine.start(jobs(9));

    backend.context.report({ kind: 'places', places: [{ name: 'lanes', cpus: 5, ahead: 2 }] });
    await settled();
    expect(engine.shell.core.holding).toBe(5);
    expect(names(backend)).toHaveLength(7);
    expect(backend.launched.map(({ grant }) => grant.ahead ?? false)).toEqual([
      false,
      false,
      true,
      true,
      false,
      true,
      true,
    ]);
  });
});

describe('limits over all backends', () => {
  test('nothing is sent ahead to a place that would start it at once', async () => {
    const backend = new LaneBackend([{ name: 'lanes', cpus: 4, ahead: 2 }]);
    await using engine = await testEngine({ options: { backends: [backend], limits: { jobs: 2 } } });
    await engine.start(jobs(6));

    expect(names(backend)).toEqual(['j0', 'j1']);

    engine.shell.limit({ jobs: Number.POSITIVE_INFINITY });
    await settled();
    expect(names(backend)).toHaveLength(6);

    engine.shell.limit({ jobs: 1 });
    await settled();
    expect(backend.recalled).toHaveLength(2);
    backend.end('j0');
    await settled();
    expect(names(backend)).toHaveLength(5);
  });
});
