import { expect, test } from 'vitest';
import { choice, integer, logUniform, normal, uniform } from './distribution.ts';
import { latinHypercube, random, sobol } from './sampled-spaces.ts';
import { spaceFromData } from './space-data.ts';
import { grid, list, product, union, zip } from './spaces.ts';

test.each([
  grid({ t: [0.85, 0.9], d: ['a', null, true, [1], { x: 1 }] }),
  zip({ a: [1, 2], b: [3, 4] }),
  list([{ a: 1 }, { a: 2, b: { c: [1] } }]),
  random(
    { x: uniform(0, 1), l: logUniform(1, 10), n: normal(0, 1), i: integer(0, 9), c: choice(['a', 1]) },
    { count: 5, seed: 3 },
  ),
  latinHypercube({ x: uniform(0, 1) }, { count: 4 }),
  sobol({ x: uniform(0, 1), y: uniform(0, 1) }, { count: 8, seed: 2 }),
  product(grid({ a: [1, 2] }), list([{ b: 1 }])),
  union(grid({ a: [1, 2] }), list([{ a: 3 }])),
  grid({ a: [1, 2, 3] })
    .where({ left: 'a', compare: '>', right: 1 })
    .where({ not: { left: 'a', compare: '==', right: 3 } }),
])('what is written as data is read as the same space (%#)', (space) => {
  const data = JSON.parse(JSON.stringify(space.toData())) as unknown;
  expect([...spaceFromData(data)]).toEqual([...space]);
});

test('a function is no data', () => {
  expect(
    grid({ a: [1] })
      .where(() => true)
      .toData(),
  ).toBeUndefined();
  expect(
    union(
      grid({ a: [1] }),
      grid({ a: [1] }).where(() => true),
    ).toData(),
  ).toBeUndefined();
});

test('ranges stand for lists, one value for a list of one, a list for points', () => {
  expect([...spaceFromData({ grid: { t: { range: { start: 0.1, stop: 0.3, step: 0.1 } }, n: 5 } })]).toEqual([
    { t: 0.1, n: 5 },
    { t: 0.2, n: 5 },
    { t: 0.3, n: 5 },
  ]);
  expect(spaceFromData({ grid: { t: { range: { start: 0, stop: 1, count: 3 } } } }).size).toBe(3);
  expect([...spaceFromData([{ a: 1 }, { a: 2 }])]).toEqual([{ a: 1 }, { a: 2 }]);
});

test.each<[unknown, (string | number)[], string]>([
  [{}, ['space'], 'space says nothing'],
  [5, ['space'], 'space is no object'],
  [{ gird: { a: [1] } }, ['space'], "space has 'gird', which is no kind of space"],
  [{ grid: { a: [1] }, zip: { a: [1] } }, ['space'], 'space is grid and zip at once'],
  [{ grid: { a: [1] }, count: 5 }, ['space', 'count'], 'space.count is not known here'],
  [{ grid: { a: [] } }, ['space', 'grid', 'a'], "space.grid.a: grid: the parameter space is empty: 'a' has no values"],
  [
    { grid: { a: { range: { start: 0, stop: 1, stepp: 1 } } } },
    ['space', 'grid', 'a', 'range', 'stepp'],
    'is not known here',
  ],
  [{ grid: { a: { range: { start: 0, stop: 1, step: 0 } } } }, ['space', 'grid', 'a', 'range'], 'the step is 0'],
  [{ zip: { a: [1], b: [1, 2] } }, ['space', 'zip', 'b'], "'a' has 1 values and 'b' 2"],
  [{ list: [{ a: 1 }, 7] }, ['space', 'list', 1], 'space.list[1] is no object'],
  [{ random: { x: { unifrom: [0, 1] } }, count: 3 }, ['space', 'random', 'x', 'unifrom'], 'is not known here'],
  [{ random: { x: { uniform: [1, 0] } }, count: 3 }, ['space', 'random', 'x', 'uniform'], 'uniform(1, 0) is empty'],
  [{ random: { x: { uniform: [0] } }, count: 3 }, ['space', 'random', 'x', 'uniform'], 'is not two numbers'],
  [{ sobol: { x: { uniform: [0, 1] } } }, ['space', 'sobol'], 'the count is undefined'],
  [{ csv: 'nowhere.csv' }, ['space', 'csv'], 'there is no file'],
  [{ product: [{ grid: { a: [1] } }, { grid: { a: [2] } }] }, ['space', 'product', 'a'], "have a parameter 'a'"],
  [
    { union: [{ grid: { a: [1] } }, { grid: { b: 'x', c: [] } }] },
    ['space', 'union', 1, 'grid', 'c'],
    "'c' has no values",
  ],
  [
    { grid: { a: [1] }, where: [{ left: 'a', compare: '=', right: 1 }] },
    ['space', 'where', 0, 'compare'],
    'compares nothing',
  ],
  [
    { grid: { a: [1] }, where: { any: [{ left: 'b', compare: '==', right: 1 }] } },
    ['space', 'where', 'b'],
    "a condition names 'b'",
  ],
  [{ grid: { a: [1] }, where: [{ left: 'a', compare: '==' }] }, ['space', 'where', 0, 'right'], 'is missing'],
])('says where %j is wrong', (data, path, message) => {
  expect(() => spaceFromData(data)).toThrow(
    expect.objectContaining({
      message: expect.stringContaining(message) as string,
      details: expect.objectContaining({ path }) as object,
    }),
  );
});

test('a place in a larger document is told whole', () => {
  expect(() => spaceFromData({ grid: { a: [] } }, { path: ['experiment', 'space'] })).toThrow(
    expect.objectContaining({
      details: expect.objectContaining({ path: ['experiment', 'space', 'grid', 'a'] }) as object,
    }),
  );
});
