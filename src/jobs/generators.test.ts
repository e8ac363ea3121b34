import { expect, test } from 'vitest';
import { Engine, LocalJob, ThreadJob } from './index.ts';

function* count(to: number): Generator<number, string, unknown> {
  for (let i = 1; i <= to; i += 1) yield i;
  return `counted to ${to}`;
}

async function* echo(): AsyncGenerator<string, void, string> {
  let heard = 'nothing';
  for (;;) heard = yield `heard ${heard}`;
}

function* failing(): Generator<number, void, unknown> {
  yield 1;
  throw new RangeError('no more');
}

test.each([
  ['here', LocalJob],
  ['in a thread', ThreadJob],
])('%s: the values of a generator are taken one by one, and it is running meanwhile', async (_, Kind) => {
  await using engine = await Engine.open();
  const job = new Kind(count, [3]);
  engine.submit(job);
  const values = await job.result();
  const taken: number[] = [];

  for await (const value of values) {
    taken.push(value);
    expect(job).toMatchObject({ status: 'running', phase: 'streaming' });
  }
  await job.wait();

  expect(taken).toEqual([1, 2, 3]);
  expect(job.status).toBe('done');
  expect(await (await job.result()).next()).toEqual({ done: true, value: undefined });
});

test('what next() is given the generator hears', async () => {
  await using engine = await Engine.open();
  const job = new LocalJob(echo);
  engine.submit(job);
  const values = await job.result();

  const heard = [await values.next('a'), await values.next('b'), await values.next('c')].map(({ value }) => value);
  await values.return();
  await job.wait();

  expect(heard).toEqual(['heard nothing', 'heard b', 'heard c']);
  expect(job.status).toBe('done');
});

test('nothing of it runs ahead of who takes its values', async () => {
  await using engine = await Engine.open();
  let made = 0;
  const job = new LocalJob(function* (): Generator<number, void, unknown> {
    for (;;) {
      made += 1;
      yield made;
    }
  });
  engine.submit(job);
  const values = await job.result();
  await values.next();
  await values.next();
  const before = made;
  await new Promise((resolve) => setImmediate(resolve));

  expect([before, made]).toEqual([2, 2]);
});

test('what it throws reaches who takes its values, and fails the job', async () => {
  await using engine = await Engine.open();
  const job = new LocalJob(failing);
  engine.submit(job);
  const values = await job.result();
  await values.next();

  await expect(values.next()).rejects.toThrow(new RangeError('no more'));
  await job.wait();
  expect(job).toMatchObject({ status: 'failed', cause: 'error' });
  expect(job.exception()).toBeInstanceOf(RangeError);
});

test('an error is thrown into it', async () => {
  await using engine = await Engine.open();
  const job = new LocalJob(function* (): Generator<string, string, unknown> {
    try {
      yield 'waiting';
    } catch (error) {
      return `caught ${(error as Error).message}`;
    }
    return 'nothing';
  });
  engine.submit(job);
  const values = await job.result();
  await values.next();

  expect(await values.throw(new Error('this'))).toEqual({ done: true, value: 'caught this' });
});

test('its value for other jobs is what it returns', async () => {
  await using engine = await Engine.open();
  const job = new LocalJob(count, [2]);
  const says = new LocalJob((text: string) => text.toUpperCase(), [job]);
  engine.submit(says);
  for await (const value of await job.result()) expect(value).toBeGreaterThan(0);

  expect(await says.result()).toBe('COUNTED TO 2');
});

test('disposal closes those that nobody takes values from, and those that were left half taken', async () => {
  const closed: string[] = [];
  const body = function* (name: string): Generator<number, void, unknown> {
    try {
      for (;;) yield 1;
    } finally {
      closed.push(name);
    }
  };
  const run = (name: string): Generator<number, void, unknown> => body(name);
  const untouched = new LocalJob(count, [3]);
  const half = new LocalJob(function* (): Generator<number, void, unknown> {
    yield* run('half');
  });
  {
    await using engine = await Engine.open();
    engine.submit(untouched, half);
    await (await half.result()).next();
  }

  expect(closed).toEqual(['half']);
  expect([untouched.status, half.status]).toEqual(['done', 'done']);
});

test('cancelling it ends what takes its values', async () => {
  await using engine = await Engine.open();
  const job = new LocalJob(echo);
  engine.submit(job);
  const values = await job.result();
  await values.next('');

  await job.cancel();
  await job.wait();

  expect(job.status).toBe('cancelled');
  await expect(values.next('')).rejects.toMatchObject({ code: 'JOB_CANCELLED' });
});
