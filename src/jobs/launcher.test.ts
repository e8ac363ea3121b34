import { AsyncLocalStorage } from 'node:async_hooks';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, expectTypeOf, test } from 'vitest';
import { type CommandSequence, commandTemplate, Engine, type Job, launcher, LocalJob, SubprocessJob } from './index.ts';

const add = (a: number, b: number): number => a + b;

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'heddle-launcher-'));
});

afterEach(() => rmSync(folder, { recursive: true, force: true }));

test('a launcher gives results when called, and jobs when told to submit', async () => {
  await using engine = await Engine.open();
  const sum = launcher(add, { backend: 'inline', name: 'sum', tags: ['math'], description: 'adds', engine });

  const job = sum.submit(1, 2);
  const more = await sum(job, 4);

  expectTypeOf(job).toEqualTypeOf<Job<number, number>>();
  expectTypeOf(more).toEqualTypeOf<number>();
  expect([await job.result(), more, job.name, job.tags]).toEqual([3, 7, 'sum', ['math']]);
  expect([sum.label, sum.description, sum.tags]).toEqual(['sum', 'adds', ['math']]);
  expect(engine.jobs.size).toBe(2);
});

test('a call rejects with what the body threw, and when it was cancelled says so', async () => {
  await using engine = await Engine.open();
  const boom = launcher(
    (): never => {
      throw new RangeError('no');
    },
    { backend: 'inline', engine },
  );
  const endless = launcher(() => new Promise<number>(() => undefined), { backend: 'inline', engine, grace: '1ms' });

  await expect(boom()).rejects.toThrow(new RangeError('no'));
  const call = endless();
  await engine.cancel();
  await expect(call).rejects.toMatchObject({ code: 'JOB_CANCELLED' });
});

test('options can be changed for single calls', async () => {
  await using engine = await Engine.open();
  let calls = 0;
  const flaky = launcher(
    () => {
      calls += 1;
      if (calls === 1) throw new Error('first');
      return calls;
    },
    { backend: 'inline', engine },
  );

  expect(await flaky.with({ retries: 1 })()).toBe(2);
});

test('the innermost scope says which engine; without any there is one in memory', async () => {
  await using outer = await Engine.open();
  await using inner = await Engine.open();
  const sum = launcher(add, { backend: 'inline' });

  await outer.scope(async () => {
    await sum(1, 1);
    await inner.scope(() => sum(2, 2));
    await sum(3, 3);
  });
  const job = sum.submit(4, 5);

  expect([outer.jobs.size, inner.jobs.size]).toEqual([2, 1]);
  expect([await job.result(), await sum(job, 1)]).toEqual([9, 10]);
});

test('callbacks are in the scope, and the asynchronous context, in which their job was submitted', async () => {
  await using engine = await Engine.open();
  await using other = await Engine.open();
  const request = new AsyncLocalStorage<string>();
  const add = launcher((a: number, b: number) => a + b, { backend: 'inline' });
  const gate = Promise.withResolvers<void>();
  const seen: (string | undefined)[] = [];
  const see = (): void => void seen.push(request.getStore());
  const inScope = new LocalJob(() => gate.promise, [], { onDone: () => add.submit(1, 2) });
  const inRequest = new LocalJob(() => gate.promise, [], { onDone: see });
  const inNone = new LocalJob(() => undefined, [], { onDone: see });

  engine.scope(() => other.submit(inScope));
  request.run('first', () => other.submit(inRequest));
  request.run('second', () => other.submit(new LocalJob(() => undefined)));
  other.submit(inNone);
  await inNone.wait();
  gate.resolve();
  await other.wait();
  await engine.wait();

  expect(seen).toEqual([undefined, 'first']);
  expect([engine.jobs.size, other.jobs.size]).toEqual([1, 4]);
});

test('a template of text: values are single words, flags come and go, defaults stand in', async () => {
  await using engine = await Engine.open();
  const print = launcher(
    commandTemplate<{ text: string; newline?: boolean; more?: string }>('printf {newline} %s-%s {text} x{more}y', {
      inputs: { newline: { default: false, trueInsert: '--', falseInsert: '' }, more: { default: 'default' } },
    }),
    { engine },
  );

  const job = print.submit({ text: `a 'b' $(c) | d` });
  const flagged = print.submit({ text: 't', newline: true, more: 'z' });

  expect([await job.result(), await job.stdout()]).toEqual([0, `a 'b' $(c) | d-xdefaulty`]);
  expect([await flagged.result(), await flagged.stdout()]).toEqual([0, 't-xzy']);
  expect(job).toBeInstanceOf(SubprocessJob);
  expect(print.label).toBe('printf');
});

test('a template that is a function, as a line or as words', async () => {
  await using engine = await Engine.open();
  const line = launcher(
    commandTemplate((p: { readonly n: number }) => `sh -c 'echo $((${p.n} + 1))'`),
    { engine },
  );
  const words = launcher(
    commandTemplate((p: { readonly text: string }) => ['printf', '%s', p.text]),
    { engine },
  );

  const one = line.submit({ n: 1 });
  const other = words.submit({ text: 'a b' });

  expect([await one.result(), await one.stdout()]).toEqual([0, '2\n']);
  expect([await other.result(), await other.stdout()]).toEqual([0, 'a b']);
});

test('several commands each run, and their codes are handed back', async () => {
  await using engine = await Engine.open({ maxJobs: 1 });
  function* steps({ last }: { readonly last: string }): CommandSequence<readonly number[]> {
    const first = yield ['sh', '-c', 'echo one; exit 3'];
    const second = yield `sh -c 'echo two >&2'`;
    yield ['touch', last];
    return [first, second];
  }
  const run = launcher(commandTemplate(steps), { engine });
  const last = join(folder, 'last');

  const job = run.submit({ last });

  expect(await job.result()).toEqual([3, 0]);
  expect(existsSync(last)).toBe(true);
  expect(await run({ last })).toEqual([3, 0]);
});

test('cancelling several commands ends the one that runs, and starts no other', async () => {
  await using engine = await Engine.open();
  const begun = join(folder, 'begun');
  const after = join(folder, 'after');
  const run = launcher(
    commandTemplate(function* (): CommandSequence<void> {
      yield ['sh', '-c', `touch ${begun}; sleep 60`];
      yield ['touch', after];
    }),
    { engine, grace: '200ms' },
  );
  const job = run.submit({});
  await expect.poll(() => existsSync(begun)).toBe(true);

  await job.cancel();
  await job.wait();

  expect([job.status, existsSync(after)]).toEqual(['cancelled', false]);
});

test.each([
  ['a hole without a value', () => commandTemplate<{ a?: string }>('tool {a}').build({})],
  ['a value without a hole', () => commandTemplate<{ a: string; b: string }>('tool {a}').build({ a: '', b: '' })],
  ['inputs of a hole that is not there', () => commandTemplate<{ b: string }>('tool {a}', { inputs: { b: {} } })],
  ['a quote that is not closed', () => commandTemplate("tool 'a")],
])('%s is refused', (_, make) => {
  expect(make).toThrow(expect.objectContaining({ code: 'INPUT_INVALID' }));
});

/** Only the compiler looks at it. */
function misfits(): void {
  const sum = launcher(add);
  // @ts-expect-error text is no number
  void sum('1', 2);
  // @ts-expect-error one is missing
  sum.submit(1);
  // @ts-expect-error there is no such place
  launcher(add, { backend: 'moon' });
  // @ts-expect-error the template wants a number
  void launcher(commandTemplate((p: { readonly n: number }) => `echo ${p.n}`))({ n: 'one' });
}

test('what does not fit is refused by the compiler', () => {
  expectTypeOf(misfits).returns.toBeVoid();
});
