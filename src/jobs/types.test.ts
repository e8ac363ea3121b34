import { expectTypeOf, test } from 'vitest';
import { type Job, LocalJob, ProcessJob, SubprocessJob, ThreadJob } from './index.ts';

const add = (a: number, b: number): number => a + b;
const fetchText = async (url: string): Promise<string> => url;
const total = (report: { readonly parts: readonly number[]; readonly name: string }): number => report.parts.length;

function* count(to: number): Generator<number, string, boolean> {
  for (let i = 0; i < to; i += 1) if (yield i) break;
  return 'counted';
}

async function* letters(): AsyncGenerator<string, void, undefined> {
  yield 'a';
}

test('results follow from functions, whatever the kind of job', () => {
  expectTypeOf(new LocalJob(add, [1, 2]).result).returns.toEqualTypeOf<Promise<number>>();
  expectTypeOf(new ThreadJob(fetchText, ['x']).result).returns.toEqualTypeOf<Promise<string>>();
  expectTypeOf(new ProcessJob(Math.max, [1, 2, 3]).result).returns.toEqualTypeOf<Promise<number>>();
  expectTypeOf(new SubprocessJob('true').result).returns.toEqualTypeOf<Promise<number>>();
  expectTypeOf(new LocalJob(() => undefined).result).returns.toEqualTypeOf<Promise<undefined>>();
});

test('a job stands where its value is wanted, at any depth', () => {
  const sum = new LocalJob(add, [1, 2]);
  const text = new LocalJob(fetchText, ['x']);

  new ThreadJob(add, [sum, 2]);
  new LocalJob(total, [{ parts: [sum, 1], name: text }]);
  new LocalJob((rows: ReadonlyMap<string, readonly number[]>) => rows.size, [new Map([['a', [sum, 2]]])]);
  new LocalJob((rows: ReadonlySet<number>) => rows.size, [new Set([sum])]);
  new LocalJob((anything: unknown) => anything, [sum]);
  new LocalJob((either: string | number) => either, [Math.PI > 3 ? sum : text]);
  new LocalJob((list: readonly [number, string]) => list, [[sum, text]]);

  expectTypeOf(sum).toExtend<Job<number>>();
  expectTypeOf(sum).not.toExtend<Job<string>>();
});

test('a generator job gives its values one by one, and to others what it returns', () => {
  const counted = new ThreadJob(count, [3]);

  expectTypeOf(counted.result).returns.toEqualTypeOf<Promise<AsyncGenerator<number, string, boolean>>>();
  expectTypeOf(new LocalJob(letters).result).returns.toEqualTypeOf<Promise<AsyncGenerator<string, void, undefined>>>();
  new LocalJob(fetchText, [counted]);
  // @ts-expect-error it returns text
  new LocalJob(add, [counted, 1]);
});

test('callbacks are given the value', () => {
  new LocalJob(add, [1, 2], { onDone: (value) => expectTypeOf(value).toEqualTypeOf<number>() });
  new LocalJob(count, [1], { onDone: (value) => expectTypeOf(value).toEqualTypeOf<string>() });
});

/** Only the compiler looks at it. */
function misfits(): void {
  const sum = new LocalJob(add, [1, 2]);
  const text = new LocalJob(fetchText, ['x']);
  const command = new SubprocessJob('true');

  // @ts-expect-error an argument is missing
  new LocalJob(add, [1]);
  // @ts-expect-error all are
  new LocalJob(add);
  // @ts-expect-error there is no third
  new LocalJob(add, [1, 2, 3]);
  // @ts-expect-error no number
  new LocalJob(add, [1, '2']);
  // @ts-expect-error a job whose value is text
  new ThreadJob(add, [sum, text]);
  // @ts-expect-error the same, deep inside
  new LocalJob(total, [{ parts: [text], name: 'x' }]);
  // @ts-expect-error a job has a name and is no report of that shape
  new LocalJob((named: { readonly name: string }) => named.name, [sum]);
  // @ts-expect-error a promise is no argument
  new LocalJob(add, [1, Promise.resolve(2)]);
  // @ts-expect-error a command has no value
  new LocalJob(add, [1, command]);
  // @ts-expect-error an option misspelt
  new LocalJob(add, [1, 2], { retry: 2 });
  // @ts-expect-error only a child process has a working directory of its own
  new ThreadJob(add, [1, 2], { enterDirectory: true });
  // @ts-expect-error the callback wants text, the job makes a number
  new LocalJob(add, [1, 2], { onDone: (value: string) => value });
}

test('what does not fit is refused by the compiler', () => {
  expectTypeOf(misfits).returns.toBeVoid();
});
