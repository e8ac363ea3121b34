import { expect, test } from 'vitest';
import { asAttemptId, asRunId, type Place } from '../../model/index.ts';
import { FakeClock } from '../../testing/index.ts';
import { LiveAttempt } from './live-attempt.ts';
import { Slots } from './slots.ts';

function setUp(): {
  readonly clock: FakeClock;
  readonly slots: Slots;
  readonly told: (readonly Place[])[];
  readonly started: LiveAttempt[];
  attempt(): LiveAttempt;
  /** One that held room for so long. */
  run(tookMs: number): void;
} {
  const clock = new FakeClock();
  const told: (readonly Place[])[] = [];
  const started: LiveAttempt[] = [];
  const slots = new Slots({
    place: { name: 'local', cpus: 2 },
    clock,
    start: (live) => started.push(live),
    changed: (places) => told.push(places),
  });
  let count = 0;
  const attempt = (): LiveAttempt => {
    count += 1;
    const id = asAttemptId(`a${count}`);
    return new LiveAttempt({
      attempt: id,
      of: { run: asRunId('r'), index: count, fence: 1 },
      directory: '/nowhere',
      work: { kind: 'command', text: 'true', inputs: [], outputs: [], environment: {} },
      limits: { graceMs: 0, outputBytes: 0 },
      order: { attempt: id, fence: 1, directory: '/nowhere', kind: 'direct' },
      cpus: 1,
      now: clock.now().mono,
    });
  };
  const run = (tookMs: number): void => {
    const live = attempt();
    slots.hold(live);
    clock.advance(tookMs);
    slots.leave(live);
  };
  return { clock, slots, told, started, attempt, run };
}

test('one more is wanted for each slot after many short commands in a row, and none after a long one', () => {
  const { slots, told, run } = setUp();
  for (let i = 0; i < 15; i += 1) run(1);
  expect(told).toEqual([]);
  run(1);
  expect(told).toEqual([[{ name: 'local', cpus: 2, ahead: 2 }]]);
  run(1000);
  expect(told).toHaveLength(2);
  expect(slots.places).toEqual([{ name: 'local', cpus: 2 }]);
});

test('behind long ones, which do not end, nothing is wanted either once somebody has waited', () => {
  const { clock, slots, told, run, attempt, started } = setUp();
  for (let i = 0; i < 16; i += 1) run(1);
  for (const live of [attempt(), attempt()]) slots.hold(live);
  slots.lineUp(attempt());
  expect(told).toHaveLength(1);
  clock.advance(20);
  expect(told.at(-1)).toEqual([{ name: 'local', cpus: 2 }]);
  expect(started).toEqual([]);
});

test('those in line start as there is room, the oldest first, and one that left it never does', () => {
  const { slots, attempt, started } = setUp();
  const [one, other, first, second, third] = Array.from({ length: 5 }, attempt) as [
    LiveAttempt,
    LiveAttempt,
    LiveAttempt,
    LiveAttempt,
    LiveAttempt,
  ];
  slots.hold(one);
  slots.lineUp(other);
  expect(started).toEqual([other]);
  for (const live of [first, second, third]) slots.lineUp(live);
  slots.leave(second);
  slots.leave(one);
  expect(started).toEqual([other, first]);
  slots.leave(other);
  expect(started).toEqual([other, first, third]);
});
