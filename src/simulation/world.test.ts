import { expect, test } from 'vitest';
import { Dice } from './dice.ts';
import { EventQueue } from './event-queue.ts';
import { SimulatedProcess } from './simulated-process.ts';
import { microtasksDone, World } from './world.ts';

test('microtasks are done, also those that others made', async () => {
  let steps = 0;
  const chain = async (): Promise<void> => {
    for (let i = 0; i < 10_000; i += 1) {
      await Promise.resolve();
      steps += 1;
    }
  };
  void chain();

  await microtasksDone();

  expect(steps).toBe(10_000);
});

test('the queue gives events by time, then by order, without the cancelled ones', () => {
  const queue = new EventQueue();
  const dice = new Dice(3, 'times');
  const pushed = Array.from({ length: 500 }, (_, i) => ({ at: dice.int(0, 40), i }));
  const events = pushed.map(({ at, i }) => queue.push(at, () => i));
  for (const event of events) if (dice.chance(0.3)) event.cancelled = true;
  const kept = events.filter((event) => !event.cancelled).toSorted((a, b) => a.at - b.at || a.order - b.order);

  const popped = [];
  for (let event = queue.pop(); event !== undefined; event = queue.pop()) popped.push(event);

  expect(popped).toEqual(kept);
});

test('streams of one seed are their own, and the same each time', () => {
  const draw = (seed: number, label: string): number[] => {
    const dice = new Dice(seed, label);
    return Array.from({ length: 1000 }, () => dice.next());
  };
  expect(draw(1, 'a')).toEqual(draw(1, 'a'));
  expect(draw(1, 'a')).not.toEqual(draw(1, 'b'));
  expect(draw(1, 'a')).not.toEqual(draw(2, 'a'));
  expect(draw(2 ** 40 + 1, 'a')).not.toEqual(draw(1, 'a'));

  const all = draw(7, 'spread');
  const mean = all.reduce((sum, each) => sum + each, 0) / all.length;
  expect(mean).toBeGreaterThan(0.45);
  expect(mean).toBeLessThan(0.55);
  expect(all.every((each) => each >= 0 && each < 1)).toBe(true);
});

test('a dead process is never called back; a stopped one later, in order', async () => {
  const world = new World({ seed: 1 });
  const process = new SimulatedProcess(world, 'p', (boundary) => boundary === 'before-submit');
  const seen: string[] = [];
  process.clock.after(10, () => seen.push('a'));
  process.clock.after(20, () => seen.push('b'));
  process.clock.after(60, () => seen.push('never'));
  world.after(5, () => process.stop());
  world.after(50, () => process.continue());
  world.after(55, () => seen.push(String(process.passes('before-submit'))));

  await world.run(() => false, 1000);

  expect(seen).toEqual(['a', 'b', 'true']);
  expect(process.alive).toBe(false);
});

test('time stands still is said, and not waited for', async () => {
  const world = new World({ seed: 1 });
  await expect(world.until(new Promise(() => undefined))).rejects.toThrow('time stands still');

  const busy = new World({ seed: 1, eventsAnInstant: 100 });
  const again = (): void => {
    busy.after(0, again);
  };
  again();
  expect(await busy.run(() => false, 1000)).toBe('violation');
  expect(busy.violation?.invariant).toBe('liveness');
});
