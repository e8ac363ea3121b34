import { expect, test } from 'vitest';
import {
  type AttemptOrder,
  asAttemptId,
  asJobId,
  asRunId,
  asSubmissionId,
  type BackendContext,
  type BackendEvent,
  type Clock,
  type ResolvedWork,
  silentLogger,
} from '../../model/index.ts';
import { inlineBackend } from './index.ts';

/** A clock that moves when told, with `soon` callbacks run by `turn()`. */
function handClock(): Clock & { turn(): void; advance(ms: number): void } {
  let mono = 0;
  let soon: (() => void)[] = [];
  const timers = new Set<{ at: number; callback: () => void }>();
  const turn = (): void => {
    while (soon.length > 0) {
      const callbacks = soon;
      soon = [];
      for (const callback of callbacks) callback();
    }
  };
  return {
    now: () => ({ mono, wall: mono }),
    after(delayMs, callback) {
      const timer = { at: mono + delayMs, callback };
      timers.add(timer);
      return { cancel: () => timers.delete(timer) };
    },
    soon: (callback) => soon.push(callback),
    turn,
    advance(ms) {
      mono += ms;
      for (const timer of [...timers].sort((a, b) => a.at - b.at)) {
        if (timer.at <= mono && timers.delete(timer)) timer.callback();
      }
      turn();
    },
  };
}

function order(index: number, work: ResolvedWork): AttemptOrder {
  return {
    attempt: asAttemptId(`a-${index}`),
    fence: 1,
    run: asRunId('r-1'),
    job: asJobId(`job ${index}`),
    index,
    work,
    grant: { place: 'inline', cpus: 1 },
    limits: { graceMs: 0, outputBytes: 0 },
    directory: '',
    submission: asSubmissionId('hs1'),
    element: 0,
  };
}

const noop: ResolvedWork = { kind: 'call', call: { kind: 'builtin', name: 'noop' }, args: [] };
const wait = (ms: number): ResolvedWork => ({ kind: 'call', call: { kind: 'builtin', name: 'wait' }, args: [ms] });
const command: ResolvedWork = { kind: 'command', text: 'true', inputs: [], outputs: [], environment: {} };

async function opened() {
  const clock = handClock();
  const events: BackendEvent[] = [];
  const context: BackendContext = {
    clock,
    logger: silentLogger,
    report: (event) => events.push(event),
    directory: '',
    project: '/',
  };
  const backend = inlineBackend();
  const places = await backend.open(context);
  return { backend, clock, events, places };
}

/** `attempt phase` and `attempt outcome`, as they were told. */
const endings = (events: readonly BackendEvent[]): string[] =>
  events.map((event) =>
    event.kind === 'ended'
      ? `${event.attempt} ${event.outcome.kind}`
      : `${(event as { attempt: string }).attempt} ${(event as { phase: string }).phase}`,
  );

test('ends no-ops in order of launch, after it has answered', async () => {
  const { backend, clock, events } = await opened();

  const answers = await backend.launch([order(0, noop), order(1, noop), order(2, noop)]);

  expect(answers.map((answer) => answer.kind)).toEqual(['accepted', 'accepted', 'accepted']);
  expect(events).toEqual([]);
  clock.turn();
  expect(endings(events)).toEqual(['a-0 ok', 'a-1 ok', 'a-2 ok']);
});

test('waits as long as told, and a replayed command as long as recorded', async () => {
  const { backend, clock, events } = await opened();

  await backend.launch([order(0, wait(500)), order(1, { ...command, replay: { seconds: 0.2 } })]);
  clock.advance(199);
  expect(endings(events)).toEqual(['a-0 active', 'a-1 active']);
  clock.advance(1);
  expect(endings(events).slice(2)).toEqual(['a-1 ok']);
  clock.advance(300);

  expect(endings(events).slice(2)).toEqual(['a-1 ok', 'a-0 ok']);
});

test('a cancelled timer ends once, cancelled, and a cancel of what is not there is nothing', async () => {
  const { backend, clock, events } = await opened();

  await backend.launch([order(0, wait(500))]);
  backend.cancel(asAttemptId('a-0'), 0);
  backend.cancel(asAttemptId('a-0'), 0);
  backend.cancel(asAttemptId('a-9'), 0);
  clock.advance(1000);

  expect(endings(events)).toEqual(['a-0 active', 'a-0 cancelled']);
});

test('refuses for good, with the mend, what it has no way to run', async () => {
  const { backend } = await opened();

  const answers = await backend.launch([order(0, command), order(1, wait(-1))]);

  expect(answers).toEqual([
    {
      kind: 'refused',
      retryable: false,
      why: "backend 'inline' runs no commands, only calls, timers and replays: choose '--backend commands'",
    },
    { kind: 'refused', retryable: false, why: "'wait' takes milliseconds, 0 or more: got -1" },
  ]);
});

test('knows nothing of attempts of an earlier process, and its own by their timers', async () => {
  const { backend } = await opened();
  const mine = order(0, wait(500));
  await backend.launch([mine]);

  const answers = await backend.recover([
    { ...mine, handle: '' },
    { ...order(1, wait(500)), handle: '' },
  ]);

  expect(answers.map((answer) => answer.kind)).toEqual(['running', 'gone']);
});

test('after disposal no timer fires and nothing is told', async () => {
  const { backend, clock, events } = await opened();

  await backend.launch([order(0, wait(500)), order(1, noop)]);
  await backend[Symbol.asyncDispose]();
  clock.advance(1000);

  expect(endings(events)).toEqual(['a-0 active']);
});
