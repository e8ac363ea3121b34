import { expect, test } from 'vitest';
import { Engine, LocalJob, TaskExecutionError, ThreadJob } from './index.ts';

const add = (a: number, b: number): number => a + b;
const boom = (message: string): never => {
  throw new RangeError(message);
};

test('values go from job to job, at any depth, in whatever order they were submitted', async () => {
  await using engine = await Engine.open();
  const sum = new LocalJob(add, [1, 2]);
  const more = new LocalJob(add, [sum, 4]);
  const nested = new LocalJob(
    (report: { readonly rows: ReadonlyMap<string, readonly number[]>; readonly seen: ReadonlySet<number> }) => [
      ...(report.rows.get('a') ?? []),
      ...report.seen,
    ],
    [{ rows: new Map([['a', [more, 5]]]), seen: new Set([sum]) }],
  );

  engine.submit(nested, more, sum);
  await engine.wait();

  expect(await Promise.all([sum.result(), more.result(), nested.result()])).toEqual([3, 7, [7, 5, 3]]);
  expect(nested.dependencies.toSorted()).toEqual([sum.id, more.id].toSorted());
});

test('a job whose value is wanted is submitted along, and submitting it later changes nothing', async () => {
  await using engine = await Engine.open();
  let calls = 0;
  const first = new LocalJob(() => (calls += 1));
  const second = new LocalJob(add, [first, 1]);

  engine.submit(second);
  const status = first.status;
  engine.submit(first);

  expect(status).toBe('pending');
  expect(await second.result()).toBe(2);
  expect(calls).toBe(1);
});

test('async functions are awaited, and data that JSON has no words for arrives as it was', async () => {
  await using engine = await Engine.open();
  const job = new LocalJob(async (when: Date, big: bigint) => new Map([[big, [when, undefined]]]), [new Date(5), 7n]);
  const taken = new LocalJob((map: ReadonlyMap<bigint, readonly unknown[]>) => map.get(7n), [job]);

  engine.submit(taken);

  expect(await job.result()).toEqual(new Map([[7n, [new Date(5), undefined]]]));
  expect(await taken.result()).toEqual([new Date(5), undefined]);
});

test('result() rejects with the error of the job, whose cause is what its body threw; execute() with that itself', async () => {
  await using engine = await Engine.open();
  const job = new LocalJob(boom, ['no luck'], { name: 'dice' });
  engine.submit(job);

  const error = await job.result().catch((thrown: unknown) => thrown);

  expect(error).toBeInstanceOf(TaskExecutionError);
  expect(error).toMatchObject({
    code: 'TASK_FAILED',
    message: `job '${job.id}' failed: RangeError: no luck`,
    details: { job: job.id, cause: 'error' },
    cause: expect.any(RangeError),
  });
  expect(job.exception()).toMatchObject({ name: 'RangeError', message: 'no luck' });
  expect(job).toMatchObject({ status: 'failed', cause: 'error', reason: undefined, phase: undefined });
  await expect(engine.execute(new LocalJob(boom, ['again']))).rejects.toMatchObject({ message: 'again' });
  await expect(engine.execute(new LocalJob(boom, ['again']))).rejects.toBeInstanceOf(RangeError);
});

test('what needs the value of a job that failed is cancelled, and says with which job it began', async () => {
  await using engine = await Engine.open();
  const first = new LocalJob(boom, ['no luck']);
  const second = new LocalJob(add, [first, 1]);
  const third = new LocalJob(add, [second, 1]);
  engine.submit(third);

  await expect(third.result()).rejects.toMatchObject({
    code: 'JOB_CANCELLED',
    details: { job: third.id, cause: 'upstream', becauseOf: first.id },
    cause: { code: 'TASK_FAILED' },
  });
  expect([first.status, second.status, third.status]).toEqual(['failed', 'cancelled', 'cancelled']);
});

test('retries: the body is tried so often, each failure is told, and the last word counts', async () => {
  await using engine = await Engine.open();
  let calls = 0;
  const told: string[] = [];
  const flaky = (): string => {
    calls += 1;
    if (calls < 3) throw new Error(`try ${calls}`);
    return `try ${calls}`;
  };
  const job = new LocalJob(flaky, [], {
    retries: 2,
    onAttemptFailed: (error) => told.push(error.message),
    onFailed: () => told.push('failed'),
    onDone: (value) => told.push(`done: ${value}`),
  });
  engine.submit(job);

  expect(await job.result()).toBe('try 3');
  expect(told).toEqual(['try 1', 'try 2', 'done: try 3']);
  expect(job).toMatchObject({ retriesLeft: 0, attempts: 3 });
  expect(job.exception()).toBeUndefined();
});

test('a timeout fails the job', async () => {
  await using engine = await Engine.open();
  const job = new LocalJob(() => new Promise<never>(() => undefined), [], { timeout: '20ms', grace: '1ms' });
  engine.submit(job);

  await expect(job.result()).rejects.toMatchObject({ code: 'TASK_FAILED', details: { cause: 'timeout' } });
});

test('one submit is all or nothing', async () => {
  await using engine = await Engine.open();
  const good = new LocalJob(add, [1, 2]);
  const bad = new LocalJob((value: unknown) => value, [[good, { deep: () => 1 }]]);

  expect(() => engine.submit(good, bad)).toThrow(expect.objectContaining({ code: 'VALUE_INVALID' }));
  expect([good.status, bad.status, engine.jobs.size]).toEqual(['created', 'created', 0]);
  engine.submit(good);
  expect(await good.result()).toBe(3);
});

test('a job that can never run fails alone, and says why', async () => {
  await using engine = await Engine.open();
  const told: string[] = [];
  const good = new LocalJob(add, [1, 2]);
  const huge = new LocalJob(add, [1, 2], {
    resources: { cpus: 1_000_000 },
    onFailed: (error) => told.push((error as { code?: string }).code ?? ''),
  });
  const after = new LocalJob(add, [huge, 1]);
  engine.submit(good, huge, after);

  await expect(huge.result()).rejects.toMatchObject({
    details: { cause: 'unsatisfiable' },
    cause: { code: 'RESOURCES_IMPOSSIBLE' },
  });
  expect(await good.result()).toBe(3);
  await expect(after.result()).rejects.toMatchObject({ code: 'JOB_CANCELLED' });
  expect(told).toEqual(['RESOURCES_IMPOSSIBLE']);
  expect(await engine.execute(new LocalJob(add, [2, 2]))).toBe(4);
});

test('a function that cannot travel is refused when the job is made, with the variable and the mend', () => {
  const rate = Number('3');

  expect(() => new ThreadJob((value: number) => value * rate, [1])).toThrow(
    expect.objectContaining({
      code: 'FUNCTION_CANNOT_TRAVEL',
      message: expect.stringContaining("'rate'"),
      hint: expect.any(String),
    }),
  );
});

test('calls run in threads', async () => {
  await using engine = await Engine.open();
  const sum = new ThreadJob(add, [1, 2]);
  const most = new ThreadJob(Math.max, [sum, 2]);

  engine.submit(most);

  expect(await most.result()).toBe(3);
});

test('a job belongs to one engine', async () => {
  await using one = await Engine.open();
  await using other = await Engine.open();
  const job = new LocalJob(add, [1, 2]);
  one.submit(job);

  expect(() => other.submit(job)).toThrow(expect.objectContaining({ code: 'STATE_CONFLICT' }));
  expect(() => other.submit(new LocalJob(add, [job, 1]))).toThrow(expect.objectContaining({ code: 'STATE_CONFLICT' }));
  expect(await job.result()).toBe(3);
});

test('many jobs of one turn make a few commits, and all end', async () => {
  await using engine = await Engine.open();
  const jobs = Array.from({ length: 5000 }, (_, i) => new LocalJob(add, [i, 1]));
  engine.submit(...jobs);

  const results = await Promise.all(jobs.map((job) => job.result()));

  expect(results).toEqual(jobs.map((_, i) => i + 1));
  expect(engine.jobs.count('done')).toBe(5000);
});

test('people see what a job is', async () => {
  await using engine = await Engine.open();
  const job = new LocalJob(add, [1, 2], { name: 'sum', retries: 2, tags: ['a'], metadata: { who: 'me' } });

  expect(`${job.toString()}`).toBe(`<LocalJob ${job.id}, created, 2 retries left>`);
  expect(job.id).toMatch(/^sum-\d+$/);
  expect(job).toMatchObject({ name: 'sum', tags: ['a'], metadata: { who: 'me' }, submittedAt: 0, endedAt: 0 });
  engine.submit(job);
  await job.wait();
  expect(job.createdAt).toBeLessThanOrEqual(job.submittedAt);
  expect(job.endedAt).toBeGreaterThan(0);
});
