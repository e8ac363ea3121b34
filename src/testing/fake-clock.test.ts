import { expect, test } from 'vitest';
import { FakeClock } from './fake-clock.ts';

test('calls back in order of time, each with the clocks at its own time', () => {
  const clock = new FakeClock(1000);
  const seen: string[] = [];
  const note = (name: string) => () => {
    const { mono, wall } = clock.now();
    seen.push(`${name} ${mono} ${wall}`);
  };
  clock.after(30, note('late'));
  clock.after(10, () => {
    note('early')();
    clock.after(5, note('from within'));
    clock.soon(note('soon'));
  });
  clock.after(10, note('second'));
  clock.after(20, note('cancelled')).cancel();

  clock.advance(20);
  expect(seen).toEqual(['early 10 1010', 'soon 10 1010', 'second 10 1010', 'from within 15 1015']);

  clock.jumpWall(-500);
  clock.advance(10);
  expect(seen.at(-1)).toBe('late 30 530');
});
