import { ACCEPT_ALL, DATA_EDGE, type Definition, definitionOf, HeddleError } from '../model/index.ts';
import { type CallHandle, callHandle } from './handle.ts';
import { type BodyInput, jsonPart, type Part } from './placeholder.ts';
import {
  GATHER_SUFFIX,
  type Inside,
  type NodeRecord,
  type RecordedBody,
  Recorder,
  recorded,
  type RecordEdge,
  valueEdges,
} from './recorder.ts';

/** What a body's function is called with. */
export type BodyInputs = (what: BodyInput['what']) => Part<unknown>;

/** Calls the function of a body once, with placeholders for what it is given, and takes up what it records. */
export function recordBody(outer: Inside, build: (inputs: BodyInputs) => unknown): RecordedBody {
  const recorder = new Recorder(outer.recorder.workflow, outer);
  const inputs: BodyInputs = (what) => jsonPart({ origin: { recorder, what }, path: [] });
  return recorded(recorder, () => {
    const result = build(inputs);
    if (!(result instanceof Promise)) return recorder.body(result);
    // Its failure, if any, is a consequence: the cause is told here.
    result.catch(() => undefined);
    throw new HeddleError('GRAPH_INVALID', `the function of a ${outer.what} returns a promise`, {
      hint: 'what builds a graph is synchronous: drop async, and wait inside a task',
    });
  });
}

/** A control node to be, and its gather. */
export interface NewControl {
  readonly kind: Inside['what'];
  readonly name: string | undefined;
  /** Payload, but for the name of the gather. */
  readonly payload: Readonly<Record<string, unknown>>;
  /** Records whose values decide what it becomes. */
  readonly uses: ReadonlySet<NodeRecord>;
  readonly bodies: readonly RecordedBody[];
  readonly isSettled?: boolean;
}

const DEFINITIONS: Readonly<Record<Inside['what'] | 'gather', Definition>> = {
  map: definitionOf('map', 'control', {}),
  branch: definitionOf('branch', 'control', {}),
  loop: definitionOf('loop', 'control', {}),
  gather: definitionOf('gather', 'control', {}),
};

/** Records a control node and its gather, and gives a handle of what they come to. */
export function recordControl<Result>(recorder: Recorder, control: NewControl): CallHandle<Result> {
  const { kind, name, payload, uses, bodies, isSettled } = control;
  const made = recorder.record({
    definition: DEFINITIONS[kind],
    payload: (own) => JSON.stringify({ ...payload, gather: `${own}${GATHER_SUFFIX}` }),
    edges: valueEdges(kind, uses),
    expectedMs: 0,
    published: [...new Set(bodies.flatMap(({ published }) => published))],
  });
  made.name = name;
  // What the instances' values are made of is read by the gather, which so needs an edge from it: an order edge, since not
  // every branch is chosen.
  const mentioned = new Set([...uses, ...bodies.flatMap(({ mentions }) => mentions)]);
  const gather = recorder.record({
    definition: DEFINITIONS.gather,
    gathers: made,
    payload: (own) => JSON.stringify({ control: 'gather', of: own, ...(isSettled === true ? { settled: true } : {}) }),
    edges: [
      { upstream: made, accept: DATA_EDGE },
      ...Array.from(mentioned, (upstream): RecordEdge => ({ upstream, accept: ACCEPT_ALL })),
    ],
    expectedMs: 0,
    published: [],
  });
  return callHandle<Result>(gather, () => {
    throw new HeddleError('INPUT_INVALID', `a ${kind} runs on no backend itself`, {
      hint: `choose one for the tasks inside: task.on('name')(...)`,
    });
  });
}
