import { expect, test } from 'vitest';
import { coveringRange } from './array-range.ts';

test.each([
  [[0, 1, 2], { first: 0, last: 2, step: 1, holes: [] }],
  [[5], { first: 5, last: 5, step: 1, holes: [] }],
  [[4, 7, 10], { first: 4, last: 10, step: 3, holes: [] }],
  [[1, 3, 9], { first: 1, last: 9, step: 2, holes: [5, 7] }],
  [[1, 2, 4], { first: 1, last: 4, step: 1, holes: [3] }],
])('%j is covered by one range', (elements, range) => {
  expect(coveringRange(elements)).toEqual(range);
});
