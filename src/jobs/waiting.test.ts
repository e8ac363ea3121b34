import { expect, test } from 'vitest';
import { AfterAnother, Engine, LocalJob } from './index.ts';

const add = (a: number, b: number): number => a + b;
const boom = (): never => {
  throw new Error('no');
};
const never = (): Promise<never> => new Promise(() => undefined);

test('a timeout of a wait just says so', async () => {
  await using engine = await Engine.open({ onDispose: 'cancel' });
  const job = new LocalJob(never, [], { grace: '1ms' });
  engine.submit(job);

  expect(await engine.wait({ timeout: '5ms' })).toBe(false);
  expect(await job.wait({ timeout: 5 })).toBe(false);
  expect(await job.waitUntil('done', { timeout: 5 })).toBe(false);
  expect(await engine.join([job], { timeout: 5 })).toBe(false);
});

test('one waits for some of the jobs', async () => {
  await using engine = await Engine.open({ onDispose: 'cancel' });
  const stays = new LocalJob(never, [], { grace: '1ms', tags: ['stays'] });
  const goes = new LocalJob(add, [1, 2], { tags: ['goes'] });
  engine.submit(stays, goes);

  const ended = await engine.wait({ select: (jobs) => [...jobs].filter(({ tags }) => tags.includes('goes')) });

  expect([ended, goes.status, stays.status]).toEqual([true, 'done', 'running']);
});

test('what a selection comes to later is waited for too', async () => {
  await using engine = await Engine.open();
  const more = new LocalJob(add, [3, 4]);
  const first = new LocalJob(add, [1, 2], { onDone: () => engine.submit(more) });
  engine.submit(first);

  await engine.wait({ select: (jobs) => jobs });

  expect(more.status).toBe('done');
});

test('jobs submitted by callbacks are waited for, and by disposal', async () => {
  const made: LocalJob<[number, number], number>[] = [];
  {
    await using engine = await Engine.open();
    const follow = (depth: number): LocalJob<[number, number], number> => {
      const job = new LocalJob(add, [depth, 1], {
        onDone: async () => {
          await new Promise((resolve) => setImmediate(resolve));
          if (depth < 3) engine.submit(follow(depth + 1));
        },
      });
      made.push(job);
      return job;
    };
    engine.submit(follow(1));
  }

  expect(made.map(({ status }) => status)).toEqual(['done', 'done', 'done']);
});

test('a wait ends when asynchronous callbacks have come back, and one inside a callback does not wait for itself', async () => {
  await using engine = await Engine.open();
  const told: string[] = [];
  const job = new LocalJob(add, [1, 2], {
    onDone: async (value) => {
      await engine.wait();
      await new Promise((resolve) => setTimeout(resolve, 5));
      told.push(`done: ${value}`);
    },
  });
  engine.submit(job);

  const ended = [await engine.wait(), await engine.wait({ select: () => [job] })];

  expect([...ended, ...told]).toEqual([true, true, 'done: 3']);
});

test('one can wait for a status or for anything else a job shows', async () => {
  await using engine = await Engine.open();
  const gate = Promise.withResolvers<void>();
  const job = new LocalJob(() => gate.promise);
  engine.submit(job);

  expect(await job.waitUntil('running')).toBe(true);
  gate.resolve();
  expect(await job.waitUntil((it) => it.endedAt > 0)).toBe(true);
  expect(await job.waitUntil('failed')).toBe(false);
  await expect(
    job.waitUntil(() => {
      throw new Error('mine');
    }),
  ).rejects.toThrow('mine');
  await expect(job.waitUntil('finished' as 'done')).rejects.toMatchObject({ code: 'INPUT_INVALID' });
});

test('nothing comes of waiting for a job that was never submitted', async () => {
  await using engine = await Engine.open();
  const job = new LocalJob(add, [1, 2]);

  await expect(job.result()).rejects.toMatchObject({ code: 'STATE_CONFLICT' });
  await expect(job.join()).rejects.toMatchObject({ code: 'STATE_CONFLICT' });
  await expect(engine.join([job])).rejects.toMatchObject({ code: 'STATE_CONFLICT' });
  await expect(job.rerun()).rejects.toMatchObject({ code: 'STATE_CONFLICT' });
});

test('what is cancelled before the engine hears of it never starts, and what needs it is cancelled', async () => {
  await using engine = await Engine.open();
  let calls = 0;
  const body = (): number => (calls += 1);
  const early = new LocalJob(body);
  const submitted = new LocalJob(body);
  const needsEarly = new LocalJob(add, [early, 1]);
  const needsSubmitted = new LocalJob(add, [submitted, 1]);
  await early.cancel();
  engine.submit(needsEarly, needsSubmitted);
  void submitted.cancel();
  await engine.wait();

  expect([early, submitted, needsEarly, needsSubmitted].map(({ status, cause }) => `${status} ${cause}`)).toEqual([
    'cancelled user',
    'cancelled user',
    'cancelled upstream',
    'cancelled upstream',
  ]);
  expect(calls).toBe(0);

  await submitted.rerun();
  engine.submit(early);
  await engine.wait();
  expect(calls).toBe(2);
  expect(new Set([await early.result(), await submitted.result()])).toEqual(new Set([1, 2]));
  expect(needsSubmitted.status).toBe('done');
});

test('a running job is cancelled: its callback is told once, and its result says so', async () => {
  await using engine = await Engine.open();
  const told: string[] = [];
  const job = new LocalJob(never, [], { grace: '1ms', onCancelled: ({ status }) => told.push(status) });
  const after = new LocalJob(add, [1, 2], { condition: new AfterAnother(job) });
  engine.submit(job, after);
  await job.waitUntil('running');

  await engine.cancel(job);
  await engine.wait();

  expect(told).toEqual(['cancelled']);
  expect(after.status).toBe('done');
  await expect(job.result()).rejects.toMatchObject({ code: 'JOB_CANCELLED', details: { cause: 'user' } });
});

test('jobs are found by id and status, and forgotten when that is wanted', async () => {
  await using engine = await Engine.open();
  const good = new LocalJob(add, [1, 2]);
  const bad = new LocalJob(boom);
  const made = new LocalJob(add, [1, 2]);
  engine.submit(good, bad);
  await engine.wait();

  expect(engine.jobs.get(good.id)).toBe(good);
  expect([engine.jobs.has(good), engine.jobs.has(bad.id), engine.jobs.has(made)]).toEqual([true, true, false]);
  expect([...engine.jobs]).toEqual([good, bad]);
  expect([engine.jobs.done, engine.jobs.failed, engine.jobs.running]).toEqual([[good], [bad], []]);
  expect([engine.jobs.size, engine.jobs.count('done'), engine.jobs.count('failed')]).toEqual([2, 1, 1]);
  expect(() => engine.jobs.get('nobody-1')).toThrow(expect.objectContaining({ code: 'JOB_NOT_FOUND' }));

  engine.jobs.clear(['failed']);
  expect([...engine.jobs]).toEqual([good]);
  expect(await engine.execute(new LocalJob(add, [good, 1]))).toBe(4);
});

test('a job is removed: cancelled first where it runs', async () => {
  await using engine = await Engine.open();
  const job = new LocalJob(never, [], { grace: '1ms' });
  engine.submit(job);
  await job.waitUntil('running');

  await engine.remove(job);

  expect([job.status, engine.jobs.has(job), engine.jobs.size]).toEqual(['cancelled', false, 0]);
  await expect(engine.remove(job)).rejects.toMatchObject({ code: 'JOB_NOT_FOUND' });
  expect(() => engine.submit(job)).toThrow(expect.objectContaining({ code: 'STATE_CONFLICT' }));
});

test('disposal says what it waits for', async () => {
  const told = Promise.withResolvers<string>();
  const gate = Promise.withResolvers<void>();
  const job = new LocalJob(() => gate.promise, [], { name: 'patient' });
  {
    await using engine = await Engine.open();
    engine.logs.add((text) => told.resolve(text), { filter: ({ message }) => message.includes('waits for') });
    engine.submit(job);
    void told.promise.then(() => gate.resolve());
  }

  expect(await told.promise).toMatch(/waits for 1 jobs: patient-\d+ \(active\)/);
  expect(job.status).toBe('done');
});

test('disposal cancels where that was chosen, and nothing is taken afterwards', async () => {
  const job = new LocalJob(never, [], { grace: '1ms' });
  const engine = await Engine.open({ onDispose: 'cancel' });
  engine.submit(job);
  await engine[Symbol.asyncDispose]();

  expect(job).toMatchObject({ status: 'cancelled', cause: 'user' });
  expect(() => engine.submit(new LocalJob(add, [1, 2]))).toThrow(expect.objectContaining({ code: 'ENGINE_CLOSED' }));
});

test('a shutdown tells everybody who waits', async () => {
  await using engine = await Engine.open();
  const job = new LocalJob(never, [], { grace: '1ms' });
  engine.submit(job);
  await job.waitUntil('running');
  const waits = Promise.allSettled([job.result(), job.wait(), engine.wait()]);

  await engine.shutdown();

  expect((await waits).map((wait) => wait.status === 'rejected' && wait.reason.code)).toEqual(
    Array(3).fill('ENGINE_CLOSED'),
  );
});

test('no more run at a time than was set, and more when that is changed', async () => {
  await using engine = await Engine.open({ maxJobs: 1 });
  let running = 0;
  let most = 0;
  const gates = Array.from({ length: 4 }, () => Promise.withResolvers<void>());
  const body = async (i: number): Promise<void> => {
    running += 1;
    most = Math.max(most, running);
    await gates[i]?.promise;
    running -= 1;
  };
  const jobs = gates.map((_, i) => new LocalJob((at: number) => body(at), [i]));
  engine.submit(...jobs);
  await jobs[0]?.waitUntil('running');
  gates[0]?.resolve();
  await jobs[1]?.waitUntil('running');
  const before = most;

  engine.configure({ maxJobs: 0 });
  await Promise.all(jobs.slice(2).map((job) => job.waitUntil(({ phase }) => phase === 'active')));
  for (const gate of gates) gate.resolve();
  await engine.wait();

  expect([before, most]).toEqual([1, 3]);
  expect(() => engine.configure({ maxJobs: -1 })).toThrow(expect.objectContaining({ code: 'INPUT_INVALID' }));
});

test('settings that are none are refused', async () => {
  await using engine = await Engine.open();

  await expect(Engine.open({ maxJob: 1 } as object)).rejects.toMatchObject({
    code: 'INPUT_INVALID',
    hint: "did you mean 'maxJobs'?",
  });
  expect(() => engine.configure({ store: '.heddle' } as object)).toThrow("engine.configure has no field 'store'");
});

test('failures are told in the log, with stacks only where that is wanted', async () => {
  await using engine = await Engine.open({ logTracebacks: false });
  const told: string[] = [];
  engine.logs.add((text) => told.push(text), { format: '{level} {job} {message}' });
  const quiet = new LocalJob(boom);
  engine.submit(quiet);
  await engine.wait();
  engine.configure({ logTracebacks: true });
  const loud = new LocalJob(boom);
  engine.submit(loud);
  await engine.wait();

  expect(told[0]).toBe(`error ${quiet.id} job '${quiet.id}' failed: Error: no`);
  expect(told[1]).toMatch(/failed: Error: no\nError: no\n {4}at boom/);
  expect(quiet.exception()).toMatchObject({ message: 'no', stack: expect.stringContaining('boom') });
});
