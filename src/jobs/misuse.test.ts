import { expect, test } from 'vitest';
import { AfterAnother, Engine, LocalJob, ThreadJob } from './index.ts';

/** What programs get wrong that no compiler looked at: each is refused, by name and with the mend. */

const add = (a: number, b: number): number => a + b;
const never = (value: unknown): never => value as never;

test.each([
  [add, 'a function', 'make a job of it: new ThreadJob(fn, [argument, ...])'],
  [Promise.resolve(), 'a promise', 'await it, and give the job'],
  [undefined, 'undefined', 'make one: new ThreadJob(fn, [argument, ...])'],
])('%o is no job, wherever one is wanted', async (given, told, hint) => {
  await using engine = await Engine.open();
  const refusal = { code: 'INPUT_INVALID', message: `a job is wanted here, not ${told}`, hint };

  expect(() => engine.submit(never(given))).toThrow(expect.objectContaining(refusal));
  await expect(engine.execute(never(given))).rejects.toMatchObject(refusal);
  await expect(engine.cancel(never(given))).rejects.toMatchObject(refusal);
  await expect(engine.join([never(given)])).rejects.toMatchObject(refusal);
  await expect(engine.remove(never(given))).rejects.toMatchObject(refusal);
});

test('more jobs than a call takes arguments are given as a list', async () => {
  await using engine = await Engine.open();
  const jobs = Array.from({ length: 3 }, (_, i) => new LocalJob(add, [i, 1]));

  engine.submit(jobs, new LocalJob(add, [1, 1]));
  await engine.wait();

  expect(engine.jobs.done.length).toBe(4);
  await engine.cancel(new Set(jobs));
});

test.each([
  [{ condition: () => true }, "condition can't be [Function: condition]"],
  [{ condition: new LocalJob(add, [1, 2]) }, "condition can't be <LocalJob add-"],
  [{ onDone: 'log' }, "onDone can't be 'log'"],
  [{ redirect: 5 }, "redirect can't be 5"],
])('a job has no option %o', (options, message) => {
  expect(() => new ThreadJob(add, [1, 2], never(options))).toThrow(
    expect.objectContaining({ code: 'INPUT_INVALID', message: expect.stringContaining(message) }),
  );
});

test.each([
  [{ store: 5 }, "Engine.open: store can't be 5", 'give a directory, or an opened store'],
  [{ store: '' }, "Engine.open: store can't be ''", 'give a directory, or an opened store'],
  [
    { durability: 'normal' },
    "Engine.open: there is no store to be durable ('normal')",
    "name one: { store: '.heddle' }",
  ],
  [{ durability: 'fast' }, "Engine.open: durability can't be 'fast'", "choose 'normal' or 'full'"],
  [{ onDispose: 'kill' }, "Engine.open: onDispose can't be 'kill'", "choose 'wait' or 'cancel'"],
  [{ slots: 0 }, "Engine.open: slots can't be 0", 'give a whole number, 1 or more'],
  [{ backends: {} }, "Engine.open: backends can't be {}", 'give a list of backends: [threadsBackend()]'],
])('an engine has no option %o', async (options, message, hint) => {
  await expect(Engine.open(never(options))).rejects.toMatchObject({ code: 'INPUT_INVALID', message, hint });
});

test('an engine is opened, not made', () => {
  expect(() => Reflect.construct(Engine, [])).toThrow(
    expect.objectContaining({ code: 'INPUT_INVALID', hint: 'await using engine = await Engine.open()' }),
  );
});

test('why a job is pending is told at any time', async () => {
  await using engine = await Engine.open({ maxJobs: 1 });
  const gate = Promise.withResolvers<number>();
  const first = new LocalJob(() => gate.promise);
  const blocked = new LocalJob(add, [first, 1]);
  const after = new LocalJob(add, [1, 1], { condition: new AfterAnother(first) });
  const queued = new LocalJob(add, [1, 1]);
  engine.submit(first, blocked, after, queued);

  const before = [blocked, queued].map(({ reason }) => reason);
  await first.waitUntil((job) => job.phase === 'active');
  const meanwhile = [first, blocked, after, queued].map(({ reason }) => reason);
  gate.resolve(1);
  await engine.wait();

  expect(before).toEqual(['blocked', 'queued']);
  expect(meanwhile).toEqual([undefined, 'blocked', 'blocked', 'queued']);
  expect(blocked.reason).toBeUndefined();
});
