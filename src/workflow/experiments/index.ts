/** Parameters, parameter spaces, and experiments: a workflow over many points. */
export type { SpaceCondition } from './condition.ts';
export { choice, type Distribution, integer, logUniform, normal, uniform } from './distribution.ts';
export {
  experiment,
  type Experiment,
  type ExperimentOptions,
  isExperiment,
  type Metric,
  type PointResult,
  pointsOf,
} from './experiment.ts';
export { ExperimentHandle, type PointView } from './experiment-handle.ts';
export type { ExperimentCounts, ExperimentView, PointEvent, RunExperimentOptions } from './experiment-options.ts';
export { bestOf, cellOf, type ExperimentTable, type PointRow, readExperimentTable } from './experiment-table.ts';
export { type ExperimentSettings, type KnownRun, pointText, runsOf, settingsOf } from './known-runs.ts';
export { Param } from './param.ts';
export { ParamSpace } from './param-space.ts';
export { range } from './range.ts';
export type { Scalar } from './result-columns.ts';
export { runExperiment } from './run-experiment.ts';
export { latinHypercube, random, type SampleOptions, sobol } from './sampled-spaces.ts';
export { type DataPath, spaceFromData, type SpaceDataOptions } from './space-data.ts';
export { fromCsv, grid, list, product, union, zip } from './spaces.ts';
export { planExperiment, type PlanExperimentOptions, type PlannedPoint } from './plan-experiment.ts';
