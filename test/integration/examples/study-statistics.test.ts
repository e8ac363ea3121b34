import { describe, expect, test } from 'vitest';
import { combine, judge, parseReference } from '../../../examples/equation-of-state/analysis.ts';
import { openRandom } from '../../../examples/equation-of-state/random.ts';
import type { StateResult } from '../../../examples/equation-of-state/state-point.ts';
import { blockAverage, coverage, weightedBlockAverage } from '../../../examples/equation-of-state/statistics.ts';
import { renderCsv, renderTable } from '../../../examples/equation-of-state/table.ts';

/** A first-order autoregressive series of unit variance: each sample keeps so much of the one before. */
function correlatedSeries(length: number, kept: number, seed: number): readonly number[] {
  const random = openRandom(seed);
  const noise = Math.sqrt(1 - kept * kept);
  let value = random.gaussian();
  return Array.from({ length }, () => {
    value = kept * value + noise * random.gaussian();
    return value;
  });
}

describe('blockAverage', () => {
  test('finds the error of independent samples without blocking', () => {
    const estimate = blockAverage([correlatedSeries(16_384, 0, 1)]);

    expect(estimate.error * 128).toBeCloseTo(1, 1);
    expect(estimate.converged).toBe(true);
  });

  test('finds the error of correlated samples, which is sqrt((1 + kept) / (1 - kept)) times the naive one', () => {
    for (const kept of [0.5, 0.9, 0.97]) {
      const estimate = blockAverage([correlatedSeries(65_536, kept, 2)]);
      const exact = Math.sqrt((1 + kept) / (1 - kept) / 65_536);

      expect(estimate.error / exact).toBeGreaterThan(0.85);
      expect(estimate.error / exact).toBeLessThan(1.15);
      expect(estimate.converged).toBe(true);
    }
  });

  test('covers the true mean within one error in two cases of three, and within two in nineteen of twenty', () => {
    const trials = Array.from({ length: 400 }, (_, seed) => blockAverage([correlatedSeries(2048, 0.8, seed + 10)]));
    const share = (errors: number): number =>
      trials.filter((trial) => Math.abs(trial.mean) <= errors * trial.error).length / trials.length;

    expect(Math.abs(share(1) - 0.683)).toBeLessThan(0.08);
    expect(Math.abs(share(2) - 0.954)).toBeLessThan(0.04);
  });

  test('takes independent runs together as one long run, and what differs between them as error', () => {
    const runs = [3, 4, 5, 6].map((seed) => correlatedSeries(4096, 0.8, seed));
    const exact = Math.sqrt(9 / (4 * 4096));

    const together = blockAverage(runs);
    const apart = blockAverage(runs.map((run, i) => run.map((value) => value + (i % 2))));

    expect(together.error / exact).toBeGreaterThan(0.8);
    expect(together.error / exact).toBeLessThan(1.2);
    expect(apart.error).toBeGreaterThan(3 * together.error);
  });

  test('says so when a series is too short for its correlation', () => {
    expect(blockAverage([correlatedSeries(64, 0.999, 7)]).converged).toBe(false);
    expect(() => blockAverage([[1, 2, 3]])).toThrow('3 samples are too few');
  });
});

describe('coverage', () => {
  test("is Student's t for few blocks and the normal distribution's for many", () => {
    // Two-sided probabilities at tabulated quantiles of 1, 2, 5 and 10 degrees of freedom.
    expect(coverage(12.706, 2)).toBeCloseTo(0.95, 4);
    expect(coverage(4.303, 3)).toBeCloseTo(0.95, 4);
    expect(coverage(2.571, 6)).toBeCloseTo(0.95, 4);
    expect(coverage(2.228, 11)).toBeCloseTo(0.95, 4);
    expect(coverage(2, 8)).toBeCloseTo(0.914, 3);
    expect(coverage(2, 100_001)).toBeCloseTo(0.9545, 4);
  });

  test('foretells how often an error from few blocks covers the truth', () => {
    const trials = Array.from({ length: 1500 }, (_, i) =>
      blockAverage([0, 1, 2].map((run) => correlatedSeries(80, 0.4, 3 * i + run))),
    );
    const found = trials.filter((trial) => Math.abs(trial.mean) <= 2 * trial.error).length / trials.length;
    const foretold = trials.reduce((sum, trial) => sum + coverage(2, trial.blocks), 0) / trials.length;

    expect(Math.abs(found - foretold)).toBeLessThan(0.02);
  });
});

describe('weightedBlockAverage', () => {
  test('is the plain block average when all weights are one', () => {
    const run = correlatedSeries(1024, 0.5, 8);
    const weights = run.map(() => 1);

    const weighted = weightedBlockAverage([{ weights, weighted: run }]);

    expect(weighted.mean).toBeCloseTo(blockAverage([run]).mean, 12);
    expect(weighted.error).toBeCloseTo(blockAverage([run]).error, 12);
  });

  test('moves a normal variable by what its exponential weight says', () => {
    const run = correlatedSeries(65_536, 0, 9);
    const weights = run.map((value) => Math.exp(0.3 * value));

    const { mean, error } = weightedBlockAverage([
      { weights, weighted: run.map((v, i) => v * (weights[i] as number)) },
    ]);

    expect(Math.abs(mean - 0.3)).toBeLessThan(4 * error);
    expect(error).toBeLessThan(0.006);
  });
});

describe('the analysis', () => {
  const reference = parseReference(
    '# a source\ntemperature,density,energy_per_particle,pressure\n0.85,0.82,-5.8,0.55\n',
  );

  /** A result of so many blocks that scatter by one thousandth about the given values. */
  function resultAt(density: number, energy: number, pressure: number, seed: number): StateResult {
    const random = openRandom(seed);
    const scatter = (mean: number): readonly number[] =>
      Array.from({ length: 64 }, () => mean + 0.001 * random.gaussian());
    return {
      state: {
        temperature: 0.85,
        density,
        particles: 343,
        cutoff: 3,
        timeStep: 0.008,
        friction: 2,
        seed,
        equilibrationSteps: 0,
        productionSteps: 64 * 64,
      },
      blockSteps: 64,
      weights: Array.from({ length: 64 }, () => 1),
      weightedEnergies: scatter(energy),
      weightedPressures: scatter(pressure),
      energy: { mean: energy, error: 0 },
      pressure: { mean: pressure, error: 0 },
      energyDrift: 0.001,
    };
  }

  test('takes replicas together, compares where the reference has the point, and passes when enough agree', () => {
    const points = combine(
      [resultAt(0.9, -6, 2, 1), resultAt(0.82, -5.8, 0.55, 2), resultAt(0.82, -5.8, 0.55, 3)],
      reference,
    );

    expect(points.map((point) => [point.density, point.replicas, point.comparison?.agrees])).toEqual([
      [0.82, 2, true],
      [0.9, 1, undefined],
    ]);
    expect(judge(points, 1)).toMatchObject({ compared: 1, agreeing: 1, passed: true });
    expect(judge(points, 2).passed).toBe(false);
    expect(renderTable(points, judge(points, 1))).toMatch(/Agreement at 1 of 1 points .*required: 1\.\nPASSED\n$/);
    expect(renderCsv(points).trimEnd().split('\n')).toHaveLength(3);
  });

  test('fails a study that is off by more than its error allows, in energy or in pressure alone', () => {
    expect(judge(combine([resultAt(0.82, -5.79, 0.55, 4)], reference), 1).passed).toBe(false);
    expect(judge(combine([resultAt(0.82, -5.8, 0.56, 5)], reference), 1).passed).toBe(false);
  });

  test('fails a study that did not conserve energy', () => {
    const drifting = { ...resultAt(0.82, -5.8, 0.55, 2), energyDrift: 0.02 };

    expect(judge(combine([drifting, resultAt(0.82, -5.8, 0.55, 3)], reference), 1)).toMatchObject({
      agreeing: 1,
      passed: false,
    });
  });

  test('refuses a reference with a row that is not four numbers, naming the line', () => {
    expect(() => parseReference('temperature,density,energy_per_particle,pressure\n0.85,x,1,2\n')).toThrow(
      'line 2 of the reference is not four numbers',
    );
  });
});
