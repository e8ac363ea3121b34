import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Engine, LocalJob, ProcessJob, ThreadJob } from '../../../src/index.ts';

const add = (a: number, b: number): number => a + b;

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'heddle-process-jobs-'));
});

afterEach(() => rmSync(folder, { recursive: true, force: true }));

test('values go from here to threads to child processes and back', async () => {
  await using engine = await Engine.open();
  const first = new LocalJob(add, [1, 2]);
  const second = new ThreadJob(add, [first, 4]);
  const third = new ProcessJob(add, [second, 5]);
  const last = new LocalJob(
    (totals: ReadonlyMap<string, number>) => totals.get('third'),
    [new Map([['third', third]])],
  );
  engine.submit(last);

  expect(await last.result()).toBe(12);
});

// A defect of executor-engine, by its number in the list of them; the others are in src/jobs.
test('15: a job that throws in its directory leaves the next one in its own, and what each says stays apart', async () => {
  await using engine = await Engine.open({ maxProcessJobs: 1, store: folder });
  const before = process.cwd();
  const throwing = new ProcessJob(
    () => {
      throw new Error(process.cwd());
    },
    [],
    { enterDirectory: true },
  );
  const inside = new ProcessJob(() => process.cwd(), [], { enterDirectory: true });
  const outside = new ProcessJob(() => process.cwd());
  const speak = (word: string): void => {
    for (let i = 0; i < 3; i += 1) console.log(word);
  };
  const speakers = ['a', 'b'].map((word) => new ThreadJob(speak, [word]));
  engine.submit(throwing, inside, outside, ...speakers);
  await engine.wait();

  expect(throwing.exception()?.message).toBe(throwing.directory);
  expect(await inside.result()).toBe(inside.directory);
  expect([await outside.result(), process.cwd()]).toEqual([before, before]);
  expect(await Promise.all(speakers.map((job) => job.stdout()))).toEqual(['a\na\na\n', 'b\nb\nb\n']);
});

test('a generator in a child process is asked for its values one by one', async () => {
  await using engine = await Engine.open();
  const job = new ProcessJob(
    function* (to: number): Generator<number, string, string> {
      let last = '';
      for (let i = 1; i <= to; i += 1) last = yield i;
      return last;
    },
    [2],
  );
  engine.submit(job);
  const values = await job.result();

  expect([await values.next('unheard'), await values.next('first'), await values.next('second')]).toEqual([
    { done: false, value: 1 },
    { done: false, value: 2 },
    { done: true, value: 'second' },
  ]);
  await job.wait();
  expect(job.status).toBe('done');
});

test('a body that ends its process fails its job, and no other', async () => {
  await using engine = await Engine.open({ maxProcessJobs: 1 });
  const exits = new ProcessJob(() => process.exit(3));
  const other = new ProcessJob(add, [1, 2]);
  engine.submit(exits, other);
  await engine.wait();

  expect(exits.status).toBe('failed');
  expect(await other.result()).toBe(3);
});
