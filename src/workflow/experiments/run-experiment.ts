import type { Engine } from '../../jobs/index.ts';
import type { ExperimentRow, Json } from '../../model/index.ts';
import { type Experiment, pointsOf } from './experiment.ts';
import { ExperimentHandle } from './experiment-handle.ts';
import type { RunExperimentOptions } from './experiment-options.ts';
import { type ExperimentSettings, readKnownRuns } from './known-runs.ts';
import type { Param } from './param.ts';
import type { ParamSpace } from './param-space.ts';

/** Points that only a function can tell are written down one by one, if they are no more. */
const WRITTEN_DOWN = 100_000;

/**
 * Runs the points of an experiment that have no result yet: each as a run of its own, in this engine, as durable as it is. A point is
 * known by its parameters and by the graph its workflow makes of them: what is done is not run again, what was interrupted goes
 * on, what failed is left unless `retryFailed` is set, and all is run anew with `rerun`.
 *
 * @example
 * const melting = await runExperiment(engine, experiment('melting', melt, grid({ temperature: [0.6, 0.7] })));
 * await melting.wait();
 * console.log(await melting.best('energy.mean'));
 *
 * @throws {HeddleError} INPUT_INVALID for an empty space, PARAMETER_INVALID, FILE_NOT_FOUND, ENGINE_CLOSED, STORE_*
 */
export async function runExperiment<P extends object>(
  engine: Engine,
  experiment: Experiment<P>,
  options: RunExperimentOptions = {},
): Promise<ExperimentHandle<P>> {
  const { parameters = {} } = options;
  const known = experiment as unknown as Experiment;
  const space = pointsOf(known, parameters);
  space.assertNotEmpty();
  await engine.store.putExperiment(await rowOf(engine, known, { ...options, size: space.size }));
  return new ExperimentHandle<P>({
    ...{ engine, options, space },
    experiment: known,
    known: await readKnownRuns(engine.store, experiment.name),
  });
}

async function rowOf(
  engine: Engine,
  experiment: Experiment,
  options: RunExperimentOptions & { readonly size: number },
): Promise<ExperimentRow> {
  const before = await engine.store.experiment(experiment.name);
  const space = dataOf(experiment.space as ParamSpace);
  const settings: ExperimentSettings = {
    parameters: options.parameters ?? {},
    replicas: experiment.replicas,
    size: options.size,
    ...(space === undefined ? {} : { space }),
    ...(experiment.metric === undefined ? {} : { metric: experiment.metric }),
    ...(options.origin === undefined ? {} : { origin: options.origin }),
  };
  const now = engine.now;
  return {
    name: experiment.name,
    createdAt: before?.createdAt ?? now,
    updatedAt: now,
    wish: '',
    settings: JSON.stringify(settings),
  };
}

function dataOf(space: ParamSpace): Json | undefined {
  const data = space.toData();
  if (data !== undefined) return data;
  const points: Param[] = [];
  for (const point of space) {
    points.push(point);
    if (points.length > WRITTEN_DOWN) return undefined;
  }
  return { list: points };
}
