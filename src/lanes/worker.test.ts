import { MessageChannel } from 'node:worker_threads';
import { expect, test } from 'vitest';
import { asAttemptId, type CallReference, type Clock } from '../model/index.ts';
import { laneClock } from './lane-clock.ts';
import { type FromWorker, SLOT_FREE, SLOT_RECALLED, SLOT_SENT, type ToWorker } from './protocol.ts';
import { LaneWorker } from './worker.ts';
import { sharedSlots } from './worker-slots.ts';

type Start = Extract<ToWorker, { kind: 'start' }>;

/** A worker of this thread, at the other end of a channel. */
function opened(clock: Clock = laneClock) {
  const { port1: host, port2: port } = new MessageChannel();
  const words = new Int32Array(new SharedArrayBuffer(64 * 4));
  const lists: (readonly FromWorker[])[] = [];
  let isHere = true;
  const worker = new LaneWorker({
    post: (messages, transfer) => port.postMessage(messages, transfer),
    slots: sharedSlots(words),
    clock,
    project: process.cwd(),
    kind: 'thread',
    leave: () => {
      isHere = false;
    },
  });
  port.on('message', (messages: readonly ToWorker[]) => worker.hear(messages));
  let heard: (() => void) | undefined;
  host.on('message', (messages: readonly FromWorker[]) => {
    lists.push(messages);
    heard?.();
  });
  return {
    words,
    lists,
    isHere: () => isHere,
    all: () => lists.flat(),
    send: (...messages: readonly ToWorker[]) => host.postMessage(messages),
    /** Resolves when the worker has said what is looked for. */
    until: async (look: (messages: readonly FromWorker[]) => boolean) => {
      while (!look(lists.flat())) {
        await new Promise<void>((resolve) => {
          heard = resolve;
        });
      }
    },
    [Symbol.dispose]: () => host.close(),
  };
}

type Opened = ReturnType<typeof opened>;

function starter({ words }: Opened) {
  let count = 0;
  return (body: CallReference | ((...args: never[]) => unknown), more: Partial<Start> = {}): Start => {
    const slot = count++;
    words[slot] = SLOT_SENT;
    return {
      kind: 'start',
      attempt: asAttemptId(`a-${slot}`),
      fence: 1,
      slot,
      limits: { graceMs: 100, outputBytes: 1000, valueBytes: 1000 },
      call: {
        reference: typeof body === 'function' ? { kind: 'source', source: String(body) } : body,
        args: [],
        run: 'r-1',
        job: `job ${slot}`,
        directory: '',
      },
      ...more,
    };
  };
}

const words = (messages: readonly FromWorker[]): readonly string[] =>
  messages.map((message) => {
    if (message.kind === 'ended') return `${message.attempt} ${message.outcome.kind}`;
    return 'attempt' in message ? `${message.attempt} ${message.kind}` : message.kind;
  });

const ends = (messages: readonly FromWorker[]): number => messages.filter(({ kind }) => kind === 'ended').length;

/** A clock that goes on by so much with each look at it. */
function clockWithSteps(stepMs: number): Clock {
  let mono = 0;
  return {
    ...laneClock,
    now: () => {
      mono += stepMs;
      return { mono, wall: mono };
    },
  };
}

const forEver: CallReference = { kind: 'builtin', name: 'wait' };

test('of calls that take their time some ends are told while others run, so that more can come meanwhile', async () => {
  using lane = opened(clockWithSteps(1));
  const start = starter(lane);

  lane.send(
    start(() => 1, { short: true }),
    start(() => 2, { short: true }),
    start(() => 3, { short: true }),
  );
  await lane.until((said) => ends(said) === 3);

  expect(lane.lists.map(words)).toEqual([['a-0 ok', 'a-1 ok'], ['a-2 ok']]);
});

test('a start is told before its body runs; of short calls only the ends are told, together', async () => {
  using lane = opened(clockWithSteps(0));
  const start = starter(lane);

  lane.send(
    start(() => 1),
    start(() => 2),
  );
  await lane.until((said) => ends(said) === 2);
  const one = lane.lists.map(words);
  lane.lists.length = 0;
  lane.send(
    start(() => 1, { short: true }),
    start(() => 2, { short: true }),
  );
  await lane.until((said) => ends(said) === 2);

  expect(one).toEqual([['a-0 started'], ['a-0 ok', 'a-1 started'], ['a-1 ok']]);
  expect(lane.lists.map(words)).toEqual([['a-2 ok', 'a-3 ok']]);
});

test('calls run one at a time, in order; one that was taken back is passed over in silence', async () => {
  using lane = opened();
  const start = starter(lane);
  const starts = [start(async () => 'a'), start(() => 'b'), start(() => 'c')];
  lane.words[1] = SLOT_RECALLED;

  lane.send(...starts);
  await lane.until((said) => ends(said) === 2);

  expect(words(lane.all())).toEqual(['a-0 started', 'a-0 ok', 'a-2 started', 'a-2 ok']);
  expect(lane.words[1]).toBe(SLOT_FREE);
});

test('a call that runs is cancelled by its signal, one that waits before it begins', async () => {
  using lane = opened();
  const start = starter(lane);
  const running = start(forEver);
  const waiting = start(() => 'begun');
  const next = start(() => 'next');

  lane.send({ ...running, call: { ...running.call, args: [60_000] } }, waiting, next);
  lane.send({ kind: 'cancel', attempt: waiting.attempt, graceMs: 0 });
  lane.send({ kind: 'cancel', attempt: running.attempt, graceMs: 0 });
  await lane.until((said) => ends(said) === 3);

  expect(words(lane.all()).filter((word) => !word.endsWith('started'))).toEqual([
    'a-0 cancelled',
    'a-1 cancelled',
    'a-2 ok',
  ]);
});

test('a generator says that it waits, and answers each request', async () => {
  using lane = opened();
  const start = starter(lane)(function* (): Generator<string, string, string> {
    return `got ${yield 'first'}`;
  });
  const { attempt } = start;

  lane.send({ ...start, call: { ...start.call, stream: true } });
  await lane.until((said) => said.some(({ kind }) => kind === 'streaming'));
  lane.send({ kind: 'next', attempt, request: { kind: 'next' } });
  lane.send({ kind: 'next', attempt, request: { kind: 'next', value: 'second' } });
  await lane.until((said) => ends(said) === 1);

  expect(words(lane.all())).toEqual(['a-0 started', 'a-0 streaming', 'a-0 yielded', 'a-0 yielded', 'a-0 ok']);
  expect(lane.all().slice(2, 4)).toEqual([
    { kind: 'yielded', attempt, value: 'first', done: false },
    { kind: 'yielded', attempt, value: 'got second', done: true },
  ]);
});

test('told to stop, it ends what it does, takes nothing more and says so last', async () => {
  using lane = opened();
  const start = starter(lane);
  const running = start(forEver);

  lane.send({ ...running, call: { ...running.call, args: [60_000] } });
  await lane.until((said) => said.length === 1);
  lane.send(
    start(() => 'never'),
    { kind: 'stop' },
  );
  await lane.until((said) => said.some(({ kind }) => kind === 'bye'));

  expect(words(lane.all())).toEqual(['a-0 started', 'a-0 cancelled', 'bye']);
  expect([lane.isHere(), lane.words[1]]).toEqual([false, SLOT_SENT]);
});
