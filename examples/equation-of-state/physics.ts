/**
 * A Lennard-Jones fluid in a periodic cube, in reduced units: lengths in sigma, energies in epsilon, masses of one,
 * hence temperatures in epsilon / k and times in sigma sqrt(m / epsilon). Nothing here reads a file, a clock or a
 * random number that was not handed in.
 *
 * The potential is cut off, not shifted; what the cut-off leaves out of energy and pressure comes back as the
 * analytic tail of a fluid that is uniform beyond it (Allen and Tildesley, Computer Simulation of Liquids,
 * 2nd edition, 2017, section 2.8).
 */
import { buildNeighbours, createNeighbours, isListStale, type Neighbours } from './neighbours.ts';
import type { Random } from './random.ts';

/** How a fluid is made. */
export interface FluidOptions {
  /** Number of particles: a cube, such as 343 or 512, since they start on a simple cubic lattice. */
  readonly particles: number;
  readonly density: number;
  readonly temperature: number;
  /** Pairs further apart than this are not counted. At most half the box, less the skin. */
  readonly cutoff: number;
  /** Extra reach of the neighbour list: a wider one is longer and made less often. */
  readonly skin: number;
}

/** What the forces' loop adds up, for the whole fluid and without tails. */
export interface Interactions {
  /** Potential energy of all pairs within the cut-off. */
  potential: number;
  /** Sum over pairs of r . f. */
  virial: number;
  /** Number of pairs within the cut-off. */
  pairs: number;
}

/**
 * Particles, velocities and forces, and the list of who is near whom. Integrators change it in place.
 * Arrays hold x, y, z of particle 0, then of particle 1, and so on.
 */
export interface Fluid {
  readonly particles: number;
  readonly density: number;
  readonly box: number;
  readonly cutoff: number;
  readonly position: Float64Array;
  readonly velocity: Float64Array;
  readonly force: Float64Array;
  readonly interactions: Interactions;
  readonly neighbours: Neighbours;
}

/**
 * Makes a fluid on a simple cubic lattice with velocities of the temperature and no drift.
 *
 * Simple cubic, because a Lennard-Jones crystal of that shape is not even mechanically stable: it melts within a
 * few hundred steps at every temperature. A face-centred lattice near the freezing density may stay a crystal for
 * as long as the run lasts, and give its energy for the liquid's.
 *
 * @throws {RangeError} when the number of particles is no cube, or the cut-off does not fit into half the box.
 */
export function createFluid(options: FluidOptions, random: Random): Fluid {
  const { particles, density, temperature, cutoff, skin } = options;
  const side = Math.round(Math.cbrt(particles));
  if (side ** 3 !== particles || side < 2) throw new RangeError(`${particles} particles do not fill a cubic lattice`);
  if (!(density > 0) || !(temperature > 0) || !(cutoff > 0) || !(skin > 0)) {
    throw new RangeError('temperature, density, cut-off and skin must be positive');
  }
  const box = Math.cbrt(particles / density);
  if (cutoff + skin > box / 2) {
    throw new RangeError(`a cut-off of ${cutoff} and a skin of ${skin} reach further than half the box, ${box / 2}`);
  }
  const fluid: Fluid = {
    particles,
    density,
    box,
    cutoff,
    position: onLattice(side, box),
    velocity: maxwellVelocities(particles, temperature, random),
    force: new Float64Array(3 * particles),
    interactions: { potential: 0, virial: 0, pairs: 0 },
    neighbours: createNeighbours(particles, box, { cutoff, skin }),
  };
  buildNeighbours(fluid.neighbours, fluid.position);
  computeForces(fluid);
  return fluid;
}

function onLattice(side: number, box: number): Float64Array {
  const position = new Float64Array(3 * side ** 3);
  const step = box / side;
  for (let i = 0; i < side ** 3; i++) {
    position[3 * i] = ((i % side) + 0.5) * step;
    position[3 * i + 1] = ((Math.floor(i / side) % side) + 0.5) * step;
    position[3 * i + 2] = (Math.floor(i / (side * side)) + 0.5) * step;
  }
  return position;
}

/** Normal deviates, then the drift taken away and the kinetic energy set right to the last digit. */
function maxwellVelocities(particles: number, temperature: number, random: Random): Float64Array {
  const velocity = new Float64Array(3 * particles);
  const mean = [0, 0, 0];
  for (let i = 0; i < velocity.length; i++) {
    velocity[i] = random.gaussian();
    (mean[i % 3] as number) += (velocity[i] as number) / particles;
  }
  let squares = 0;
  for (let i = 0; i < velocity.length; i++) {
    (velocity[i] as number) -= mean[i % 3] as number;
    squares += (velocity[i] as number) ** 2;
  }
  const scale = Math.sqrt(((3 * particles - 3) * temperature) / squares);
  for (let i = 0; i < velocity.length; i++) (velocity[i] as number) *= scale;
  return velocity;
}

/** Kinetic energy of all particles. */
export function kineticEnergy(fluid: Fluid): number {
  let sum = 0;
  for (const v of fluid.velocity) sum += v * v;
  return sum / 2;
}

/** Momentum of all particles. */
export function momentum(fluid: Fluid): readonly [x: number, y: number, z: number] {
  const sum: [number, number, number] = [0, 0, 0];
  for (let i = 0; i < fluid.velocity.length; i++) (sum[i % 3] as number) += fluid.velocity[i] as number;
  return sum;
}

/**
 * Energy that motion by these forces conserves: the potential enters shifted to zero at the cut-off, since a pair
 * that crosses it feels no jump.
 */
export function conservedEnergy(fluid: Fluid): number {
  const { potential, pairs } = fluid.interactions;
  return kineticEnergy(fluid) + potential - pairs * pairEnergy(fluid.cutoff);
}

/** Lennard-Jones energy of two particles at a distance. */
export function pairEnergy(distance: number): number {
  const s6 = distance ** -6;
  return 4 * s6 * (s6 - 1);
}

/** Computes forces, potential energy, virial and pair count of the present positions, with a new list if one is due. */
export function computeForces(fluid: Fluid): void {
  if (isListStale(fluid.neighbours, fluid.position)) buildNeighbours(fluid.neighbours, fluid.position);
  const { position, force } = fluid;
  const { groups, particleOf, shiftOf, offsets, partners } = fluid.neighbours;
  const reach = fluid.cutoff * fluid.cutoff;
  let energy = 0;
  let virial = 0;
  let pairs = 0;
  force.fill(0);
  for (let group = 0; group < groups; group++) {
    const i = particleOf[group] as number;
    const x = (position[i] as number) - (shiftOf[3 * group] as number);
    const y = (position[i + 1] as number) - (shiftOf[3 * group + 1] as number);
    const z = (position[i + 2] as number) - (shiftOf[3 * group + 2] as number);
    let fx = 0;
    let fy = 0;
    let fz = 0;
    const end = offsets[group + 1] as number;
    for (let k = offsets[group] as number; k < end; k++) {
      const j = partners[k] as number;
      const dx = x - (position[j] as number);
      const dy = y - (position[j + 1] as number);
      const dz = z - (position[j + 2] as number);
      const r2 = dx * dx + dy * dy + dz * dz;
      if (r2 >= reach) continue;
      const s2 = 1 / r2;
      const s6 = s2 * s2 * s2;
      const rf = s6 * (2 * s6 - 1);
      energy += s6 * (s6 - 1);
      virial += rf;
      pairs++;
      const f = 24 * rf * s2;
      fx += f * dx;
      fy += f * dy;
      fz += f * dz;
      (force[j] as number) -= f * dx;
      (force[j + 1] as number) -= f * dy;
      (force[j + 2] as number) -= f * dz;
    }
    (force[i] as number) += fx;
    (force[i + 1] as number) += fy;
    (force[i + 2] as number) += fz;
  }
  fluid.interactions.potential = 4 * energy;
  fluid.interactions.virial = 24 * virial;
  fluid.interactions.pairs = pairs;
}

/** Moves `target` along `rate` for a time. */
function advance(target: Float64Array, rate: Float64Array, time: number): void {
  for (let i = 0; i < target.length; i++) (target[i] as number) += time * (rate[i] as number);
}

/** One step of velocity Verlet: energy and momentum are conserved. */
export function stepVerlet(fluid: Fluid, timeStep: number): void {
  advance(fluid.velocity, fluid.force, timeStep / 2);
  advance(fluid.position, fluid.velocity, timeStep);
  computeForces(fluid);
  advance(fluid.velocity, fluid.force, timeStep / 2);
}

/** What holds the temperature. */
export interface Thermostat {
  readonly temperature: number;
  /** Rate at which a velocity is forgotten, in inverse time. */
  readonly friction: number;
  readonly random: Random;
}

/**
 * One step of Langevin dynamics: velocity Verlet with the noise in the middle of the drift, the splitting BAOAB of
 * Leimkuhler and Matthews (Applied Mathematics Research eXpress 2013, 34). It samples the canonical ensemble, and
 * its averages over positions, all that energy and pressure need, err far less by the time step than velocities do:
 * for a harmonic force not at all.
 */
export function stepLangevin(fluid: Fluid, timeStep: number, thermostat: Thermostat): void {
  const { velocity } = fluid;
  const { random, temperature, friction } = thermostat;
  const kept = Math.exp(-friction * timeStep);
  const noise = Math.sqrt((1 - kept * kept) * temperature);
  advance(velocity, fluid.force, timeStep / 2);
  advance(fluid.position, velocity, timeStep / 2);
  for (let i = 0; i < velocity.length; i++) velocity[i] = kept * (velocity[i] as number) + noise * random.gaussian();
  advance(fluid.position, velocity, timeStep / 2);
  computeForces(fluid);
  advance(velocity, fluid.force, timeStep / 2);
}

/**
 * Weight of the present positions when averages of the cut-off potential are wanted, up to a common factor.
 *
 * Motion by forces samples the potential shifted to zero at the cut-off, since no force comes from the jump there.
 * The reference's Monte Carlo samples the potential with the jump. The two energies differ by pairs x u(rc), so
 * averages weighted with exp(-beta u(rc) (pairs - usual)) are exactly those of the latter. At a cut-off of 3 in the
 * liquid this raises the pressure by 0.007: little, but as much as the statistical error of this study.
 */
export function jumpWeight(fluid: Fluid, temperature: number): number {
  const { particles, density, cutoff } = fluid;
  const usual = particles * density * (2 / 3) * Math.PI * cutoff ** 3;
  return Math.exp((-pairEnergy(cutoff) / temperature) * (fluid.interactions.pairs - usual));
}

/** Energy per particle that lies beyond the cut-off: (8/3) pi rho [(1/3) rc^-9 - rc^-3]. */
export function tailEnergy(density: number, cutoff: number): number {
  return (8 / 3) * Math.PI * density * (cutoff ** -9 / 3 - cutoff ** -3);
}

/** Pressure that lies beyond the cut-off: (16/3) pi rho^2 [(2/3) rc^-9 - rc^-3]. */
export function tailPressure(density: number, cutoff: number): number {
  return (16 / 3) * Math.PI * density * density * ((2 / 3) * cutoff ** -9 - cutoff ** -3);
}

/** Potential energy per particle of the present positions, tail included. */
export function energyPerParticle(fluid: Fluid): number {
  return fluid.interactions.potential / fluid.particles + tailEnergy(fluid.density, fluid.cutoff);
}

/**
 * Pressure of the present positions at a temperature, tail included. Its kinetic part is rho T, exact in the
 * canonical ensemble, rather than the velocities of the moment: as right, and less noisy.
 */
export function pressure(fluid: Fluid, temperature: number): number {
  const { density, cutoff, box } = fluid;
  return density * temperature + fluid.interactions.virial / (3 * box ** 3) + tailPressure(density, cutoff);
}
