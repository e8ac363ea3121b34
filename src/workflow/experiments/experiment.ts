import { HeddleError, type Json, type RunId } from '../../model/index.ts';
import type { Workflow } from '../workflow.ts';
import { frozenParam, type Param } from './param.ts';
import { ParamSpace } from './param-space.ts';
import { grid, list, product } from './spaces.ts';

const brand = Symbol.for('heddle.experiment');

/** What makes a point better than another: a column of the table, by its dotted path. */
export interface Metric {
  readonly path: string;
  /** @default 'min' */
  readonly goal: 'min' | 'max';
}

/** What the workflow returned at a point. */
export interface PointResult<P extends object = Param> {
  readonly parameters: Param<P>;
  readonly run: RunId;
  readonly result: unknown;
}

export interface ExperimentOptions<P extends object = Param> {
  /** What the best point is best in: `'energy.mean'`, or with its goal. The smallest is best where none is said. */
  readonly metric?: string | { readonly path: string; readonly goal?: 'min' | 'max' };
  /** How often each point is run; the workflow is given which time it is as `replica`, from 1. @default 1 */
  readonly replicas?: number;
  /**
   * What all points come to together, told by `heddle run` when they are done: a table, a fit, a comparison. It runs where the
   * experiment was started. What it throws is told as the experiment's failure.
   */
  readonly report?: (results: readonly PointResult<P>[]) => string | Promise<string>;
}

/** A workflow and a parameter space: many runs, compared. */
export interface Experiment<P extends object = Param> {
  readonly name: string;
  readonly workflow: Pick<Workflow<P>, 'name' | 'build'>;
  readonly space: ParamSpace<object>;
  readonly metric: Metric | undefined;
  /** 0 where none were asked for: `replica` is then no parameter. */
  readonly replicas: number;
  readonly report: ExperimentOptions<P>['report'];
}

/**
 * A workflow over a parameter space: one run a point. A point is known by what it is (the workflow's graph and the parameters), so
 * that an experiment that is run again only runs what is new. As a module's default export it is what `heddle run` runs; in a program,
 * `runExperiment(engine, experiment)` does.
 *
 * @example
 * export default experiment('melting', melt, grid({ temperature: range(0.6, 0.8, 0.05) }), { metric: 'energy.mean' })
 *
 * @throws {HeddleError} INPUT_INVALID
 */
export function experiment<P extends object, Q extends Omit<P, 'replica'>>(
  name: string,
  workflow: Workflow<P>,
  space: ParamSpace<Q>,
  options: ExperimentOptions<P> & { readonly replicas: number },
): Experiment<P>;
export function experiment<P extends object, Q extends P>(
  name: string,
  workflow: Workflow<P>,
  space: ParamSpace<Q>,
  options?: ExperimentOptions<P>,
): Experiment<P>;
export function experiment<P extends object>(
  name: string,
  workflow: Workflow<P>,
  space: ParamSpace<object>,
  { metric, replicas, report }: ExperimentOptions<P> = {},
): Experiment<P> {
  if (!isName(name))
    throw invalid(`${JSON.stringify(name)} is no name of an experiment`, 'one without /, not like the id of a run');
  if (typeof (workflow as Workflow<P> | undefined)?.build !== 'function')
    throw invalid(
      `experiment '${name}' has no workflow`,
      "experiment(name, workflow('...', (p) => ...), grid({ ... }))",
    );
  if (!(space instanceof ParamSpace))
    throw invalid(`experiment '${name}' has no parameter space`, 'give one: grid({ temperature: [0.85, 0.9] })');
  if (replicas !== undefined && (!Number.isSafeInteger(replicas) || replicas < 1 || replicas > 1_000_000))
    throw invalid(`experiment '${name}': replicas is ${String(replicas)}`, 'give a whole number, 1 or more');
  return Object.freeze({
    [brand]: true,
    name,
    workflow,
    space,
    metric: metric === undefined ? undefined : metricOf(metric),
    replicas: replicas ?? 0,
    report,
  });
}

function isName(name: unknown): boolean {
  // oxlint-disable-next-line no-control-regex -- control characters are what is looked for
  return (
    typeof name === 'string' &&
    /^[^\s/\u0000-\u001f][^/\u0000-\u001f]{0,199}$/.test(name) &&
    !/^r-[0-9a-z]{20}$/.test(name)
  );
}

function metricOf(metric: string | { readonly path: string; readonly goal?: 'min' | 'max' }): Metric {
  const { path, goal = 'min' } = typeof metric === 'string' ? { path: metric } : metric;
  if (typeof path !== 'string' || path === '' || !['min', 'max'].includes(goal))
    throw invalid(`${JSON.stringify(metric)} is no metric`, "write metric: 'energy.mean', or { path, goal: 'max' }");
  return { path, goal };
}

/** Says whether a value is an experiment; holds across copies of the package. */
export function isExperiment(value: unknown): value is Experiment {
  return typeof value === 'object' && value !== null && brand in value;
}

/**
 * The points of an experiment as its workflow is given them: parameters that are the same for all, then the space's, then
 * `replica`.
 *
 * @throws {HeddleError} PARAMETER_INVALID when one is said twice
 */
export function pointsOf(
  { name, space, replicas }: Pick<Experiment, 'name' | 'space' | 'replicas'>,
  fixed: Readonly<Record<string, Json>> = {},
): ParamSpace {
  const { names } = space;
  const twice = Object.keys(fixed).find((parameter) => names.includes(parameter));
  if (twice !== undefined)
    throw new HeddleError('PARAMETER_INVALID', `parameter '${twice}' is one that experiment '${name}' varies`, {
      details: { parameter: twice },
      hint: 'change the space, or give parameters that it leaves alone',
    });
  const parts: ParamSpace<object>[] = [space];
  if (Object.keys(fixed).length > 0) parts.unshift(list([frozenParam(fixed)]));
  if (replicas > 0) parts.push(grid({ replica: Array.from({ length: replicas }, (_, i) => i + 1) }));
  return parts.length === 1 ? (space as ParamSpace) : product(...parts);
}

function invalid(message: string, hint: string): HeddleError {
  return new HeddleError('INPUT_INVALID', message, { hint });
}
