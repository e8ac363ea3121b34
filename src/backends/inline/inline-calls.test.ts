import { afterAll, expect, test } from 'vitest';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { attemptContext, holdLocal } from '../../calls/index.ts';
import {
  type AttemptOrder,
  asAttemptId,
  asJobId,
  asRunId,
  asSubmissionId,
  type Backend,
  type BackendEvent,
  type CallManner,
  decodeValue,
  silentLogger,
} from '../../model/index.ts';
import { systemClock } from '../../process/index.ts';
import { inlineBackend } from './index.ts';

const folder = mkdtempSync(join(tmpdir(), 'heddle-inline-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

interface Opened extends AsyncDisposable {
  readonly backend: Backend;
  readonly events: BackendEvent[];
  readonly warned: string[];
  /** Starts a function of this very test. */
  start(fn: (...args: never[]) => unknown, manner?: CallManner): AttemptOrder;
  /** Resolves with an end. */
  end(order: AttemptOrder): Promise<BackendEvent & { readonly kind: 'ended' }>;
}

async function opened(): Promise<Opened> {
  const backend = inlineBackend();
  const events: BackendEvent[] = [];
  const warned: string[] = [];
  let count = 0;
  let told = Promise.withResolvers<void>();
  await backend.open({
    clock: systemClock,
    logger: { ...silentLogger, warn: (_, message) => warned.push(message) },
    report: (event) => {
      events.push(event);
      told.resolve();
      told = Promise.withResolvers();
    },
    directory: folder,
    project: folder,
  });
  return {
    backend,
    events,
    warned,
    start: (fn, manner = {}) => {
      const order: AttemptOrder = {
        attempt: asAttemptId(`a-${count}`),
        fence: 1,
        run: asRunId('r-1'),
        job: asJobId(`job ${count}`),
        index: count,
        work: { kind: 'call', call: holdLocal(fn), args: [], ...manner },
        grant: { place: 'inline', cpus: 1 },
        limits: { graceMs: 50, outputBytes: 20 },
        directory: join(folder, String(count)),
        submission: asSubmissionId('hs1'),
        element: 0,
      };
      count += 1;
      void backend.launch([order]);
      return order;
    },
    end: async ({ attempt }) => {
      for (;;) {
        const found = events.find((event) => event.kind === 'ended' && event.attempt === attempt);
        if (found?.kind === 'ended') return found;
        await told.promise;
      }
    },
    [Symbol.asyncDispose]: () => backend[Symbol.asyncDispose](),
  };
}

test('calls that compute are made in slices, between which everything else has its turn', async () => {
  await using lanes = await opened();
  const order: string[] = [];
  const busy = (name: string) => () => {
    const until = performance.now() + 6;
    while (performance.now() < until);
    order.push(name);
  };

  const starts = ['a', 'b', 'c'].map((name) => lanes.start(busy(name)));
  const turns = (left: number): void => {
    order.push('turn');
    if (left > 0) setImmediate(() => turns(left - 1));
  };
  setImmediate(() => turns(3));
  await Promise.all(starts.map((start) => lanes.end(start)));

  expect(order.slice(0, 5)).toEqual(['a', 'turn', 'b', 'turn', 'c']);
});

test('a call that has not begun when it is cancelled never begins', async () => {
  await using lanes = await opened();
  let begun = 0;

  const start = lanes.start(() => (begun += 1));
  lanes.backend.cancel(start.attempt, 1000);
  const { outcome } = await lanes.end(start);

  expect([outcome, begun]).toEqual([{ kind: 'cancelled', by: 'user' }, 0]);
});

test("a call that goes on after its grace is given up, which is said, and what it gives later is nobody's", async () => {
  await using lanes = await opened();
  const { promise, resolve } = Promise.withResolvers<string>();

  const start = lanes.start(() => promise);
  await new Promise(setImmediate);
  lanes.backend.cancel(start.attempt, 10);
  const { outcome } = await lanes.end(start);
  resolve('too late');
  await promise;
  await new Promise(setImmediate);

  expect(outcome).toEqual({ kind: 'cancelled', by: 'user' });
  expect(lanes.events.map(({ kind }) => kind)).toEqual(['phase', 'ended']);
  expect(lanes.warned).toEqual([
    'the call was cancelled 10 ms ago and goes on: nothing can end it in this process, its result is dropped',
  ]);
});

test('a redirected call writes to its file, and no more than it may; all others where they always did', async () => {
  await using lanes = await opened();
  const path = join(folder, 'logs', 'one.log');
  const passed: string[] = [];
  const own = Object.getOwnPropertyDescriptor(process.stdout, 'write');
  const mine = ((chunk: string) => passed.push(chunk) > 0) as typeof process.stdout.write;
  process.stdout.write = mine;
  try {
    const { promise, resolve } = Promise.withResolvers<void>();
    const redirected = lanes.start(
      async () => {
        process.stdout.write('inside, ');
        await promise;
        process.stderr.write('and this is too long');
      },
      { redirect: { stdout: path, stderr: path } },
    );
    const free = lanes.start(() => process.stdout.write('free'));
    await lanes.end(free);
    process.stdout.write('test');
    resolve();
    await lanes.end(redirected);

    expect(process.stdout.write).toBe(mine);
  } finally {
    if (own === undefined) Reflect.deleteProperty(process.stdout, 'write');
    else Object.defineProperty(process.stdout, 'write', own);
  }

  expect(passed).toEqual(['free', 'test']);
  expect(readFileSync(path, 'utf8')).toBe('inside, and this is \n[heddle: output above 20 bytes is cut off here]\n');
});

test('calls at the same time know each who they are, and say that they live, now and then', async () => {
  await using lanes = await opened();
  const whoAmI = async () => {
    const { job, heartbeat } = attemptContext();
    await new Promise(setImmediate);
    for (let beat = 0; beat < 100; beat += 1) heartbeat();
    return [job, attemptContext().job];
  };

  const starts = [lanes.start(whoAmI), lanes.start(whoAmI)];
  const ends = await Promise.all(starts.map((start) => lanes.end(start)));

  const values = ends.map(({ outcome }) => outcome.kind === 'ok' && outcome.value && decodeValue(outcome.value));
  expect(values).toEqual([
    ['job 0', 'job 0'],
    ['job 1', 'job 1'],
  ]);
  expect(lanes.events.filter(({ kind }) => kind === 'heartbeat').length).toBeLessThan(20);
});

test('its disposal closes generators, and tells nobody of it', async () => {
  const lanes = await opened();
  const trace: string[] = [];
  const start = lanes.start(
    async function* () {
      try {
        for (;;) yield 1;
      } finally {
        await new Promise(setImmediate);
        trace.push('closed');
      }
    },
    { stream: true },
  );
  await new Promise(setImmediate);
  await lanes.backend.pull?.(start.attempt, { kind: 'next' });
  const before = lanes.events.length;

  await lanes.backend[Symbol.asyncDispose]();

  expect(trace).toEqual(['closed']);
  expect(lanes.events.length).toBe(before);
});

test('a call with an environment of its own is refused, with the mend', async () => {
  await using lanes = await opened();
  const { work, ...order } = lanes.start(() => 1);
  if (work.kind !== 'call') return;

  const answers = await lanes.backend.launch([{ ...order, work: { ...work, environment: { A: '1' } } }]);

  expect(answers).toEqual([
    {
      kind: 'refused',
      retryable: false,
      why: "backend 'inline' can give a call no environment of its own: choose '--backend threads' or '--backend processes'",
    },
  ]);
});
