import { expect, test } from 'vitest';
import { WaitingLine } from './waiting-line.ts';

/** A line of numbers, and how often room was offered. */
function play(numbers: readonly (readonly [shape: string, item: number])[]): {
  readonly line: WaitingLine<number>;
  readonly offers: () => number;
  readonly take: (room: Record<string, number>, isPatient?: boolean) => readonly number[];
} {
  const line = new WaitingLine<number>((item) => item >= 0);
  for (const [shape, item] of numbers) line.add(shape, item);
  const shapeOf = new Map(numbers.map(([shape, item]) => [item, shape]));
  let offers = 0;
  return {
    line,
    offers: () => offers,
    take: (room, isPatient = true) => {
      const taken: number[] = [];
      line.offer(
        (item) => {
          offers += 1;
          const shape = shapeOf.get(item) ?? '';
          if ((room[shape] ?? 0) === 0) return 'none';
          room[shape] = (room[shape] ?? 0) - 1;
          taken.push(item);
          return 'taken';
        },
        () => isPatient,
      );
      return taken;
    },
  };
}

test('those of one shape go in order; a shape without room keeps no other back', () => {
  const { take, line } = play([
    ['big', 1],
    ['small', 2],
    ['small', 3],
    ['big', 4],
  ]);

  expect(take({ small: 1 })).toEqual([2]);
  expect(take({ small: 5, big: 1 })).toEqual([1, 3]);
  expect(take({ big: 5 })).toEqual([4]);
  expect(line.isEmpty).toBe(true);
});

test('who has waited too long lets nobody go before it', () => {
  const { take } = play([
    ['big', 1],
    ['small', 2],
  ]);

  expect(take({ small: 5 }, false)).toEqual([]);
  expect(take({ small: 5 }, true)).toEqual([2]);
});

test('those that have gone are skipped', () => {
  const { take, line } = play([
    ['one', -1],
    ['one', 2],
    ['one', -3],
  ]);

  expect(take({ one: 5 })).toEqual([2]);
  expect(line.isEmpty).toBe(true);
});

test('10,000 that wait, one place at a time: as many offers as places, and one more each time', () => {
  const count = 10_000;
  const { take, offers, line } = play(Array.from({ length: count }, (_, n) => ['same', n] as const));

  const order = Array.from({ length: count }, () => take({ same: 1 })).flat();

  expect(order).toEqual(Array.from({ length: count }, (_, n) => n));
  expect(offers()).toBeLessThan(2 * count);
  expect(line.isEmpty).toBe(true);
});
