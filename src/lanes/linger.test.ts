import { expect, test } from 'vitest';
import type { Clock } from '../model/index.ts';
import { Linger } from './linger.ts';
import { Patience } from './patience.ts';

test('waits that are in vain are tried ever more rarely, up to one in 64', () => {
  const patience = new Patience();
  const tried: number[] = [];
  for (let i = 0; i < 300; i += 1) {
    if (!patience.isWorthIt()) continue;
    tried.push(i);
    patience.learn(false);
  }
  expect(tried).toEqual([0, 2, 6, 14, 30, 62, 126, 190, 254]);
});

test('one that was worth it makes the next be tried at once', () => {
  const patience = new Patience();
  for (let i = 0; i < 7; i += 1) if (patience.isWorthIt()) patience.learn(false);
  expect(patience.isWorthIt()).toBe(false);
  for (let i = 0; i < 64 && !patience.isWorthIt(); i += 1);
  patience.learn(true);
  expect(patience.isWorthIt()).toBe(true);
});

/** A loop whose turns take as long as is said. */
function loopOf(turnMs: number): { readonly clock: Clock; turn(): boolean } {
  let mono = 0;
  let due: (() => void)[] = [];
  const clock: Clock = {
    now: () => ({ mono, wall: mono }),
    after: () => {
      throw new Error('no timer is asked for');
    },
    soon: (callback) => void due.push(callback),
  };
  return {
    clock,
    turn: () => {
      mono += turnMs;
      const callbacks = due;
      due = [];
      for (const callback of callbacks) callback();
      return due.length > 0;
    },
  };
}

test('the loop turns for 0.05 ms, and as long again after each word', () => {
  const { clock, turn } = loopOf(0.02);
  const linger = new Linger(clock);
  linger.begin();
  expect([turn(), turn()]).toEqual([true, true]);
  linger.heard();
  linger.begin();
  expect([turn(), turn(), turn(), turn()]).toEqual([true, true, false, false]);
});

test('where nothing comes in time the loop goes to sleep at once, most of the time', () => {
  const { clock, turn } = loopOf(0.02);
  const linger = new Linger(clock);
  let turns = 0;
  for (let i = 0; i < 640; i += 1) {
    linger.begin();
    while (turn()) turns += 1;
  }
  expect(turns).toBeLessThan(40);
});
