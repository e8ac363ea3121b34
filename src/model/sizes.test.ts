import fc from 'fast-check';
import { expect, test } from 'vitest';
import { formatBytes, formatDuration, parseBytes, parseDuration } from './sizes.ts';

test.each([
  ['90s', 90_000],
  ['1h30m', 5_400_000],
  ['1h 30m', 5_400_000],
  ['2d', 172_800_000],
  ['1.5h', 5_400_000],
  ['250ms', 250],
  ['10min', 600_000],
  [' 5 s ', 5000],
  [1500, 1500],
  ['0s', 0],
])('reads the duration %j as %d ms', (text, ms) => {
  expect(parseDuration(text)).toBe(ms);
});

test.each(['', ' ', 'h', '10', '5 parsecs', '1h-30m', '-1s', 'x1s', '1s!', '1..5s', -1, Number.NaN, Infinity])(
  'refuses the duration %j, naming the field',
  (text) => {
    expect(() => parseDuration(text, "timeout of 'melt'")).toThrow(
      expect.objectContaining({ code: 'INPUT_INVALID', message: expect.stringContaining("timeout of 'melt'") }),
    );
  },
);

test.each([
  ['8GiB', 8 * 2 ** 30],
  ['500MB', 500e6],
  ['64 KiB', 65_536],
  ['4G', 4 * 2 ** 30],
  ['1.5k', 1536],
  ['12', 12],
  ['0.3b', 1],
  [7, 7],
])('reads the size %j as %d bytes', (text, bytes) => {
  expect(parseBytes(text)).toBe(bytes);
});

test.each(['', 'GiB', '8 QiB', '-1', '1e3', '8GiB8', 0.5, -1, '99999999PiB', 'constructor', '5constructor'])(
  'refuses the size %j',
  (text) => {
    expect(() => parseBytes(text, 'memory')).toThrow(
      expect.objectContaining({ code: 'INPUT_INVALID', message: expect.stringContaining('memory') }),
    );
  },
);

test('what is written as a duration is read as the same', () => {
  fc.assert(
    fc.property(fc.nat({ max: Number.MAX_SAFE_INTEGER }), (ms) => {
      expect(parseDuration(formatDuration(ms))).toBe(ms);
    }),
  );
});

test('what is written as a size is read as the same', () => {
  fc.assert(
    fc.property(fc.maxSafeNat(), fc.nat({ max: 50 }), (bytes, shift) => {
      const size = shift === 0 ? bytes : (bytes % 1024) * 2 ** Math.min(shift, 40);
      expect(parseBytes(formatBytes(size))).toBe(size);
    }),
  );
});
