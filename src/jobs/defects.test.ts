import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { readProcess } from '../process/index.ts';
import {
  AfterAnother,
  AfterClock,
  allOf,
  BeforeClock,
  betweenWeekday,
  Engine,
  type Job,
  LocalJob,
  SubprocessJob,
  ThreadJob,
} from './index.ts';

/** Each defect of executor-engine, by its number in the list of them; web apps and cron are not here. */

const add = (a: number, b: number): number => a + b;
const boom = (message: string): never => {
  throw new RangeError(message);
};

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'heddle-defects-'));
});

afterEach(() => rmSync(folder, { recursive: true, force: true }));

test('1: jobs cancelled because of an upstream one hold no slot', async () => {
  await using engine = await Engine.open({ maxJobs: 1 });
  const failing = new LocalJob(boom, ['no']);
  const dependents = Array.from({ length: 3 }, () => new LocalJob(add, [failing, 1]));
  engine.submit(failing, ...dependents);
  await engine.wait();

  const after = new LocalJob(add, [1, 1]);
  engine.submit(after);

  expect(dependents.map(({ status, cause }) => `${status} (${cause})`)).toEqual(Array(3).fill('cancelled (upstream)'));
  expect(await after.result()).toBe(2);
});

test('2: a command that was killed by a signal is failed', async () => {
  await using engine = await Engine.open();
  const job = new SubprocessJob(['sh', '-c', 'kill -KILL $$']);
  engine.submit(job);
  await engine.wait();

  expect(job).toMatchObject({ status: 'failed', cause: 'signal', outcome: { signal: 'SIGKILL' } });
});

/** A zone in which it is about noon now, and that hour: far from midnight. */
function noon(): { readonly timeZone: string; readonly hour: number } {
  const now = new Date();
  const ahead = 12 - now.getUTCHours();
  // In these names the sign is turned round.
  const timeZone = ahead === 0 ? 'UTC' : `Etc/GMT${ahead > 0 ? '-' : '+'}${Math.abs(ahead)}`;
  return { timeZone, hour: 12 };
}

test('3: times of day are compared as a whole, not hour by hour and minute by minute', async () => {
  await using engine = await Engine.open();
  const { timeZone, hour } = noon();
  const job = new LocalJob(add, [1, 2], {
    // Its minutes are more than those of now; those of the other one are fewer.
    condition: allOf(
      new AfterClock(`${hour - 1}:59:59`, { timeZone }),
      new BeforeClock(`${hour + 2}:00:00`, { timeZone }),
    ),
  });
  engine.submit(job);

  expect(await job.result()).toBe(3);
});

test('4: a window of weekdays goes over the end of the week', async () => {
  await using engine = await Engine.open();
  const { timeZone } = noon();
  const days = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'];
  const name = new Intl.DateTimeFormat('en', { weekday: 'short', timeZone }).format(new Date()).toLowerCase();
  const today = days.indexOf(name);
  // From today to yesterday; on a Monday from Sunday to Monday.
  const [start, end] = today === 0 ? ['sun', 'mon'] : [days[today], days[today - 1]];
  const job = new LocalJob(add, [1, 2], {
    condition: betweenWeekday(start as string, end as string, { timeZone }),
  });
  engine.submit(job);

  expect(await job.result()).toBe(3);
});

test('5: a callback that throws changes nothing of its job', async () => {
  const told: string[] = [];
  await using engine = await Engine.open();
  engine.logs.add((text) => told.push(text), { format: '{message}' });
  const job = new LocalJob(add, [1, 2], {
    onDone: () => {
      throw new Error('in a callback');
    },
  });
  const other = new LocalJob(add, [1, 2], { onDone: async () => Promise.reject(new Error('in an async one')) });
  engine.submit(job, other);
  await engine.wait();

  expect([job.status, await job.result(), other.status]).toEqual(['done', 3, 'done']);
  await expect.poll(() => told.join('\n')).toMatch(/onDone.*\n.*in a callback[^]*onDone.*\n.*in an async one/);
});

test('6: the pause before a retry is waited through', async () => {
  await using engine = await Engine.open();
  let calls = 0;
  const job = new LocalJob(
    () => {
      calls += 1;
      if (calls === 1) throw new Error('not yet');
      return calls;
    },
    [],
    { retries: { maxAttempts: 2, initialDelay: '30ms' } },
  );
  engine.submit(job);

  await job.waitUntil((now) => now.reason === 'backoff');
  const [all, one] = await Promise.all([engine.wait(), job.wait()]);

  expect([all, one, job.status, calls]).toEqual([true, true, 'done', 2]);
});

test('7: exception() forgets the error of an attempt once a retry went well', async () => {
  await using engine = await Engine.open();
  let calls = 0;
  const job = new LocalJob(
    () => {
      calls += 1;
      if (calls === 1) throw new Error('first');
    },
    [],
    { retries: 1 },
  );
  engine.submit(job);
  await job.wait();

  expect([job.status, job.exception()]).toEqual(['done', undefined]);
});

test('8: what is built in can be called', async () => {
  await using engine = await Engine.open();

  expect(await engine.execute(new LocalJob(Math.max, [1, 3, 2]))).toBe(3);
  expect(await engine.execute(new ThreadJob(Math.max, [1, 3, 2]))).toBe(3);
  expect(await engine.execute(new LocalJob(parseInt, ['11', 2]))).toBe(3);
});

test('9: jobs inside of lists and objects are replaced by their values', async () => {
  await using engine = await Engine.open();
  const sum = new LocalJob(add, [1, 2]);
  const job = new LocalJob((deep: { list: { value: number }[] }) => deep.list[0]?.value, [{ list: [{ value: sum }] }]);
  engine.submit(job);

  expect(await job.result()).toBe(3);
});

test('10: other jobs go on while one that computes for ever in a thread is cancelled', async () => {
  await using engine = await Engine.open();
  const stuck = new ThreadJob(
    () => {
      for (;;);
    },
    [],
    { grace: '20ms' },
  );
  engine.submit(stuck);
  await stuck.waitUntil((job) => job.phase === 'active');
  const order: string[] = [];
  stuck.wait().then(
    () => order.push('stuck'),
    () => undefined,
  );

  await stuck.cancel();
  order.push(`other ${await engine.execute(new LocalJob(add, [1, 2]))}`);
  await stuck.wait();

  expect([stuck.status, stuck.cause]).toEqual(['cancelled', 'user']);
  expect(order).toContain('other 3');
});

test('11: a rerun takes its arguments anew, and what took its value runs again', async () => {
  await using engine = await Engine.open();
  let made = 0;
  const producer = new LocalJob(() => (made += 10));
  const consumer = new LocalJob(add, [producer, 1]);
  engine.submit(consumer);
  await engine.wait();
  const before = [await producer.result(), await consumer.result()];

  await producer.rerun();
  await engine.wait();
  const afterProducer = [await producer.result(), await consumer.result()];
  await consumer.rerun();
  await engine.wait();

  expect([before, afterProducer, await consumer.result()]).toEqual([[10, 11], [20, 21], 21]);
  expect(made).toBe(20);
});

test('12: submitting a job that is under way starts no second body', async () => {
  await using engine = await Engine.open();
  let calls = 0;
  const gate = Promise.withResolvers<void>();
  const job = new LocalJob(async () => {
    calls += 1;
    await gate.promise;
  });
  engine.submit(job);
  await job.waitUntil('running');

  engine.submit(job, job);
  await engine.committed();
  gate.resolve();
  await engine.wait();

  expect([calls, job.attempts]).toEqual([1, 1]);
});

test('13: a job that was never submitted can be cancelled', async () => {
  const told: string[] = [];
  const job = new LocalJob(add, [1, 2], { onCancelled: ({ id }) => told.push(id) });

  await job.cancel();
  await job.cancel();

  expect([job.status, job.cause, told]).toEqual(['cancelled', 'user', [job.id]]);
});

test('14: jobs that wait for each other are refused, each by name', async () => {
  await using engine = await Engine.open();
  const list: Job<unknown, number>[] = [];
  const first = new LocalJob((numbers: readonly number[]) => numbers.length, [list], { name: 'first' });
  const second = new LocalJob(add, [first, 1], { name: 'second' });
  list.push(second);

  expect(() => engine.submit(first)).toThrow(
    expect.objectContaining({
      code: 'GRAPH_CYCLE',
      message: expect.stringMatching(/first-\d+ -> second-\d+ -> first-\d+$/),
    }),
  );

  // One waits for a job that is to come; when it comes, it needs the first.
  const next = Number(second.id.split('-').at(-1)) + 2;
  const waits = new LocalJob(add, [1, 2], { name: 'waits', condition: new AfterAnother(`needs-${next}`) });
  const needs = new LocalJob(add, [waits, 1], { name: 'needs' });
  engine.submit(waits);
  expect(() => engine.submit(needs)).toThrow(expect.objectContaining({ code: 'GRAPH_CYCLE' }));
  await engine.wait();
  expect(waits).toMatchObject({ status: 'failed', cause: 'unsatisfiable' });
});

// 15 starts child processes: test/integration/jobs.

test('17: leaving the block waits for what was submitted', async () => {
  let isDone = false;
  const gate = Promise.withResolvers<void>();
  {
    await using engine = await Engine.open();
    engine.submit(
      new LocalJob(async () => {
        await gate.promise;
        isDone = true;
      }),
    );
    setTimeout(() => gate.resolve(), 20);
  }

  expect(isDone).toBe(true);
});

test('19: what was pending or running when an engine ended goes on in the next one; the time of an end is kept', async () => {
  const go = join(folder, 'go');
  let run: string;
  const waitsForFile = async (path: string): Promise<string> => {
    const { existsSync: isThere, readFileSync: read } = process.getBuiltinModule('node:fs');
    while (!isThere(path)) await new Promise((resolve) => setTimeout(resolve, 10));
    return read(path, 'utf8');
  };
  {
    await using engine = await Engine.open({ store: join(folder, 'store') });
    const running = new ThreadJob(waitsForFile, [go], { name: 'running', grace: '10ms' });
    const pending = new ThreadJob(add, [running as unknown as Job<unknown, number>, 1], { name: 'pending' });
    engine.submit(pending);
    await running.waitUntil((job) => job.phase === 'active');
    await engine.shutdown();
    run = (await engine.runs())[0]?.id ?? '';
    await expect(running.result()).rejects.toMatchObject({ code: 'ENGINE_CLOSED' });
  }
  writeFileSync(go, 'went');

  await using engine = await Engine.open({ store: join(folder, 'store') });
  const resumed = await engine.resume(run);

  expect(await resumed.wait()).toMatchObject({ status: 'done', counts: { done: 2 } });
  for await (const rows of engine.store.jobs(resumed.id)) {
    for (const row of rows) expect(row.endedAt).toBeGreaterThan(0);
  }
});

test('20: cancelling a command ends its whole process group, by force after the grace', async () => {
  await using engine = await Engine.open();
  const pids = join(folder, 'pids');
  const script = `trap '' TERM; sh -c 'trap "" TERM; echo $$ >> ${pids}; while :; do sleep 0.05; done' & echo $$ >> ${pids}; wait; while :; do sleep 0.05; done`;
  const job = new SubprocessJob(['sh', '-c', script], { grace: '50ms' });
  engine.submit(job);
  await expect.poll(() => (existsSync(pids) ? readFileSync(pids, 'utf8').trim().split('\n').length : 0)).toBe(2);

  await job.cancel();
  await job.wait();

  expect(job).toMatchObject({ status: 'cancelled', cause: 'user' });
  for (const pid of readFileSync(pids, 'utf8').trim().split('\n')) {
    // One whose parent is gone too may not have been taken off the list yet: it is a zombie.
    expect(readProcess(Number(pid))?.state ?? 'Z').toBe('Z');
  }
});

test('21: a condition and a body stay what they are, however often a job is tried', async () => {
  await using engine = await Engine.open();
  const first = new LocalJob(add, [1, 2]);
  const condition = new AfterAnother(first);
  const job = new LocalJob(boom, ['no'], { condition, retries: 3 });
  engine.submit(job, first);
  await engine.wait();
  await job.rerun();
  await engine.wait();

  expect(job.condition).toBe(condition);
  expect(job).toMatchObject({ status: 'failed', attempts: 8 });
});

test('23: an error callback that throws leaves neither job nor slot behind', async () => {
  await using engine = await Engine.open({ maxJobs: 1 });
  const job = new LocalJob(boom, ['no'], {
    onAttemptFailed: () => {
      throw new Error('in a callback');
    },
    onFailed: () => {
      throw new Error('in a callback');
    },
  });
  engine.submit(job);
  await engine.wait();

  expect(job.status).toBe('failed');
  expect(await engine.execute(new LocalJob(add, [1, 2]))).toBe(3);
});

test('24: a rerun has all its retries again', async () => {
  await using engine = await Engine.open();
  let calls = 0;
  const job = new LocalJob(
    () => {
      calls += 1;
      throw new Error(`${calls}`);
    },
    [],
    { retries: 2 },
  );
  engine.submit(job);
  await engine.wait();
  const left = job.retriesLeft;

  engine.submit(job);
  const restored = job.retriesLeft;
  await engine.wait();

  expect([left, restored, job.retriesLeft, calls]).toEqual([0, 2, 0, 6]);
});
