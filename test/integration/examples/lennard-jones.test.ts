import { describe, expect, test } from 'vitest';
import {
  computeForces,
  conservedEnergy,
  createFluid,
  energyPerParticle,
  type Fluid,
  kineticEnergy,
  momentum,
  pairEnergy,
  pressure,
  stepLangevin,
  stepVerlet,
  tailEnergy,
  tailPressure,
} from '../../../examples/equation-of-state/physics.ts';
import { openRandom } from '../../../examples/equation-of-state/random.ts';
import { simulateStatePoint, type StatePoint } from '../../../examples/equation-of-state/state-point.ts';

const LIQUID = { particles: 343, density: 0.82, temperature: 0.85, cutoff: 3, skin: 0.35 };

/** A liquid that has melted. */
function liquid(seed: number): Fluid {
  const random = openRandom(seed);
  const fluid = createFluid(LIQUID, random);
  for (let step = 0; step < 200; step++) stepLangevin(fluid, 0.008, { temperature: 0.85, friction: 2, random });
  return fluid;
}

/** Energy of all pairs within the cut-off, shifted to zero there, by the plainest double loop. */
function shiftedEnergy(fluid: Fluid): { readonly energy: number; readonly pairs: number } {
  const { position, box, cutoff, particles } = fluid;
  let energy = 0;
  let pairs = 0;
  for (let i = 0; i < particles; i++) {
    for (let j = 0; j < i; j++) {
      let r2 = 0;
      for (let axis = 0; axis < 3; axis++) {
        const d = (position[3 * i + axis] as number) - (position[3 * j + axis] as number);
        r2 += (d - box * Math.round(d / box)) ** 2;
      }
      if (r2 >= cutoff * cutoff) continue;
      energy += pairEnergy(Math.sqrt(r2)) - pairEnergy(cutoff);
      pairs++;
    }
  }
  return { energy, pairs };
}

describe('a Lennard-Jones fluid', () => {
  test('counts energy and pairs as a plain loop over all pairs does, long after its list was made', () => {
    const fluid = liquid(1);

    const plain = shiftedEnergy(fluid);

    expect(fluid.interactions.pairs).toBe(plain.pairs);
    expect(fluid.interactions.potential - plain.pairs * pairEnergy(3)).toBeCloseTo(plain.energy, 8);
  });

  test('has forces that are minus the gradient of its energy', () => {
    const fluid = liquid(2);
    const h = 1e-5;

    for (const coordinate of [0, 100, 511, 1028]) {
      const place = fluid.position[coordinate] as number;
      const force = fluid.force[coordinate] as number;
      fluid.position[coordinate] = place + h;
      const above = shiftedEnergy(fluid).energy;
      fluid.position[coordinate] = place - h;
      const below = shiftedEnergy(fluid).energy;
      fluid.position[coordinate] = place;
      expect(Math.abs(-(above - below) / (2 * h) - force)).toBeLessThan(1e-4 * Math.max(1, Math.abs(force)));
    }
  });

  test('has a virial that is minus three times the volume derivative of its energy', () => {
    // Scaled by a factor, every distance changes alike: dU/d(factor) = -virial. The cut-off is wide open here, so
    // that no pair crosses it.
    const random = openRandom(3);
    const fluid = createFluid({ ...LIQUID, particles: 64, density: 0.1, cutoff: 3.9, skin: 0.3 }, random);
    for (let step = 0; step < 200; step++) stepLangevin(fluid, 0.008, { temperature: 2, friction: 2, random });
    const energyAt = (factor: number): number =>
      shiftedEnergy({
        ...fluid,
        box: fluid.box * factor,
        cutoff: fluid.cutoff * factor,
        position: fluid.position.map((x) => x * factor),
      }).energy;
    const shift = (factor: number): number => fluid.interactions.pairs * pairEnergy(fluid.cutoff * factor);
    const h = 1e-6;

    const slope = (energyAt(1 + h) + shift(1 + h) - energyAt(1 - h) - shift(1 - h)) / (2 * h);

    expect(fluid.interactions.virial).not.toBe(0);
    expect(Math.abs(slope + fluid.interactions.virial)).toBeLessThan(1e-4 * Math.abs(fluid.interactions.virial));
  });

  test('conserves energy under velocity Verlet, the better the smaller the step', () => {
    const excursion = (timeStep: number, steps: number): number => {
      const fluid = liquid(4);
      const start = conservedEnergy(fluid);
      let largest = 0;
      for (let step = 0; step < steps; step++) {
        stepVerlet(fluid, timeStep);
        largest = Math.max(largest, Math.abs(conservedEnergy(fluid) - start));
      }
      return largest / fluid.particles;
    };

    const coarse = excursion(0.008, 125);
    const fine = excursion(0.002, 500);

    expect(coarse).toBeLessThan(0.005);
    // Second order: a quarter of the step leaves a sixteenth of the error, and the force's own step at the cut-off.
    expect(fine).toBeLessThan(coarse / 6);
  });

  test('conserves momentum under velocity Verlet', () => {
    const fluid = createFluid(LIQUID, openRandom(5));

    for (let step = 0; step < 200; step++) stepVerlet(fluid, 0.005);

    for (const component of momentum(fluid)) expect(Math.abs(component)).toBeLessThan(1e-10);
  });

  test('starts with exactly the kinetic energy of its temperature, and at rest', () => {
    const fluid = createFluid(LIQUID, openRandom(6));

    expect(kineticEnergy(fluid)).toBeCloseTo(((3 * 343 - 3) * 0.85) / 2, 8);
    for (const component of momentum(fluid)) expect(Math.abs(component)).toBeLessThan(1e-10);
  });

  test('is an ideal gas when it is thin', () => {
    const random = openRandom(7);
    const fluid = createFluid({ ...LIQUID, density: 1e-6 }, random);
    for (let step = 0; step < 100; step++) stepLangevin(fluid, 0.008, { temperature: 0.85, friction: 2, random });

    expect(pressure(fluid, 0.85) / (1e-6 * 0.85)).toBeCloseTo(1, 4);
    expect(energyPerParticle(fluid)).toBeCloseTo(0, 5);
  });

  test('has the tails that integration beyond the cut-off gives', () => {
    // Simpson's rule in s = 1 / r over the integrands of energy and virial beyond the cut-off, with g(r) = 1.
    const integral = (f: (r: number) => number): number => {
      const n = 2000;
      const top = 1 / 3;
      let sum = 0;
      for (let i = 1; i <= n; i++) {
        const s = (top * i) / n;
        sum += (i === n ? 1 : i % 2 === 1 ? 4 : 2) * (f(1 / s) / s ** 2);
      }
      return (sum * top) / n / 3;
    };
    const density = 0.8;
    const derivative = (r: number): number => -48 * r ** -13 + 24 * r ** -7;

    const energy = 2 * Math.PI * density * integral((r) => pairEnergy(r) * r * r);
    const virial = -(2 / 3) * Math.PI * density ** 2 * integral((r) => derivative(r) * r ** 3);

    expect(tailEnergy(density, 3)).toBeCloseTo(energy, 9);
    expect(tailPressure(density, 3)).toBeCloseTo(virial, 9);
    // The same worked by hand: (8/3) pi 0.8 (1/59049 - 1/27) and (16/3) pi 0.64 (2/59049 - 1/27).
    expect(tailEnergy(density, 3)).toBeCloseTo(-0.248111, 6);
    expect(tailPressure(density, 3)).toBeCloseTo(-0.396796, 6);
  });

  test('refuses what no lattice or box can hold', () => {
    const random = openRandom(8);

    expect(() => createFluid({ ...LIQUID, particles: 300 }, random)).toThrow(
      '300 particles do not fill a cubic lattice',
    );
    expect(() => createFluid({ ...LIQUID, particles: 125 }, random)).toThrow('reach further than half the box');
    expect(() => createFluid({ ...LIQUID, density: 0 }, random)).toThrow('must be positive');
  });
});

describe('a simulated state point', () => {
  const state: StatePoint = {
    temperature: 0.85,
    density: 0.005,
    particles: 125,
    cutoff: 3,
    timeStep: 0.008,
    friction: 2,
    seed: 11,
    equilibrationSteps: 100,
    productionSteps: 2048,
  };

  test('gives the same numbers for the same seed, and others for another', () => {
    const first = simulateStatePoint(state);

    expect(simulateStatePoint(state)).toEqual(first);
    expect(simulateStatePoint({ ...state, seed: 12 }).weightedPressures).not.toEqual(first.weightedPressures);
  });

  test('holds the temperature of its thermostat', () => {
    const random = openRandom(9);
    const fluid = createFluid({ ...LIQUID, particles: 343 }, random);
    let sum = 0;
    const steps = 1500;
    for (let step = 0; step < 300; step++) stepLangevin(fluid, 0.005, { temperature: 0.85, friction: 2, random });
    for (let step = 0; step < steps; step++) {
      stepLangevin(fluid, 0.005, { temperature: 0.85, friction: 2, random });
      sum += (2 * kineticEnergy(fluid)) / (3 * 343);
    }
    computeForces(fluid);

    // 1,029 squared normals have a relative scatter of 0.044; 7.5 units of time forget some ten times.
    expect(Math.abs(sum / steps / 0.85 - 1)).toBeLessThan(0.04);
  });
});
