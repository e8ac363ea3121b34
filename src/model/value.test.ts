import { expect, test } from 'vitest';
import { isLargerThan } from './value.ts';

test('counts JSON as UTF-8, and bytes as they are', () => {
  const sizes = (json: string): boolean[] => [11, 12, 13].map((bytes) => isLargerThan({ codec: 'json', json }, bytes));

  expect(sizes('"漢漢漢."')).toEqual([true, false, false]);
  expect(sizes('"0123456789"')).toEqual([true, false, false]);
  expect(sizes('"\u{1f9f5}\u{1f9f5}.."')).toEqual([true, false, false]);
  expect(isLargerThan({ codec: 'v8', bytes: new Uint8Array(12) }, 12)).toBe(false);
  expect(isLargerThan({ codec: 'v8', bytes: new Uint8Array(13) }, 12)).toBe(true);
});
