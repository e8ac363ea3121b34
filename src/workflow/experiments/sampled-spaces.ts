import { HeddleError, type Json } from '../../model/index.ts';
import type { Distribution } from './distribution.ts';
import { SOBOL_DIMENSIONS } from './joe-kuo.ts';
import { checkedName, type Param } from './param.ts';
import { ParamSpace } from './param-space.ts';
import { independent, latinHypercubeSample, type Sampler, sobolSample } from './sampling.ts';

/** Distributions by the name of their parameter. */
export type Distributions = Readonly<Record<string, Distribution>>;

/** A point whose parameters are drawn. */
export type Drawn<Of extends Distributions> = { readonly [Name in keyof Of]: ReturnType<Of[Name]['at']> };

/** How many points are drawn, and what decides them. */
export interface SampleOptions {
  readonly count: number;
  /** The same seed draws the same points, on every machine. @default 0 */
  readonly seed?: number;
}

/**
 * Points drawn independently. A larger count begins with the points of a smaller one, and a parameter that is added leaves the
 * values of the others as they are.
 *
 * @example
 * random({ x: uniform(0, 1), method: choice(['a', 'b']) }, { count: 100, seed: 7 })
 */
export function random<Of extends Distributions>(distributions: Of, options: SampleOptions): ParamSpace<Drawn<Of>> {
  return sampled('random', independent, { distributions, options });
}

/**
 * A Latin hypercube: each parameter's values are spread evenly over its distribution, one in each of `count` equal parts,
 * whatever the others do. Another count is another hypercube.
 */
export function latinHypercube<Of extends Distributions>(
  distributions: Of,
  options: SampleOptions,
): ParamSpace<Drawn<Of>> {
  return sampled('latinHypercube', latinHypercubeSample, { distributions, options });
}

/**
 * Sobol's low-discrepancy sequence: points that fill the space more evenly than chance, best for a count that is a power of two.
 * Without a seed it is the sequence itself; a seed scrambles it (Owen), which keeps it as even. A larger count begins with the
 * points of a smaller one. At most 37 parameters.
 */
export function sobol<Of extends Distributions>(distributions: Of, options: SampleOptions): ParamSpace<Drawn<Of>> {
  const dimensions = Object.keys(distributions).length;
  if (dimensions > SOBOL_DIMENSIONS)
    throw new HeddleError('INPUT_INVALID', `sobol: ${dimensions} parameters are more than ${SOBOL_DIMENSIONS}`, {
      hint: 'take latinHypercube, or join two spaces by product',
    });
  return sampled('sobol', sobolSample, { distributions, options });
}

/** As many as fit into what keeps them apart. */
const MOST = 16_000_000;

interface Sample<Of extends Distributions> {
  readonly distributions: Of;
  readonly options: SampleOptions;
}

function sampled<Of extends Distributions>(
  kind: 'random' | 'latinHypercube' | 'sobol',
  sampler: Sampler,
  { distributions, options }: Sample<Of>,
): ParamSpace<Drawn<Of>> {
  const entries = Object.entries(distributions);
  if (entries.length === 0)
    throw invalid(kind, 'the parameter space is empty: it has no parameter', `${kind}({ x: uniform(0, 1) }, ...)`);
  for (const [name, distribution] of entries) {
    checkedName(name);
    if (typeof distribution?.at !== 'function')
      throw invalid(kind, `'${name}' is no distribution`, `write ${name}: uniform(0, 1)`, name);
  }
  const { count, seed } = options ?? {};
  if (!Number.isSafeInteger(count) || count < 1 || count > MOST)
    throw invalid(
      kind,
      count === 0 ? 'the parameter space is empty: its count is 0' : `the count is ${String(count)}`,
      `give { count } as a whole number from 1 to ${MOST}`,
    );
  if (seed !== undefined && (!Number.isSafeInteger(seed) || seed < 0))
    throw invalid(kind, `the seed is ${String(seed)}`, 'give a whole number, 0 or more');
  const names = entries.map(([name]) => name);
  return new ParamSpace<Drawn<Of>>({
    names: () => names,
    *points() {
      for (const cube of sampler({ names, count, seed })) yield pointAt(entries, cube);
    },
    count: () => count,
    isDistinct: () => entries.some(([, { isContinuous }]) => isContinuous),
    data: () => ({
      [kind]: Object.fromEntries(entries.map(([name, { data }]) => [name, data as Json])),
      count,
      ...(seed === undefined ? {} : { seed }),
    }),
    what: `${kind} sample of ${count} points`,
  });
}

function pointAt(entries: readonly (readonly [string, Distribution])[], cube: Float64Array): Param {
  return Object.freeze(
    Object.fromEntries(entries.map(([name, distribution], d) => [name, distribution.at(cube[d] as number) as Json])),
  );
}

function invalid(kind: string, why: string, hint: string, parameter?: string): HeddleError {
  return new HeddleError('INPUT_INVALID', `${kind}: ${why}`, {
    ...(parameter === undefined ? {} : { details: { parameter } }),
    hint,
  });
}
