import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, describe, expect, test } from 'vitest';
import { type CallReference, type Clock, decodeValue, type StreamRequest, type StreamStep } from '../model/index.ts';
import { attemptContext, CallContext, currentCall } from './context.ts';
import { dropLocal, holdLocal } from './local-functions.ts';
import { type Call, type CallOptions, type CallOutcome, runCall } from './run-call.ts';

const folder = mkdtempSync(join(tmpdir(), 'heddle-run-call-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const clock: Clock = {
  now: () => ({ mono: performance.now(), wall: Date.now() }),
  after: (delayMs, callback) => {
    const timer = setTimeout(callback, delayMs);
    return { cancel: () => clearTimeout(timer) };
  },
  soon: (callback) => void setImmediate(callback),
};

interface Run {
  readonly context: CallContext;
  readonly said: string[];
  readonly options: CallOptions;
}

function prepared(more: Partial<CallOptions> = {}): Run {
  const said: string[] = [];
  const context = new CallContext({
    run: 'r-1',
    job: 'fit',
    attempt: 'a-1',
    fence: 2,
    directory: join(folder, 'attempt'),
    clock,
    heartbeat: () => said.push('heartbeat'),
    progress: (fraction, note) => said.push(`${fraction} ${note}`),
  });
  return { context, said, options: { context, project: folder, local: true, valueBytes: 1000, ...more } };
}

function local(fn: (...args: never[]) => unknown): CallReference {
  return holdLocal(fn);
}

async function run(
  reference: CallReference,
  args: readonly unknown[] = [],
  call: Partial<Call> = {},
): Promise<CallOutcome> {
  return runCall({ reference, args, ...call }, prepared().options);
}

function valueOf(outcome: CallOutcome): unknown {
  expect(outcome).toMatchObject({ kind: 'ok' });
  return outcome.kind === 'ok' && outcome.value !== undefined ? decodeValue(outcome.value) : undefined;
}

function errorOf(outcome: CallOutcome) {
  expect(outcome).toMatchObject({ kind: 'error' });
  return outcome.kind === 'error' ? outcome.error : undefined;
}

describe('functions are found', () => {
  const written = (name: string, text: string): string => {
    writeFileSync(join(folder, name), text);
    return pathToFileURL(join(folder, name)).href;
  };

  test('by module and export, the default one too, and what a CommonJS module keeps in its exports', async () => {
    const module = written('found.mjs', 'export const double = (n) => 2 * n; export default (n) => 3 * n;');
    const common = written(
      'found.cjs',
      `const name = ['qua', 'druple'].join(''); module.exports = { [name]: (n) => 4 * n };`,
    );

    const values = [
      await run({ kind: 'module', module, name: 'double' }, [2]),
      await run({ kind: 'module', module, name: 'default' }, [2]),
      await run({ kind: 'module', module: common, name: 'quadruple' }, [2]),
      await run({ kind: 'module', module: 'node:path', name: 'basename' }, ['a/b']),
    ].map(valueOf);

    expect(values).toEqual([4, 6, 8, 'b']);
  });

  test('or it is said what is there instead', async () => {
    const module = written('some.mjs', 'export const one = 1; export const two = () => 2;');
    const lonely = written('lonely.mjs', "import 'no-such-package'; export const one = () => 1;");
    const broken = written('broken.mjs', "throw new RangeError('while loading');");
    const gone = pathToFileURL(join(folder, 'gone.mjs')).href;

    const errors = [
      await run({ kind: 'module', module, name: 'three' }),
      await run({ kind: 'module', module, name: 'one' }),
      await run({ kind: 'module', module, name: 'three', task: true }),
      await run({ kind: 'module', module: gone, name: 'one' }),
      await run({ kind: 'module', module: lonely, name: 'one' }),
      await run({ kind: 'module', module: 'no-such-package', name: 'one' }),
      await run({ kind: 'module', module: broken, name: 'one' }),
    ].map(errorOf);

    expect(errors.map((error) => [error?.code ?? error?.name, error?.message])).toEqual([
      ['EXPORT_MISSING', `${module} exports no 'three'`],
      ['EXPORT_MISSING', `'one' of ${module} is no function, but a number`],
      ['EXPORT_MISSING', `${module} has no task 'three'`],
      ['MODULE_NOT_FOUND', expect.stringContaining(gone)],
      ['MODULE_NOT_FOUND', expect.stringContaining('no-such-package')],
      ['MODULE_NOT_FOUND', 'there is no module no-such-package'],
      ['RangeError', 'while loading'],
    ]);
    expect(errors[0]?.hint).toBe('it exports one, two');
  });

  test('by text, compiled once; by global name, on what it belongs to; in memory while it is held', async () => {
    const source = '() => (globalThis.compiledTimes = (globalThis.compiledTimes ?? 0) + 1, import.meta)';
    const counter = `(() => { globalThis.evaluated = (globalThis.evaluated ?? 0) + 1; return () => globalThis.evaluated; })()`;
    const held = holdLocal(() => 'held');

    const values = [
      await run({ kind: 'source', source: counter }),
      await run({ kind: 'source', source: counter }),
      await run({ kind: 'global', name: 'Array.of' }, [1, 2]),
      await run(held),
    ].map(valueOf);
    if (held.kind === 'local') dropLocal(held.id);
    const dropped = await run(held);
    const unparsable = await run({ kind: 'source', source });
    const foreign = await runCall({ reference: held, args: [] }, { ...prepared().options, local: false });

    expect(values).toEqual([1, 1, [1, 2], 'held']);
    expect(errorOf(dropped)?.message).toBe('this function was held in memory by a process that has ended');
    expect(errorOf(unparsable)?.name).toBe('SyntaxError');
    expect(errorOf(foreign)?.message).toBe('a function held in memory runs inline only, in the process that has it');
  });
});

describe('a call ends', () => {
  test('at once when its function does', () => {
    const { options } = prepared();
    const outcome = runCall({ reference: local((a: number, b: number) => a + b), args: [1, 2] }, options);

    expect(outcome).toEqual({ kind: 'ok', value: { codec: 'json', json: '3' } });
  });

  test('with an error when its value is no data, or too much of it', async () => {
    const cyclic: Record<string, unknown> = {};
    cyclic['self'] = cyclic;

    const errors = [await run(local(() => [{ f: () => 1 }])), await run(local(() => 'x'.repeat(1001)))].map(errorOf);
    const round = valueOf(await run(local(() => cyclic))) as Record<string, unknown>;

    expect(errors.map((error) => [error?.code, error?.message])).toEqual([
      ['VALUE_INVALID', "result[0].f is a function ('f')"],
      ['VALUE_TOO_LARGE', 'result is 1001B, above the limit of 1000B'],
    ]);
    expect(round['self']).toBe(round);
  });

  test('cancelled when it was asked to end, whatever it says then', async () => {
    const outcomes = [
      () => Promise.resolve('all the same'),
      () => Promise.reject(new Error('stopped')),
      () => new Promise((_, reject) => attemptContext().signal.addEventListener('abort', reject)),
    ].map(async (fn) => {
      const { context, options } = prepared();
      const outcome = runCall({ reference: local(fn), args: [] }, options);
      context.abort();
      return outcome;
    });

    expect(await Promise.all(outcomes)).toEqual(Array(3).fill({ kind: 'cancelled', by: 'user' }));
  });

  test('without having begun when it was cancelled before', () => {
    const { context, options } = prepared();
    let begun = 0;
    context.abort();

    const outcome = runCall({ reference: local(() => (begun += 1)), args: [] }, options);

    expect([outcome, begun]).toEqual([{ kind: 'cancelled', by: 'user' }, 0]);
  });
});

describe('a generator', () => {
  test('is gathered, and closed when it yields more than a value may hold', async () => {
    let closed = 0;
    const endless = function* () {
      try {
        for (;;) yield 'ten letter';
      } finally {
        closed += 1;
      }
    };

    const outcome = await run(local(endless));

    expect(errorOf(outcome)).toMatchObject({
      code: 'VALUE_TOO_LARGE',
      message: 'what it yields is above the limit of 1000B after 77 values',
    });
    expect(closed).toBe(1);
  });

  test('that is gathered lets others have their turn, and hears its cancellation', async () => {
    const { context, options } = prepared({ valueBytes: Number.POSITIVE_INFINITY });
    let closed = 0;
    const endless = function* () {
      try {
        for (;;) yield 1;
      } finally {
        closed += 1;
      }
    };

    const outcome = runCall({ reference: local(endless), args: [] }, options);
    setImmediate(() => context.abort());

    expect(await outcome).toEqual({ kind: 'cancelled', by: 'user' });
    expect(closed).toBe(1);
  });

  function stream(fn: (...args: never[]) => unknown) {
    const steps: StreamStep[] = [];
    let request: ((request: StreamRequest) => void) | undefined;
    const { context, options } = prepared({
      streaming: (given) => {
        request = given;
      },
      stepped: (step) => steps.push(step),
    });
    const outcome = Promise.resolve(runCall({ reference: local(fn), args: [], stream: true }, options));
    return { context, steps, outcome, ask: (asked: StreamRequest) => request?.(asked) };
  }

  test('is driven by requests, taken in order', async () => {
    const { ask, steps, outcome } = stream(async function* () {
      const first: unknown = yield 'a';
      const second: unknown = yield [first];
      return { second };
    });

    ask({ kind: 'next' });
    ask({ kind: 'next', value: 1 });
    ask({ kind: 'next', value: 2 });

    expect(valueOf(await outcome)).toEqual({ second: 2 });
    expect(steps).toEqual([
      { done: false, value: 'a' },
      { done: false, value: [1] },
      { done: true, value: { second: 2 } },
    ]);
  });

  test('ends early when it is told to return, behind its finally blocks', async () => {
    const trace: string[] = [];
    const { ask, steps, outcome } = stream(function* () {
      try {
        yield 1;
      } finally {
        trace.push('closed');
      }
    });

    ask({ kind: 'next' });
    ask({ kind: 'return', value: 'enough' });

    expect(valueOf(await outcome)).toBe('enough');
    expect(steps.at(-1)).toEqual({ done: true, value: 'enough' });
    expect(trace).toEqual(['closed']);
  });

  test('fails, closed, when it yields what is no data', async () => {
    let closed = 0;
    const { ask, steps, outcome } = stream(function* () {
      try {
        yield { now: () => 1 };
      } finally {
        closed += 1;
      }
    });

    ask({ kind: 'next' });

    expect(errorOf(await outcome)?.message).toBe("a yielded value.now is a function ('now')");
    expect([steps, closed]).toEqual([[], 1]);
  });

  test('is closed by cancellation while it waits to be asked, and answers nothing after', async () => {
    let closed = 0;
    const { ask, steps, outcome, context } = stream(function* () {
      try {
        for (;;) yield 1;
      } finally {
        closed += 1;
      }
    });

    ask({ kind: 'next' });
    await new Promise((resolve) => {
      setImmediate(resolve);
    });
    context.abort();
    ask({ kind: 'next' });

    expect(await outcome).toEqual({ kind: 'cancelled', by: 'user' });
    expect([steps.length, closed]).toEqual([1, 1]);
  });
});

describe('a call knows', () => {
  test('who it is, behind every await, and nobody else does', async () => {
    const asked = async () => {
      await Promise.resolve();
      const { run: of, job, attempt, fence } = attemptContext();
      return [of, job, attempt, fence];
    };

    expect(valueOf(await run(local(asked)))).toEqual(['r-1', 'fit', 'a-1', 2]);
    expect(() => attemptContext()).toThrow(expect.objectContaining({ code: 'OUTSIDE_CALL' }));
    expect(currentCall()).toBeUndefined();
  });

  test('a directory, made when it is first asked for', async () => {
    const before = existsSync(join(folder, 'attempt'));
    const value = valueOf(await run(local(() => attemptContext().directory)));

    expect([before, value, existsSync(join(folder, 'attempt'))]).toEqual([false, join(folder, 'attempt'), true]);
  });

  test('how to say that it gets on, until it has ended', async () => {
    const { context, said, options } = prepared();
    let late: (() => void) | undefined;
    const fn = () => {
      const { heartbeat, progress } = attemptContext();
      late = heartbeat;
      heartbeat();
      progress(0.5, 'half');
      progress(2);
    };

    const outcome = await runCall({ reference: local(fn), args: [] }, options);
    context.finish();
    late?.();

    expect(said).toEqual(['heartbeat', '0.5 half']);
    expect(errorOf(outcome)?.message).toBe('progress is a number from 0 to 1, not 2');
  });
});
