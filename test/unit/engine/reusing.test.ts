import { describe, expect, test } from 'vitest';
import type { ReadyJob, ReuseAnswer } from '../../../src/engine/index.ts';
import { settled, testEngine, type TestEngine } from './scripted.ts';

interface Asked {
  readonly jobs: readonly ReadyJob[];
  readonly answer: (answers: readonly ReuseAnswer[]) => void;
  readonly fail: (error: Error) => void;
}

/** An engine whose questions wait to be answered. */
async function askingEngine(): Promise<{ readonly engine: TestEngine; readonly asked: Asked[] }> {
  const asked: Asked[] = [];
  const engine = await testEngine({
    options: {
      reuse: (jobs) =>
        new Promise((answer, fail) => {
          asked.push({ jobs, answer, fail });
        }),
    },
  });
  return { engine, asked };
}

const done: ReuseAnswer = { kind: 'done', value: { codec: 'json', json: '7' } };

async function answered(asked: Asked | undefined, ...answers: readonly ReuseAnswer[]): Promise<void> {
  asked?.answer(answers);
  await settled();
}

describe('before a job that may be reused starts', () => {
  test('it is asked about, and an earlier result ends it without an attempt', async () => {
    const { engine, asked } = await askingEngine();
    await using _engine = engine;
    const run = await engine.start({ a: { cache: true }, b: { edges: ['a'] } });
    expect(asked.map(({ jobs }) => jobs.map(({ job, mayReuse }) => [job, mayReuse]))).toEqual([[['a', true]]]);
    expect(engine.shell.stuck(run)).toEqual([]);

    await answered(asked[0], done);

    expect(engine.states(run)).toMatchObject({ a: 'done' });
    expect(engine.running()).toEqual(['b']);
    expect(await engine.shell.value(run, 0)).toEqual({ codec: 'json', json: '7' });
    expect(engine.shell.job(run, 0).fence).toBe(0);
  });

  test('without one, and when nobody can tell, it runs', async () => {
    const { engine, asked } = await askingEngine();
    await using _engine = engine;
    const run = await engine.start({ a: { cache: true } });
    await answered(asked[0], { kind: 'run' });
    expect(engine.running()).toEqual(['a']);

    const other = await engine.start({ b: { cache: true } });
    asked[1]?.fail(new Error('the disk is gone'));
    await settled();

    expect(engine.running()).toEqual(['a', 'b']);
    expect(engine.events).toContainEqual(expect.objectContaining({ code: 'reuse-broken' }));
    expect([engine.shell.view(run).status, engine.shell.view(other).status]).toEqual(['running', 'running']);
  });

  test('a run that takes no earlier results asks nothing, one that takes all asks about every job', async () => {
    const { engine, asked } = await askingEngine();
    await using _engine = engine;

    await engine.start({ a: { cache: true } }, { cache: false });
    expect(asked).toEqual([]);
    await engine.start({ b: {} }, { cache: true });

    expect(asked.flatMap(({ jobs }) => jobs.map(({ job }) => job))).toEqual(['b']);
  });

  test('a cancel takes the question back', async () => {
    const { engine, asked } = await askingEngine();
    await using _engine = engine;
    const run = await engine.start({ a: { cache: true } });

    await engine.shell.cancel(run, [0]);
    await answered(asked[0], done);

    expect(engine.states(run)).toEqual({ a: 'cancelled (user)' });
  });

  test('a hold takes the question back, and it is asked again when the job is let go', async () => {
    const { engine, asked } = await askingEngine();
    await using _engine = engine;
    const run = await engine.start({ a: { cache: true } });
    await engine.shell.hold(run, [0]);
    await answered(asked[0], done);
    expect(engine.states(run)).toEqual({ a: 'pending (held)' });

    await engine.shell.release(run, [0]);
    await settled();
    await answered(asked[1], done);

    expect(engine.states(run)).toEqual({ a: 'done' });
  });

  test('an answer that comes while the run is paused waits, and is asked for again', async () => {
    const { engine, asked } = await askingEngine();
    await using _engine = engine;
    const run = await engine.start({ a: { cache: true } });
    await engine.shell.pause(run);
    await answered(asked[0], done);
    expect(engine.states(run)).toEqual({ a: 'pending (paused)' });
    expect(engine.shell.stuck(run)).toEqual([]);

    await engine.shell.unpause(run);
    await settled();
    await answered(asked[1], done);

    expect(engine.states(run)).toEqual({ a: 'done' });
  });

  test('a job that is rerun may not be reused', async () => {
    const { engine, asked } = await askingEngine();
    await using _engine = engine;
    const run = await engine.start({ a: { cache: true } });
    await answered(asked[0], done);

    await engine.shell.rerun(run, [0]);
    await settled();

    expect(asked[1]?.jobs.map(({ mayReuse, isReusable }) => [mayReuse, isReusable])).toEqual([[false, true]]);
  });
});

test('who makes temporary files is asked about, though it is never reused: somebody is to delete them', async () => {
  const { engine, asked } = await askingEngine();
  await using _engine = engine;

  await engine.start({ make: { temporary: true }, plain: {} });

  expect(asked.flatMap(({ jobs }) => jobs)).toMatchObject([{ job: 'make', isReusable: false, mayReuse: false }]);
  expect(engine.running()).toEqual(['plain']);
});

test('jobs whose files are gone run again first, for the one that needs them; who took their values before keeps what it has', async () => {
  const { engine, asked } = await askingEngine();
  await using _engine = engine;
  const run = await engine.start({
    make: { cache: true, temporary: true },
    before: { edges: ['make'], cache: true },
    needs: { edges: ['make', 'before'] },
  });
  await answered(asked[0], done);
  await answered(asked[1], done);
  expect(asked[2]?.jobs).toMatchObject([{ job: 'needs', temporaries: [0], isReusable: false }]);

  await answered(asked[2], { kind: 'first', jobs: [0] });
  expect(asked[3]?.jobs).toMatchObject([{ job: 'make', mayReuse: false }]);
  expect(engine.states(run)).toMatchObject({ before: 'done', needs: 'pending (blocked)' });
  await answered(asked[3], { kind: 'run' });
  engine.backend.end('make');
  await settled();
  await answered(asked[4], { kind: 'run' });

  expect(engine.running()).toEqual(['needs']);
  expect(engine.states(run)).toMatchObject({ make: 'done', before: 'done' });
});
