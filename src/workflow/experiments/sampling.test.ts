import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { logUniform, normal, uniform } from './distribution.ts';
import { JOE_KUO, SOBOL_DIMENSIONS } from './joe-kuo.ts';
import { exp, log, normalQuantile } from './portable-math.ts';
import { latinHypercube, sobol } from './sampled-spaces.ts';

/** Parameters x0, x1, ... uniform in [0, 1). */
const cube = (dimensions: number): Record<string, ReturnType<typeof uniform>> =>
  Object.fromEntries(Array.from({ length: dimensions }, (_, i) => [`x${i}`, uniform(0, 1)]));

const columnsOf = (points: Iterable<object>): readonly (readonly number[])[] =>
  [...points].map((point) => Object.values(point) as number[]);

describe('latinHypercube', () => {
  test('each parameter has one value in each of count equal parts', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 6 }),
        fc.integer({ min: 1, max: 200 }),
        fc.maxSafeNat(),
        (dimensions, count, seed) => {
          const points = columnsOf(latinHypercube(cube(dimensions), { count, seed }));
          for (let d = 0; d < dimensions; d += 1) {
            const strata = points.map((point) => Math.floor((point[d] as number) * count));
            expect(strata.toSorted((a, b) => a - b)).toEqual(Array.from({ length: count }, (_, i) => i));
          }
        },
      ),
      { numRuns: 50 },
    );
  });

  test('parameters are not bound to each other', () => {
    const points = columnsOf(latinHypercube(cube(2), { count: 1000, seed: 1 }));
    const covariance = points.reduce((sum, [x = 0, y = 0]) => sum + (x - 0.5) * (y - 0.5), 0) / points.length;
    // A correlation of 1000 independent pairs has a deviation of 0.03.
    expect(Math.abs(covariance * 12)).toBeLessThan(0.1);
  });
});

describe('sobol', () => {
  test('begins as published', () => {
    // The first eight points of three dimensions, by the program of Joe and Kuo.
    const points = columnsOf(sobol(cube(3), { count: 8 }));
    expect(points).toEqual([
      [0, 0, 0],
      [0.5, 0.5, 0.5],
      [0.75, 0.25, 0.25],
      [0.25, 0.75, 0.75],
      [0.375, 0.375, 0.625],
      [0.875, 0.875, 0.125],
      [0.625, 0.125, 0.875],
      [0.125, 0.625, 0.375],
    ]);
  });

  test('every dimension is stratified at every power of two, scrambled or not', () => {
    for (const seed of [undefined, 1, 2]) {
      const points = columnsOf(sobol(cube(SOBOL_DIMENSIONS), { count: 256, ...(seed === undefined ? {} : { seed }) }));
      for (let d = 0; d < SOBOL_DIMENSIONS; d += 1) {
        for (const count of [1, 2, 16, 256]) {
          const strata = new Set(points.slice(0, count).map((point) => Math.floor((point[d] as number) * count)));
          expect(strata.size).toBe(count);
        }
      }
    }
  });

  test('in two dimensions each dyadic rectangle of the right area holds one point: a net, scrambled or not', () => {
    const m = 8;
    for (const seed of [undefined, 5, 6]) {
      const points = columnsOf(sobol(cube(2), { count: 2 ** m, ...(seed === undefined ? {} : { seed }) }));
      for (let a = 0; a <= m; a += 1) {
        const cells = points.map(([x = 0, y = 0]) => `${Math.floor(x * 2 ** a)}/${Math.floor(y * 2 ** (m - a))}`);
        expect(new Set(cells).size).toBe(2 ** m);
      }
    }
  });

  test('every polynomial of the table is primitive, and every m_i odd and below 2^i', () => {
    for (const [s, a, m] of JOE_KUO) {
      const polynomial = 2 ** s + 2 * a + 1;
      // The powers of x modulo a primitive polynomial are all there are.
      const powers = new Set<number>();
      for (let power = 1; !powers.has(power); power = power & (2 ** (s - 1)) ? (power * 2) ^ polynomial : power * 2)
        powers.add(power);
      expect(powers.size).toBe(2 ** s - 1);
      expect(m.length).toBe(s);
      for (const [i, value] of m.entries()) expect([value % 2, value < 2 ** (i + 1)]).toEqual([1, true]);
    }
    expect(new Set(JOE_KUO.map(([s, a]) => `${s}/${a}`)).size).toBe(JOE_KUO.length);
  });

  test('no two dimensions repeat each other: every pair fills its square evenly', () => {
    const points = columnsOf(sobol(cube(SOBOL_DIMENSIONS), { count: 4096 }));
    for (let a = 0; a < SOBOL_DIMENSIONS; a += 1) {
      for (let b = 0; b < a; b += 1) {
        const counts = new Uint32Array(16);
        for (const point of points) {
          const cell = Math.floor((point[a] as number) * 4) * 4 + Math.floor((point[b] as number) * 4);
          counts[cell] = (counts[cell] as number) + 1;
        }
        expect(counts).toEqual(new Uint32Array(16).fill(256));
      }
    }
  });

  test('its discrepancy is well below that of chance', () => {
    const dimensions = 6;
    const count = 1024;
    const ofSequence = l2Discrepancy(columnsOf(sobol(cube(dimensions), { count })));
    // The expected square of independent uniform points: (2^-d - 3^-d) / n.
    const ofChance = Math.sqrt((2 ** -dimensions - 3 ** -dimensions) / count);
    expect(ofSequence).toBeLessThan(ofChance / 2);
  });

  test('a larger sample begins with the smaller, and a seed is another scrambling', () => {
    const first = columnsOf(sobol(cube(4), { count: 10, seed: 3 }));
    expect(columnsOf(sobol(cube(4), { count: 100, seed: 3 })).slice(0, 10)).toEqual(first);
    expect(columnsOf(sobol(cube(4), { count: 10, seed: 4 }))).not.toEqual(first);
  });

  test('more dimensions than there are numbers for are refused', () => {
    expect(() => sobol(cube(38), { count: 2 })).toThrow('sobol: 38 parameters are more than 37');
  });
});

/** L2 star discrepancy by Warnock's formula (1972). */
function l2Discrepancy(points: readonly (readonly number[])[]): number {
  const n = points.length;
  const dimensions = points[0]?.length ?? 0;
  let single = 0;
  let pairs = 0;
  for (const x of points) {
    single += x.reduce((product, value) => product * (1 - value * value), 1);
    for (const y of points)
      pairs += x.reduce((product, value, d) => product * (1 - Math.max(value, y[d] as number)), 1);
  }
  return Math.sqrt(3 ** -dimensions - (2 ** (1 - dimensions) / n) * single + pairs / (n * n));
}

describe('distributions', () => {
  test('logarithm and exponential are those of Math to the last bits', () => {
    fc.assert(
      fc.property(fc.double({ min: 1e-290, max: 1e290, noNaN: true }), (x) => {
        expect(Math.abs(log(x) - Math.log(x))).toBeLessThanOrEqual(4e-16 * Math.max(1, Math.abs(Math.log(x))));
      }),
    );
    fc.assert(
      fc.property(fc.double({ min: -690, max: 690, noNaN: true }), (x) => {
        expect(Math.abs(exp(x) / Math.exp(x) - 1)).toBeLessThan(4e-16);
      }),
    );
  });

  test.each([
    [0.5, 0],
    [0.975, 1.959963984540054],
    [0.025, -1.959963984540054],
    [0.9999, 3.719016485455709],
    [1e-10, -6.361340902404056],
    [1e-20, -9.2623400897984],
  ])('half of normals lie below the quantile of %d', (probability, expected) => {
    expect(normalQuantile(probability)).toBeCloseTo(expected, 10);
  });

  test('samples have the moments they should have', () => {
    const points = columnsOf(sobol({ n: normal(10, 2), l: logUniform(1e-3, 1e3) }, { count: 4096, seed: 1 }));
    const mean = points.reduce((sum, [n = 0]) => sum + n, 0) / points.length;
    const variance = points.reduce((sum, [n = 0]) => sum + (n - mean) ** 2, 0) / points.length;
    const below = points.filter(([, l = 0]) => l < 1).length / points.length;

    expect(mean).toBeCloseTo(10, 2);
    expect(variance).toBeCloseTo(4, 1);
    expect(below).toBeCloseTo(0.5, 3);
    for (const [, l = 0] of points) expect(l).toBeGreaterThanOrEqual(1e-3);
  });
});
