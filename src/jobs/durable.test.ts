import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Engine, LocalJob, SubprocessJob, ThreadJob } from './index.ts';

const add = (a: number, b: number): number => a + b;

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'heddle-durable-'));
});

afterEach(() => rmSync(folder, { recursive: true, force: true }));

test('an engine that survives refuses what could not be resumed, by name and with the mend', async () => {
  await using engine = await Engine.open({ store: folder });
  const rate = Number('3');
  const byRate = (value: number): number => value * rate;

  expect(() => engine.submit(new LocalJob(byRate, [1]))).toThrow(
    expect.objectContaining({
      code: 'FUNCTION_CANNOT_TRAVEL',
      message: expect.stringContaining("'rate'"),
      hint: expect.stringContaining('resumable: false'),
    }),
  );
  const willing = new LocalJob(byRate, [2], { resumable: false });
  engine.submit(willing);
  expect(await willing.result()).toBe(6);
});

test('large values and those that JSON has no words for come back from the store, to results and callbacks', async () => {
  await using engine = await Engine.open({ store: folder });
  const told: unknown[] = [];
  const large = new LocalJob((length: number) => 'x'.repeat(length), [400_000], {
    onDone: ({ length }) => told.push(length),
  });
  const map = new LocalJob(() => new Map([['a', new Set([1n])]]), [], { onDone: (value) => told.push(value) });
  const taken = new LocalJob(
    (text: string, { size }: ReadonlyMap<string, unknown>) => text.length + size,
    [large, map],
  );
  engine.submit(taken);

  expect(await taken.result()).toBe(400_001);
  expect((await large.result()).length).toBe(400_000);
  expect(await map.result()).toEqual(new Map([['a', new Set([1n])]]));
  expect(told).toEqual(expect.arrayContaining([400_000, new Map([['a', new Set([1n])]])]));
});

test('what was submitted and acknowledged is on disk, in one run', async () => {
  await using engine = await Engine.open({ store: folder });
  const jobs = [new LocalJob(add, [1, 2]), new LocalJob(add, [3, 4])];
  engine.submit(...jobs);
  await engine.committed();

  const runs = await engine.runs();
  expect(runs).toMatchObject([{ name: 'session', size: 2 }]);
  await engine.wait();
  expect(await Promise.all(jobs.map((job) => job.result()))).toEqual([3, 7]);
});

test('a generator whose reader has ended runs to its end when its run goes on: what it returns is wanted', async () => {
  let run: string;
  {
    await using engine = await Engine.open({ store: folder });
    const counted = new ThreadJob(
      function* (to: number): Generator<number, number> {
        for (let i = 0; i < to; i += 1) yield i;
        return to;
      },
      [3],
      { grace: '10ms' },
    );
    engine.submit(new ThreadJob(add, [counted, 1], { name: 'takes' }));
    await counted.waitUntil((job) => job.phase === 'streaming');
    await engine.shutdown();
    run = (await engine.runs())[0]?.id ?? '';
  }
  await using engine = await Engine.open({ store: folder });

  const resumed = await engine.resume(run);

  expect(await resumed.wait()).toMatchObject({ status: 'done', counts: { done: 2 } });
});

test('a job whose function only its program had is lost when the run goes on without that; what needs it is cancelled', async () => {
  let run: string;
  {
    await using engine = await Engine.open({ store: folder });
    let here = 0;
    const first = new ThreadJob(add, [1, 1]);
    const local = new LocalJob((n: number) => (here += n), [first], { resumable: false, name: 'local' });
    engine.submit(new ThreadJob(add, [local, 1], { name: 'needs' }));
    await first.waitUntil('running');
    await engine.shutdown();
    run = (await engine.runs())[0]?.id ?? '';
  }
  await using engine = await Engine.open({ store: folder });

  const resumed = await engine.resume(run);
  await resumed.wait();
  const ends: string[] = [];
  for await (const rows of engine.store.jobs(resumed.id))
    for (const { job, status, detail } of rows) ends[job] = `${status} (${detail})`;

  // As they were submitted: who needs the value brought the other two along.
  expect(ends).toEqual(['cancelled (upstream)', 'failed (lost)', 'done ()']);
});

test('a session that was disposed of is a run that has ended', async () => {
  {
    await using engine = await Engine.open({ store: folder });
    engine.submit(new LocalJob(add, [1, 2]));
  }
  await using engine = await Engine.open({ store: folder });

  expect(await engine.runs()).toMatchObject([{ status: 'done', size: 1 }]);
});

test('a job’s directory holds what it wrote; a path takes both streams in order', async () => {
  await using engine = await Engine.open({ store: folder });
  const path = join(folder, 'deep', 'out.txt');
  const command = new SubprocessJob(['sh', '-c', 'echo out; echo err >&2']);
  const together = new SubprocessJob('sh -c "echo out; echo err >&2; pwd"', {
    redirect: path,
    targetDirectory: folder,
  });
  const call = new ThreadJob((text: string) => console.log(text), ['from a thread']);
  const callTogether = new ThreadJob(
    () => {
      console.log('call out');
      console.error('call err');
    },
    [],
    { redirect: join(folder, 'call.txt') },
  );
  const here = new LocalJob(
    async (text: string) => {
      await new Promise((resolve) => setImmediate(resolve));
      process.stdout.write(text);
    },
    ['from here\n'],
    { redirect: true },
  );
  engine.submit(command, together, call, callTogether, here);
  await engine.wait();

  expect(readFileSync(join(command.directory, 'stdout'), 'utf8')).toBe('out\n');
  expect([await command.stdout(), await command.stderr()]).toEqual(['out\n', 'err\n']);
  expect(await new SubprocessJob('true').stdout()).toBe('');
  expect(existsSync(join(command.directory, 'command.sh'))).toBe(true);
  expect(readFileSync(path, 'utf8')).toBe(`out\nerr\n${folder}\n`);
  expect(readFileSync(join(call.directory, 'stdout'), 'utf8')).toBe('from a thread\n');
  expect(readFileSync(join(here.directory, 'stdout'), 'utf8')).toBe('from here\n');
  expect(await callTogether.stdout()).toBe('call out\ncall err\n');
});
