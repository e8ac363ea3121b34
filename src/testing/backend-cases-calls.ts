import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { type AttemptOrder, type CallManner, decodeValue, HeddleError, type ResolvedCall } from '../model/index.ts';
import type { BackendRig, Settled } from './backend-rig.ts';

/* oxlint-disable no-restricted-globals -- the bodies of calls are users' code, which has timers of its own */

/** What backends do with functions. Each travels by its text, so that every backend can find it. */
export const callBodies: readonly {
  readonly name: string;
  readonly body: (rig: BackendRig) => Promise<void>;
  /** It takes the values of a generator one by one (`Backend.pull`). */
  readonly streams?: true;
}[] = [
  { name: 'gives what a function returns, or resolves to, as the value', body: givesValues },
  { name: 'takes and gives what JSON has no words for', body: carriesClones },
  { name: 'carries an error whole: name, message, code and causes', body: carriesErrors },
  { name: 'names the part of a result that is no data', body: refusesFunctions },
  { name: 'ends a call whose module or function is not there', body: missesModules },
  { name: 'gathers what a generator yields', body: gathers },
  { name: 'lets a generator be walked through, one step at a time', body: walks, streams: true },
  { name: 'passes on what is thrown into a generator, and what it throws', body: throwsInto, streams: true },
  { name: 'closes a generator that is cancelled', body: closesGenerators, streams: true },
  { name: 'answers no request to what is no generator, or has ended', body: answersNobody, streams: true },
  { name: 'writes down what a call says, in order, before its end', body: keepsOutput },
  { name: 'keeps what calls say apart', body: keepsOutputApart },
  { name: 'ends a call that does not listen to its cancellation', body: endsTheDeaf },
  { name: 'makes many calls, each once', body: makesMany },
];

/** The same where reports come late, twice or never. */
export const badDayCallBodies: typeof callBodies = [
  { name: 'makes every call once, and ends it as it ended or gives it up', body: makesEachOnce },
  { name: 'ends functions that are cancelled', body: endsCancelled },
];

type AnyFunction = (...args: never[]) => unknown;

function call(fn: AnyFunction, args: readonly unknown[] = [], manner: CallManner = {}): ResolvedCall {
  return { kind: 'call', call: { kind: 'source', source: String(fn) }, args, ...manner };
}

async function settled(rig: BackendRig, work: ResolvedCall): Promise<Settled> {
  const order = rig.order(work);
  await rig.launch([order]);
  return rig.end(order);
}

function valueOf(end: Settled): unknown {
  assert.ok(end.kind === 'ended' && end.outcome.kind === 'ok', JSON.stringify(end));
  return end.outcome.value === undefined ? undefined : decodeValue(end.outcome.value);
}

function errorOf(end: Settled) {
  assert.ok(end.kind === 'ended' && end.outcome.kind === 'error', JSON.stringify(end));
  return end.outcome.error;
}

async function makesEachOnce(rig: BackendRig): Promise<void> {
  const append = (path: string, name: string): object => {
    process.getBuiltinModule('node:fs').appendFileSync(path, '.');
    return { name };
  };
  const paths = Array.from({ length: 12 }, (_, n) => join(rig.directory, `made-${n}`));
  const orders = paths.map((path, n) => rig.order(call(append, [path, `call-${n}`])));
  await rig.launch(orders);

  const ends = await Promise.all(orders.map((order) => rig.settle(order)));

  for (const [n, end] of ends.entries()) {
    // Where nothing is kept of what has ended, it is gone when its end was not told.
    if (end.kind !== 'gone') assert.deepEqual(valueOf(end), { name: `call-${n}` });
    assert.equal(readFileSync(paths[n] ?? '', 'utf8'), '.', `call ${n} was not made once`);
  }
}

async function makesMany(rig: BackendRig): Promise<void> {
  const ledger = join(rig.directory, 'made');
  const append = (path: string, n: number): number => {
    process.getBuiltinModule('node:fs').appendFileSync(path, `${n}\n`);
    return n * 2;
  };
  const orders = Array.from({ length: rig.many }, (_, n) => rig.order(call(append, [ledger, n])));

  const ends = await rig.play(orders);

  assert.deepEqual(
    ends.map(valueOf),
    orders.map((_, n) => n * 2),
  );
  const made = readFileSync(ledger, 'utf8').trim().split('\n').map(Number);
  assert.deepEqual(
    made.toSorted((one, other) => one - other),
    [...orders.keys()],
    'each was made once',
  );
}

async function endsCancelled(rig: BackendRig): Promise<void> {
  const sleeper = call(async () => {
    await new Promise((resolve) => {
      setTimeout(resolve, 60_000);
    });
  });
  const orders = Array.from({ length: 4 }, () => rig.order(sleeper));
  await rig.launch(orders);
  await rig.pause(30);
  for (const { attempt } of orders) rig.backend.cancel(attempt, 100);

  const ends = await Promise.all(orders.map((order) => rig.settle(order)));

  for (const end of ends) assert.ok(end.kind === 'gone' || end.outcome.kind === 'cancelled', JSON.stringify(end));
}

async function givesValues(rig: BackendRig): Promise<void> {
  const works = [
    call((a: number, b: number) => ({ sum: a + b }), [1, 2]),
    call(async (text: string) => text.toUpperCase(), ['as data']),
    call(() => undefined),
    call(() => [null, 'x', [true]]),
    { ...call(() => 0), call: { kind: 'global', name: 'Math.max' } as const, args: [3, 9, 4] },
  ];
  const orders = works.map((work) => rig.order(work));
  await rig.launch(orders);

  const values = (await Promise.all(orders.map((order) => rig.end(order)))).map(valueOf);

  assert.deepEqual(values, [{ sum: 3 }, 'AS DATA', undefined, [null, 'x', [true]], 9]);
}

async function carriesClones(rig: BackendRig): Promise<void> {
  const given = new Map<string, unknown>([
    ['when', new Date(0)],
    ['rows', new Float64Array([1.5, -0])],
    ['many', 10n ** 30n],
  ]);

  const value = valueOf(
    await settled(
      rig,
      call((map: Map<string, unknown>) => ({ map, size: map.size }), [given]),
    ),
  );

  assert.deepEqual(value, { map: given, size: 3 });
}

async function carriesErrors(rig: BackendRig): Promise<void> {
  const end = await settled(
    rig,
    call(() => {
      const cause = new TypeError('no such column');
      throw Object.assign(new RangeError('out of rows', { cause }), { code: 'E_ROWS' });
    }),
  );

  const { name, message, code, stack, cause } = errorOf(end);
  assert.deepEqual({ name, message, code }, { name: 'RangeError', message: 'out of rows', code: 'E_ROWS' });
  assert.ok(stack?.includes('RangeError: out of rows'));
  assert.deepEqual([cause?.name, cause?.message], ['TypeError', 'no such column']);
}

async function refusesFunctions(rig: BackendRig): Promise<void> {
  const end = await settled(
    rig,
    call(() => ({ rows: [1, { later: () => 1 }] })),
  );

  const { code, message } = errorOf(end);
  assert.equal(code, 'VALUE_INVALID');
  assert.ok(message.includes('.rows[1].later'), message);
}

async function missesModules(rig: BackendRig): Promise<void> {
  const module = pathToFileURL(join(rig.directory, 'no-such.mjs')).href;
  const gone = await settled(rig, { ...call(() => 0), call: { kind: 'module', module, name: 'fit' } });
  const unnamed = await settled(rig, { ...call(() => 0), call: { kind: 'module', module: 'node:path', name: 'fit' } });

  assert.equal(errorOf(gone).code, 'MODULE_NOT_FOUND');
  assert.ok(errorOf(gone).message.includes(module));
  assert.equal(errorOf(unnamed).code, 'EXPORT_MISSING');
}

async function gathers(rig: BackendRig): Promise<void> {
  const plain = await settled(
    rig,
    call(
      function* (n: number) {
        for (let i = 0; i < n; i += 1) yield i * i;
        return 'unused';
      },
      [4],
    ),
  );
  const later = await settled(
    rig,
    call(async function* () {
      yield 'a';
      await Promise.resolve();
      yield 'b';
    }),
  );

  assert.deepEqual(
    [valueOf(plain), valueOf(later)],
    [
      [0, 1, 4, 9],
      ['a', 'b'],
    ],
  );
}

/** A generator that is there, and waits to be asked. */
async function streaming(rig: BackendRig, fn: AnyFunction, args: readonly unknown[] = []) {
  const order = rig.order(call(fn, args, { stream: true }));
  await rig.launch([order]);
  const isStreaming = () => rig.of(order).some((event) => event.kind === 'phase' && event.phase === 'streaming');
  await rig.until(() => isStreaming() || undefined, `${order.job} never streamed`);
  const pull = rig.backend.pull?.bind(rig.backend);
  assert.ok(pull !== undefined, 'who makes calls lets generators be walked through');
  return { order, pull: (request: Parameters<typeof pull>[1]) => pull(order.attempt, request) };
}

const NEXT = { kind: 'next' } as const;

async function walks(rig: BackendRig): Promise<void> {
  const trace = join(rig.order(call(() => 0)).directory, '..', 'walked');
  const walk = async function* (path: string): AsyncGenerator<number, string, number> {
    const { appendFileSync, mkdirSync } = process.getBuiltinModule('node:fs');
    mkdirSync(process.getBuiltinModule('node:path').dirname(path), { recursive: true });
    for (let i = 0, by = 1; ; i += by) {
      appendFileSync(path, `${i}\n`);
      by = (yield i) ?? 1;
      if (by === 0) return `stopped at ${i}`;
    }
  };
  const { order, pull } = await streaming(rig, walk, [trace]);

  const before = existsSync(trace);
  const steps = [await pull(NEXT), await pull(NEXT), await pull({ kind: 'next', value: 5 })];
  await rig.pause(50);
  const walked = readFileSync(trace, 'utf8');
  const last = await pull({ kind: 'next', value: 0 });

  assert.equal(before, false, 'nothing runs before it is asked for');
  assert.deepEqual(
    steps.map(({ done, value }) => [done, value]),
    [
      [false, 0],
      [false, 1],
      [false, 6],
    ],
  );
  assert.equal(walked, '0\n1\n6\n', 'nothing runs ahead of who takes the values');
  assert.deepEqual([last.done, last.value], [true, 'stopped at 6']);
  assert.equal(valueOf(await rig.end(order)), 'stopped at 6');
}

async function throwsInto(rig: BackendRig): Promise<void> {
  const { order, pull } = await streaming(rig, function* () {
    try {
      yield 'asked';
    } catch (error) {
      yield `caught ${(error as Error).message}`;
    }
    throw new RangeError('enough');
  });

  await pull(NEXT);
  const caught = await pull({ kind: 'throw', error: { name: 'Error', message: 'a stone' } });
  await assert.rejects(pull(NEXT), isStreamEnded);

  assert.deepEqual([caught.done, caught.value], [false, 'caught a stone']);
  assert.equal(errorOf(await rig.end(order)).message, 'enough');
}

function isStreamEnded(error: unknown): boolean {
  return HeddleError.is(error) && error.code === 'STREAM_ENDED';
}

async function closesGenerators(rig: BackendRig): Promise<void> {
  const { directory } = rig.order(call(() => 0));
  const walk = function* (path: string): Generator<number> {
    const { mkdirSync, writeFileSync } = process.getBuiltinModule('node:fs');
    try {
      for (let i = 0; ; i += 1) yield i;
    } finally {
      mkdirSync(path, { recursive: true });
      writeFileSync(`${path}/closed`, '');
    }
  };
  const { order, pull } = await streaming(rig, walk, [directory]);

  await pull(NEXT);
  rig.backend.cancel(order.attempt, 5000);
  const end = await rig.end(order);

  assert.ok(end.kind === 'ended' && end.outcome.kind === 'cancelled', JSON.stringify(end));
  assert.ok(existsSync(join(directory, 'closed')), 'its finally block ran');
  await assert.rejects(pull(NEXT), isStreamEnded);
}

async function answersNobody(rig: BackendRig): Promise<void> {
  const order = rig.order(call(() => 1));
  await rig.launch([order]);
  await rig.end(order);

  await assert.rejects(async () => rig.backend.pull?.(order.attempt, NEXT), isStreamEnded);
  await assert.rejects(async () => rig.backend.pull?.(rig.order(call(() => 1)).attempt, NEXT), isStreamEnded);
}

/** Where a call's output is sent by its manner: one file for both streams. */
function logOf(order: AttemptOrder): { readonly path: string; readonly manner: CallManner } {
  const path = join(order.directory, '..', `${order.job}.log`);
  return { path, manner: { redirect: { stdout: path, stderr: path } } };
}

function talking(rig: BackendRig, fn: AnyFunction, args: readonly unknown[] = []) {
  const silent = rig.order(call(fn, args));
  const { path, manner } = logOf(silent);
  return { order: { ...silent, work: call(fn, args, manner) }, path };
}

/** By the streams and not the console, which a test runner may have for itself. */
async function keepsOutput(rig: BackendRig): Promise<void> {
  const { order, path } = talking(rig, async () => {
    process.stdout.write('one\n');
    process.stderr.write('two\n');
    process.stdout.write(new Uint8Array([0x74, 0x68, 0x72, 0xff, 0x0a]));
    await new Promise((resolve) => {
      setImmediate(resolve);
    });
    for (let i = 0; i < 500; i += 1) process.stdout.write(`${i}\n`);
    process.stderr.write('end');
  });
  await rig.launch([order]);
  await rig.end(order);

  const said = readFileSync(path);

  const numbers = Array.from({ length: 500 }, (_, i) => `${i}\n`).join('');
  const expected = Buffer.concat([
    Buffer.from('one\ntwo\nthr'),
    new Uint8Array([0xff]),
    Buffer.from(`\n${numbers}end`),
  ]);
  assert.deepEqual(said, expected);
}

async function keepsOutputApart(rig: BackendRig): Promise<void> {
  const talkers = Array.from({ length: 3 }, (_, n) =>
    talking(
      rig,
      async (name: string) => {
        for (let i = 0; i < 5; i += 1) {
          process.stdout.write(`${name} ${i}\n`);
          await new Promise((resolve) => {
            setTimeout(resolve, 2);
          });
        }
        // What comes after the end is nobody's.
        setTimeout(() => process.stdout.write(`${name} late\n`), 1);
      },
      [`talker ${n}`],
    ),
  );
  await rig.launch(talkers.map(({ order }) => order));
  await Promise.all(talkers.map(({ order }) => rig.end(order)));
  await rig.pause(50);

  for (const [n, { path }] of talkers.entries()) {
    const lines = Array.from({ length: 5 }, (_, i) => `talker ${n} ${i}\n`);
    assert.equal(readFileSync(path, 'utf8'), lines.join(''));
  }
}

async function endsTheDeaf(rig: BackendRig): Promise<void> {
  const begun = join(rig.order(call(() => 0)).directory, '..', 'begun');
  const order = rig.order(
    call(
      (path: string) => {
        const { mkdirSync } = process.getBuiltinModule('node:fs');
        mkdirSync(path, { recursive: true });
        return new Promise((resolve) => {
          setTimeout(resolve, 20_000);
        });
      },
      [begun],
    ),
  );
  await rig.launch([order]);
  await rig.until(() => existsSync(begun) || undefined, `${order.job} never began`);

  rig.backend.cancel(order.attempt, 100);
  const end = await rig.end(order);

  assert.ok(end.kind === 'ended' && end.outcome.kind === 'cancelled', JSON.stringify(end));
}
