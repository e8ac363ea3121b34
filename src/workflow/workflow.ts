import { type FileValue, type Graph, GraphBuilder, HeddleError } from '../model/index.ts';
import { FileInput } from './data.ts';
import type { Placeholder, Symbolic } from './placeholder.ts';
import { currentRecorder, Recorder, recorded } from './recorder.ts';

const brand = Symbol.for('heddle.workflow');

/** A function of parameters that yields a graph. */
export interface Workflow<P> {
  readonly name: string;
  /** @throws {HeddleError} GRAPH_*, TEMPLATE_INVALID, PLACEHOLDER_USED, INPUT_INVALID */
  build(...parameters: unknown extends P ? [parameters?: unknown] : [parameters: P]): Graph;
}

/** A workflow that can stand in another: called there, it records what it consists of, and gives what its function returns. */
export interface CallableWorkflow<P, Result> extends Workflow<P> {
  (...parameters: unknown extends P ? [parameters?: unknown] : [parameters: Symbolic<P>]): Result;
}

/**
 * Names a workflow. Its function is called when a graph is built; tasks called inside it are
 * recorded, and edges follow from the values they are given. It must not wait for anything. Called inside another
 * workflow, it is a part of that: its tasks are named behind it, `melt-1/simulate-1`.
 *
 * @example
 * export default workflow('melt', (p: { temperatures: number[] }) =>
 *   analyze({ energies: p.temperatures.map((temperature) => simulate({ temperature }).energy) }));
 */
export function workflow<P, Result>(name: string, build: (parameters: P) => Result): CallableWorkflow<P, Result> {
  return workflowWithin(name, build, (make) => make());
}

/** As `workflow`; `around` is what its graphs are made in, and may say more about what is thrown. */
export function workflowWithin<P, Result>(
  name: string,
  build: (parameters: P) => Result,
  around: (make: () => Graph) => Graph,
): CallableWorkflow<P, Result> {
  if (typeof name !== 'string' || name === '' || typeof build !== 'function') {
    throw new HeddleError('INPUT_INVALID', 'a workflow is a name and a function of its parameters', {
      hint: "workflow('melt', (p) => ...)",
    });
  }
  const built = (parameters: unknown): Result => {
    const result = build((parameters ?? {}) as P);
    if (!(result instanceof Promise)) return result;
    // Its failure, if any, is a consequence: the cause is told here.
    result.catch(() => undefined);
    throw new HeddleError('GRAPH_INVALID', `workflow '${name}' returns a promise`, {
      hint: 'what builds a graph is synchronous: drop async, and read files before or inside a task',
    });
  };
  const nested = (parameters?: unknown): Result => currentRecorder(name).within(name, () => built(parameters));
  return Object.freeze(
    Object.defineProperties(nested, {
      name: { value: name },
      [brand]: { value: true },
      build: {
        value: (parameters?: unknown): Graph => {
          const recorder = new Recorder(name);
          return around(() => recorded(recorder, () => recorder.graph(built(parameters))));
        },
        enumerable: true,
      },
    }),
  ) as unknown as CallableWorkflow<P, Result>;
}

/** Says whether a value is a workflow; holds across copies of the package. */
export function isWorkflow(value: unknown): value is Workflow<unknown> {
  return (typeof value === 'object' || typeof value === 'function') && value !== null && brand in value;
}

/** Builds a graph node by node, without a workflow: for graphs of any size and for programs that translate into ours. */
export function graph(name: string, build: (builder: GraphBuilder) => void): Graph {
  const builder = new GraphBuilder(name);
  build(builder);
  return builder.build();
}

/** A file of the user's own. A relative path starts at the project's directory. */
export function input(path: string): Placeholder<FileValue> {
  if (path === '' || path.includes('\0')) {
    throw new HeddleError('INPUT_INVALID', `${JSON.stringify(path)} is no path of a file`, {
      hint: "input('data/reads.fq')",
    });
  }
  return new FileInput(path) as unknown as Placeholder<FileValue>;
}
