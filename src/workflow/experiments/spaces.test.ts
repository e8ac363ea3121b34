import fc from 'fast-check';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, expectTypeOf, test } from 'vitest';
import { choice, integer, uniform } from './distribution.ts';
import { Param } from './param.ts';
import type { ParamSpace } from './param-space.ts';
import { range } from './range.ts';
import { random } from './sampled-spaces.ts';
import { fromCsv, grid, list, product, union, zip } from './spaces.ts';

/** What is thrown, as people read it. */
function refusal(make: () => unknown): string {
  try {
    make();
  } catch (error) {
    const { code, message, hint } = error as { code?: string; message: string; hint?: string };
    return `${code}: ${message} (${hint})`;
  }
  return 'nothing is wrong';
}

describe('Param', () => {
  test('is a copy of its own that nobody can change, with or without new', () => {
    const given = { temperature: 300, box: { sides: [1, 2] } };
    const param = new Param(given);
    given.temperature = 0;
    given.box.sides.push(3);

    expect(param).toEqual({ temperature: 300, box: { sides: [1, 2] } });
    expect(Param(given).temperature).toBe(0);
    expect(() => Object.assign(param, { temperature: 1 })).toThrow(TypeError);
    expect(() => (param.box.sides as number[]).push(3)).toThrow(TypeError);
    expectTypeOf(param.temperature).toEqualTypeOf<number>();
  });

  test('takes plain data only, and says which parameter is none', () => {
    expect(refusal(() => Param({ run: () => 1 }))).toBe(
      "PARAMETER_INVALID: parameter 'run' is a function, which is no plain data (a parameter is text, a number, true or false, null, or a list or object of them)",
    );
    expect(refusal(() => Param({ a: [1, { b: NaN }] }))).toMatch("parameter 'a[1].b' is NaN");
    expect(refusal(() => Param({ at: new Date(0) }))).toMatch("'at' is a Date");
    expect(refusal(() => Param({ $ref: 1 }))).toMatch("'$ref' is no name of a parameter");
    expect(refusal(() => Param([] as object))).toMatch('is no set of parameters');
  });
});

describe('range', () => {
  test.each([
    [range(0, 1, 0.1), [0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1]],
    [range(0.8, 1.25, 0.1), [0.8, 0.9, 1, 1.1, 1.2]],
    [range(3, 1, -1), [3, 2, 1]],
    [range(1, 3), [1, 2, 3]],
    [range(5, 5), [5]],
    [range(1e-9, 3e-9, 1e-9), [1e-9, 2e-9, 3e-9]],
    [range(0, 1, { count: 5 }), [0, 0.25, 0.5, 0.75, 1]],
    [range(0, 1, { count: 11 }), [0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1]],
    [range(2, 2, { count: 1 }), [2]],
  ])('holds %j', (numbers, expected) => {
    expect(numbers).toEqual(expected);
  });

  test('begins at start, ends where it says, and has what it counts', () => {
    const decimal = fc.integer({ min: -1000, max: 1000 }).map((n) => n / 100);
    fc.assert(
      fc.property(decimal, decimal, fc.integer({ min: 2, max: 200 }), (start, stop, count) => {
        const numbers = range(start, stop, { count });
        expect([numbers.length, numbers[0], numbers.at(-1)]).toEqual([count, start, stop]);
        // The double nearest to the exact quotient of whole numbers.
        const [a, b] = [Math.round(start * 100), Math.round(stop * 100)];
        for (const [i, value] of numbers.entries())
          expect(Math.abs(value - (a * (count - 1 - i) + b * i) / ((count - 1) * 100))).toBeLessThanOrEqual(
            Number.EPSILON * Math.abs(value),
          );
      }),
    );
  });

  test('is refused where it holds nothing or never ends', () => {
    expect(refusal(() => range(0, 1, 0))).toMatch('range: the step is 0');
    expect(refusal(() => range(1, 0, 0.5))).toMatch(
      'no step of 0.5 leads from 1 to 0: it is empty (give a step below 0)',
    );
    expect(refusal(() => range(0, Infinity))).toMatch('stop is Infinity');
    expect(refusal(() => range(0, 1, { count: 0 }))).toMatch('its count is 0');
    expect(refusal(() => range(0, 1, 1e-12))).toMatch('it would hold');
  });
});

describe('grid, zip and list', () => {
  test('a grid is the product in the order of its names, the last fastest', () => {
    const space = grid({ temperature: [0.85, 0.9], density: [0.1, 0.2] });

    expect([...space]).toEqual([
      { temperature: 0.85, density: 0.1 },
      { temperature: 0.85, density: 0.2 },
      { temperature: 0.9, density: 0.1 },
      { temperature: 0.9, density: 0.2 },
    ]);
    expect([space.size, space.names]).toEqual([4, ['temperature', 'density']]);
    expectTypeOf(space).toExtend<ParamSpace<{ temperature: number; density: number }>>();
  });

  test('sizes multiply, and no two points are equal, whatever the values', () => {
    const values = fc.array(fc.oneof(fc.integer({ min: 0, max: 3 }), fc.constantFrom('a', 'b', [1], { x: 1 })), {
      minLength: 1,
      maxLength: 6,
    });
    fc.assert(
      fc.property(fc.dictionary(fc.constantFrom('a', 'b', 'c'), values, { minKeys: 1 }), (lists) => {
        const space = grid(lists);
        const points = [...space].map((point) => JSON.stringify(point));
        expect(points.length).toBe(space.size);
        expect(new Set(points).size).toBe(points.length);
      }),
    );
  });

  test('a million points are gone through one by one', () => {
    const space = grid({ a: range(1, 1000), b: range(1, 1000) });
    const before = process.memoryUsage().heapUsed;
    let sum = 0;
    let count = 0;
    for (const { a, b } of space) {
      sum += a * b;
      count += 1;
      if (count === 500_000) expect(process.memoryUsage().heapUsed - before).toBeLessThan(100 * 2 ** 20);
    }
    expect([count, sum, space.size]).toEqual([1_000_000, 500_500 ** 2, 1_000_000]);
  });

  test('zip takes values side by side; a list is as it is; equal points are one', () => {
    expect([...zip({ a: [1, 2, 1], b: ['x', 'y', 'x'] })]).toEqual([
      { a: 1, b: 'x' },
      { a: 2, b: 'y' },
    ]);
    expect([
      ...list([
        { a: 1, b: 2 },
        { b: 2, a: 1 },
        { a: 2, b: 2 },
      ]),
    ]).toEqual([
      { a: 1, b: 2 },
      { a: 2, b: 2 },
    ]);
  });

  test('products and unions', () => {
    const cold = grid({ t: [1, 2] });
    const joined = product(cold, zip({ a: [1, 2], b: [3, 4] }));

    expect(joined.size).toBe(4);
    expect([...joined][1]).toEqual({ t: 1, a: 2, b: 4 });
    expect([...union(cold, list([{ t: 2 }, { t: 3 }]))]).toEqual([{ t: 1 }, { t: 2 }, { t: 3 }]);
    expect(product(cold, grid({ u: [1] }), grid({ v: [1, 2, 3] })).size).toBe(6);
    expect(refusal(() => [...product(cold, grid({ t: [1] }))])).toMatch("two of its spaces have a parameter 't'");
  });

  test('what is empty is refused, with the reason', () => {
    expect(refusal(() => grid({ density: [] }))).toBe(
      "INPUT_INVALID: grid: the parameter space is empty: 'density' has no values (give it at least one, or leave it out)",
    );
    expect(refusal(() => grid({}))).toMatch('it has no parameter');
    expect(refusal(() => list([]))).toMatch('there are no points in it');
    expect(refusal(() => zip({ a: [1, 2], b: [1] }))).toMatch("zip: 'a' has 2 values and 'b' 1");
    expect(refusal(() => grid({ a: 5 as unknown as number[] }))).toMatch("'a' is no list of values (write a: [5])");
    const cold = grid({ temperature: [1, 2] }).where({ left: 'temperature', compare: '>', right: 5 });
    expect(refusal(() => cold.assertNotEmpty())).toBe(
      'INPUT_INVALID: the parameter space is empty: no point of the grid of 2 points where temperature > 5 (loosen the condition, or give values that satisfy it)',
    );
  });
});

describe('conditions', () => {
  const space = grid({ a: [1, 2, 3], b: [1, 2, 3] });

  test('drop points, said by a function or as data', () => {
    const expected = [
      { a: 1, b: 2 },
      { a: 1, b: 3 },
      { a: 2, b: 3 },
    ];
    expect([...space.where((p) => p.a < p.b)]).toEqual(expected);
    expect([...space.where({ left: 'a', compare: '<', right: { parameter: 'b' } })]).toEqual(expected);
    expect(space.where((p) => p.a < p.b).size).toBe(3);
    expect(
      space.where({ any: [{ left: 'a', compare: '==', right: 1 }, { not: { left: 'b', compare: '<=', right: 2 } }] })
        .size,
    ).toBe(5);
    expect(
      space.where({
        all: [
          { left: 'a', compare: '>=', right: 2 },
          { left: 'b', compare: '!=', right: 3 },
        ],
      }).size,
    ).toBe(4);
  });

  test('that name nothing, or compare what has no order, are refused', () => {
    expect(refusal(() => space.where({ left: 'A', compare: '<', right: 1 }).size)).toMatch(
      "a condition names 'A', which the space has not (did you mean 'a'? It has a, b)",
    );
    expect(refusal(() => space.where({ left: 'a', compare: '<', right: 'x' }).size)).toMatch(
      `'a' is 1, which is neither less nor more than "x"`,
    );
  });
});

describe('random', () => {
  const drawn = { x: uniform(-1, 1), n: integer(1, 6), m: choice(['a', 'b']) };

  test('the same seed draws the same points; a larger sample begins with the smaller', () => {
    const small = [...random(drawn, { count: 50, seed: 7 })];
    expect([...random(drawn, { count: 80, seed: 7 })].slice(0, 50)).toEqual(small);
    expect([...random(drawn, { count: 50, seed: 8 })]).not.toEqual(small);
    for (const { x, n, m } of small) {
      expect(x).toBeGreaterThanOrEqual(-1);
      expect(x).toBeLessThan(1);
      expect([1, 2, 3, 4, 5, 6]).toContain(n);
      expect(['a', 'b']).toContain(m);
    }
  });

  test('is the same on every machine', () => {
    expect([...random({ x: uniform(0, 1), n: integer(1, 1000) }, { count: 3, seed: 42 })]).toMatchInlineSnapshot(`
      [
        {
          "n": 543,
          "x": 0.9852335416144182,
        },
        {
          "n": 888,
          "x": 0.47190793125753594,
        },
        {
          "n": 102,
          "x": 0.6214390070929525,
        },
      ]
    `);
  });

  test('a parameter that is added leaves the others as they are', () => {
    const xs = [...random({ x: uniform(0, 1) }, { count: 20, seed: 3 })].map(({ x }) => x);
    expect([...random({ y: uniform(0, 1), x: uniform(0, 1) }, { count: 20, seed: 3 })].map(({ x }) => x)).toEqual(xs);
  });

  test('equal points of a few values collapse', () => {
    const space = random({ n: integer(1, 3) }, { count: 100 });
    expect([...space].length).toBe(3);
    expect(space.size).toBe(3);
  });

  test('counts and seeds that are none are refused', () => {
    expect(refusal(() => random({}, { count: 1 }))).toMatch('it has no parameter');
    expect(refusal(() => random(drawn, { count: 0 }))).toMatch('the parameter space is empty: its count is 0');
    expect(refusal(() => random(drawn, { count: 1.5 }))).toMatch('the count is 1.5');
    expect(refusal(() => random(drawn, { count: 1, seed: -1 }))).toMatch('the seed is -1');
    expect(refusal(() => random({ x: 5 as never }, { count: 1 }))).toMatch("'x' is no distribution");
    expect(refusal(() => uniform(1, 1))).toMatch('uniform(1, 1) is empty');
    expect(refusal(() => integer(1.5, 2))).toMatch('integer(1.5, 2) holds no whole number');
    expect(refusal(() => choice([]))).toMatch('nothing to choose from');
  });
});

describe('fromCsv', () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'heddle-csv-'));
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  const csv = (text: string): ParamSpace => {
    const path = join(folder, 'points.csv');
    writeFileSync(path, text);
    return fromCsv(path) as ParamSpace;
  };

  test('reads RFC 4180, with numbers as numbers', () => {
    const space = csv(
      '\uFEFFname,temperature,"note, quoted"\r\nargon,0.85,"a ""b"", c"\r\n\r\n007,1e-3,"two\r\nlines"\nneon,-.5,""\n',
    );
    expect([...space]).toEqual([
      { name: 'argon', temperature: 0.85, 'note, quoted': 'a "b", c' },
      { name: '007', temperature: 0.001, 'note, quoted': 'two\r\nlines' },
      { name: 'neon', temperature: -0.5, 'note, quoted': '' },
    ]);
    expect([...csv('id\n12345678901234567890\n')]).toEqual([{ id: '12345678901234567890' }]);
  });

  test.each([
    ['a,b\n1,2\n3\n', ':3:1: there are 1 fields where the header names 2'],
    ['a,b\n1,2,3\n', ':2:5: there are 3 fields where the header names 2'],
    ['a,b\n1,\n', ":2:3: 'b' is empty"],
    ['a,a\n1,2\n', ":1:3: there are two columns 'a'"],
    ['a,\n1,2\n', ':1:3: a column has no name'],
    ['a\n"x\n', ':2:1: a quote is not closed'],
    ['a,b\n"x\n"y,1\n', ':3:2: something follows a quoted field'],
    ['a\nx"y\n', ':2:2: a quote stands inside of a field'],
    ['', 'points.csv is empty'],
    ['a,b\n', 'has a header and no row'],
  ])('says where %j is wrong', (text, expected) => {
    expect(refusal(() => [...csv(text)])).toContain(expected);
  });

  test('a file that is not there is named when points are wanted', () => {
    const space = fromCsv('no-such.csv');
    expect(refusal(() => space.size)).toMatch(/FILE_NOT_FOUND: there is no file '.*experiments\/no-such\.csv'/);
  });
});
