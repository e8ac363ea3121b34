import { type CallPayload, type Definition, type DurationInput, parseDuration } from '../model/index.ts';
import { type DataScope, toData } from './data.ts';
import { type Handle, handleMaker } from './handle.ts';
import { definitionOf } from './policy.ts';
import { currentRecorder, dataEdges, type NodeRecord } from './recorder.ts';

const NOTHING: readonly string[] = [];

type NoOutputs = Record<never, never>;

/** A call that computes nothing, as a task. */
export interface BuiltinTask<Arguments extends readonly unknown[]> {
  (...parameters: Arguments): Handle<NoOutputs>;
  readonly definition: Definition;
}

interface Builtin {
  readonly payload: CallPayload | undefined;
  readonly upstream: readonly unknown[];
  readonly expectedMs: number;
}

function builtin<Arguments extends readonly unknown[]>(
  name: string,
  read: (parameters: Arguments) => Builtin,
): BuiltinTask<Arguments> {
  // Nothing is computed: a worker would only be in the way.
  const definition = definitionOf(name, 'call', { backend: 'inline' });
  const makeHandle = handleMaker<NoOutputs>({}, (record, backend, overrides) => {
    record.definition = definitionOf(name, 'call', { ...overrides, backend });
  });
  const call = (...parameters: Arguments): Handle<NoOutputs> => {
    const recorder = currentRecorder(name);
    const scope: DataScope = { recorder, uses: new Set<NodeRecord>() };
    const { payload, upstream, expectedMs } = read(parameters);
    toData(upstream, scope, `what '${name}' waits for`);
    const json = payload === undefined ? '' : JSON.stringify(payload);
    return makeHandle(
      recorder.record({
        ...{ definition, payload: json, edges: dataEdges(scope.uses), expectedMs },
        published: NOTHING,
        isValueless: true,
      }),
    );
  };
  return Object.assign(call, { definition });
}

/** Does nothing, once what it is given is there. For joining branches, tests and benchmarks. */
export const noop: BuiltinTask<readonly unknown[]> = builtin('noop', (upstream) => ({
  payload: undefined,
  upstream,
  expectedMs: 0,
}));

/** Waits, once what it is given is there. */
export const wait: BuiltinTask<readonly [duration: DurationInput, ...upstream: unknown[]]> = builtin(
  'wait',
  ([duration, ...upstream]) => {
    const ms = parseDuration(duration, "duration of 'wait'");
    return { payload: { call: { kind: 'builtin', name: 'wait' }, args: [ms] }, upstream, expectedMs: ms };
  },
);
