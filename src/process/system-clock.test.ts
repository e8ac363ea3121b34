import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { systemClock, systemRandom } from './system-clock.ts';

beforeEach(() => vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance', 'Date'] }));
afterEach(() => vi.useRealTimers());

test('never calls back before its time on the monotonic clock', () => {
  const start = systemClock.now().mono;
  let calledAt = Number.NaN;
  systemClock.after(20.4, () => {
    calledAt = systemClock.now().mono - start;
  });

  vi.advanceTimersByTime(20);
  expect(calledAt).toBeNaN();

  vi.advanceTimersByTime(1);
  expect(calledAt).toBeGreaterThanOrEqual(20.4);
});

test("waits longer than one of Node's timers can", () => {
  const sixtyDaysMs = 60 * 86_400_000;
  let calls = 0;
  systemClock.after(sixtyDaysMs, () => {
    calls += 1;
  });

  vi.advanceTimersByTime(sixtyDaysMs - 1);
  expect(calls).toBe(0);

  vi.advanceTimersByTime(1);
  expect(calls).toBe(1);
});

test('a cancelled timer never calls back, even between two of its waits', () => {
  let calls = 0;
  const timer = systemClock.after(60 * 86_400_000, () => {
    calls += 1;
  });

  vi.advanceTimersByTime(30 * 86_400_000);
  timer.cancel();
  vi.advanceTimersByTime(60 * 86_400_000);

  expect(calls).toBe(0);
});

test('`soon` comes after what is at hand in this turn', async () => {
  const order: string[] = [];
  const { promise, resolve } = Promise.withResolvers<void>();

  systemClock.soon(() => {
    order.push('soon');
    resolve();
  });
  queueMicrotask(() => order.push('microtask'));
  order.push('now');
  await promise;

  expect(order).toEqual(['now', 'microtask', 'soon']);
});

test('chance lies in [0, 1)', () => {
  const draws = Array.from({ length: 1000 }, () => systemRandom.next());

  expect(Math.min(...draws)).toBeGreaterThanOrEqual(0);
  expect(Math.max(...draws)).toBeLessThan(1);
  expect(new Set(draws).size).toBeGreaterThan(990);
});
