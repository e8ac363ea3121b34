import { describe, expect, test } from 'vitest';
import type { Place } from '../../../src/model/index.ts';
import { MemoryStore, type MemoryMedium } from '../../../src/store/index.ts';
import { settled, type TestEngine, testEngine } from './scripted.ts';

const place = (name: string): readonly Place[] => [{ name, cpus: 1 }];

/** The place of a live attempt dies under it. */
async function takeDown({ backend }: TestEngine, job: string, placeDied = true): Promise<void> {
  const order = backend.live.get(job);
  if (order === undefined) throw new Error(`${job} does not run`);
  backend.live.delete(job);
  backend.context.report({ kind: 'gone', attempt: order.attempt, why: 'its place died', placeDied });
  await settled();
}

/** What the store has of a job. */
async function rowOf(medium: MemoryMedium, run: Parameters<MemoryStore['job']>[0], job: number) {
  await using store = new MemoryStore({ medium });
  return await store.job(run, job);
}

describe('a body that takes its place down', () => {
  test('twice on different places is given up, also when another engine had the first', async () => {
    const first = await testEngine({ places: place('a') });
    const run = await first.start({ bad: {} });
    await takeDown(first, 'bad');
    await first.shell[Symbol.asyncDispose]();

    await using second = await testEngine({ places: place('b'), medium: first.medium });
    await second.shell.resume(run);
    await settled();
    expect(second.states(run)).toEqual({ bad: 'running (starting)' });
    await takeDown(second, 'bad');

    expect(second.states(run)).toEqual({ bad: 'failed (lost)' });
    expect(second.shell.why(run, 0).lastOutcome).toMatchObject({
      kind: 'lost',
      why: 'its place died; quarantined: it took two places down with it',
    });
  });

  test('and was run anew since begins with a clean slate', async () => {
    const first = await testEngine({ places: place('a') });
    const run = await first.start({ bad: {} });
    await takeDown(first, 'bad');
    first.backend.end('bad');
    await settled();
    await first.shell.rerun(run, [0]);
    await settled();
    await takeDown(first, 'bad', false);
    await first.shell[Symbol.asyncDispose]();

    await using second = await testEngine({ places: place('b'), medium: first.medium });
    await second.shell.resume(run);
    await settled();
    await takeDown(second, 'bad');
    expect(second.states(run)).toEqual({ bad: 'running (starting)' });
  });
});

test('a loss counts once it is written down: a row that is written before says nothing of it', async () => {
  await using engine = await testEngine({ cpus: 1 });
  const run = await engine.start({ bad: {}, next: { priority: 1, edges: [] } });
  engine.backend.end('next');
  await settled();
  await engine.shell.pause(run);
  await takeDown(engine, 'bad');
  await engine.shell.hold(run, [0]);
  await settled();

  expect(engine.states(run)).toMatchObject({ bad: 'running (unreachable)' });
  expect((await rowOf(engine.medium, run, 0))?.losses).toBe(0);

  await engine.shell.release(run, [0]);
  await engine.shell.unpause(run);
  await settled();
  expect((await rowOf(engine.medium, run, 0))?.losses).toBe(1);
});

test('how an attempt is found again is written down when it is known, though nothing else of it changes', async () => {
  await using engine = await testEngine();
  engine.backend.answer = () => ({ kind: 'accepted', handle: 'pid 17' });
  const run = await engine.start({ long: {} });
  expect((await rowOf(engine.medium, run, 0))?.handle).toBe('pid 17');

  const attempt = engine.backend.live.get('long')?.attempt;
  if (attempt === undefined) throw new Error('it does not run');
  engine.backend.context.report({ kind: 'phase', attempt, phase: 'active', handle: 'pid 18' });
  await settled();
  expect((await rowOf(engine.medium, run, 0))?.handle).toBe('pid 18');
});
