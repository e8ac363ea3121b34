import { type Json, HeddleError } from '../../model/index.ts';
import {
  experiment,
  type Experiment,
  type ExperimentOptions,
  type ParamSpace,
  spaceFromData,
} from '../experiments/index.ts';
import type { Workflow } from '../workflow.ts';
import { type DeclaredParameter, type Givable, parameterValues } from './parameters.ts';
import type { YamlSource } from './source.ts';
import { findFunction, problemOf } from './targets.ts';
import type { Members } from './validate.ts';

/** What an experiment of a document stands beside. */
export interface ExperimentPlace {
  readonly source: YamlSource;
  readonly directory: string;
  readonly name: string;
  readonly workflow: Workflow<Readonly<Record<string, Json>>>;
  readonly givable: Givable;
}

/** Points whose values are looked at before anything runs; of more, each is looked at when its turn comes. */
const LOOKED_AT = 10_000;
const PATH = ['experiment'];

/** The parameter that says which of several equal points one is. */
export const REPLICA: DeclaredParameter = {
  ...{ name: 'replica', type: 'integer', default: 1, min: 1 },
  ...{ items: undefined, max: undefined, choices: undefined },
};

/**
 * The experiment of a document.
 *
 * @throws {HeddleError} INPUT_INVALID, PARAMETER_INVALID, FILE_NOT_FOUND, each with its place
 */
export async function readExperiment(data: Members, place: ExperimentPlace): Promise<Experiment> {
  const { name, replicas, metric, report, ...rest } = data;
  const { source, directory, workflow } = place;
  const space = source.within(PATH, () => spaceFromData(rest, { path: PATH, directory }));
  source.within(PATH, () => space.assertNotEmpty());
  checkPoints(space, place);
  const made = await reportOf(report, place);
  const options = {
    ...(metric === undefined ? {} : { metric }),
    ...(replicas === undefined ? {} : { replicas }),
    ...made,
  };
  const whole = (): Experiment =>
    experiment((name ?? place.name) as string, workflow, space, options as ExperimentOptions) as unknown as Experiment;
  return source.within(PATH, whole);
}

/** Refuses points that the workflow can't take, before the first of them is run. */
function checkPoints(space: ParamSpace, { source, givable }: ExperimentPlace): void {
  let looked = 0;
  for (const point of space) {
    looked += 1;
    if (looked > LOOKED_AT) return;
    for (const [name, value] of Object.entries(point)) {
      try {
        parameterValues({ [name]: value }, { ...givable, declared: only(givable, name) });
      } catch (error) {
        if (!HeddleError.is(error)) throw error;
        throw source.placed(placeOf(name, source), error);
      }
    }
  }
}

/** The one parameter, so that what else is missing is no matter; all where it is not known, to name the nearest. */
function only({ declared }: Givable, name: string): ReadonlyMap<string, DeclaredParameter> {
  const parameter = declared.get(name);
  return parameter === undefined ? declared : new Map([[name, parameter]]);
}

function placeOf(name: string, source: YamlSource): readonly string[] {
  const kinds = ['grid', 'zip', 'random', 'latinHypercube', 'sobol'];
  const places = kinds.map((kind) => [...PATH, kind, name]);
  return places.find((place) => source.has(place)) ?? PATH;
}

async function reportOf(report: unknown, { source, directory }: ExperimentPlace): Promise<object> {
  if (typeof report !== 'string') return {};
  try {
    return { report: await findFunction(report, directory) };
  } catch (error) {
    throw source.error([problemOf(error, [...PATH, 'report'])]);
  }
}
