import { expect, test } from 'vitest';
import { formatBytes, formatDuration } from './units.ts';

test.each([
  [0, '0.0s'],
  [-5, '0.0s'],
  [340, '0.3s'],
  [9_949, '9.9s'],
  [9_950, '10s'],
  [59_400, '59s'],
  [59_600, '1m00s'],
  [185_000, '3m05s'],
  [3_599_600, '1h00m'],
  [3_600_000, '1h00m'],
  [7_800_000, '2h10m'],
  [86_400_000 * 4 + 3_600_000 * 2, '4d02h'],
])('%d ms are written %s', (ms, text) => {
  expect(formatDuration(ms)).toBe(text);
});

test.each([
  [0, '0 B'],
  [1023, '1023 B'],
  [1536, '1.5 KiB'],
  [8 * 1024 ** 3, '8.0 GiB'],
])('%d bytes are written %s', (bytes, text) => {
  expect(formatBytes(bytes)).toBe(text);
});
