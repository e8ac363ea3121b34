import { type FileValue, type Graph, GraphBuilder, HeddleError } from '../model/index.ts';
import { FileInput } from './data.ts';
import type { Placeholder } from './placeholder.ts';
import { Recorder, recorded } from './recorder.ts';

const brand = Symbol.for('heddle.workflow');

/** A function of parameters that yields a graph. */
export interface Workflow<P> {
  readonly name: string;
  /** @throws {HeddleError} GRAPH_*, TEMPLATE_INVALID, PLACEHOLDER_USED, INPUT_INVALID */
  build(...parameters: unknown extends P ? [parameters?: unknown] : [parameters: P]): Graph;
}

/**
 * Names a workflow. Its function is called when a graph is built; tasks called inside it are
 * recorded, and edges follow from the values they are given. It must not wait for anything.
 *
 * @example
 * export default workflow('melt', (p: { temperatures: number[] }) =>
 *   analyze({ energies: p.temperatures.map((temperature) => simulate({ temperature }).energy) }));
 */
export function workflow<P>(name: string, build: (parameters: P) => unknown): Workflow<P> {
  return Object.freeze({
    [brand]: true,
    name,
    build(...parameters: readonly unknown[]): Graph {
      const recorder = new Recorder(name);
      return recorded(recorder, () => {
        const result = build((parameters[0] ?? {}) as P);
        if (result instanceof Promise) {
          // Its failure, if any, is a consequence: the cause is told here.
          result.catch(() => undefined);
          throw new HeddleError('GRAPH_INVALID', `workflow '${name}' returns a promise`, {
            hint: 'what builds a graph is synchronous: drop async, and read files before or inside a task',
          });
        }
        return recorder.graph(result);
      });
    },
  });
}

/** Says whether a value is a workflow; holds across copies of the package. */
export function isWorkflow(value: unknown): value is Workflow<unknown> {
  return typeof value === 'object' && value !== null && brand in value;
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
