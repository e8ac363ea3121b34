import {
  acceptMask,
  type AcceptMask,
  type Body,
  type BodyNode,
  type ControlPayload,
  DATA_EDGE,
  type Definition,
  FINAL_STATUSES,
  type FinalStatus,
  type Graph,
  GraphBuilder,
  HeddleError,
  type Hole,
  type Json,
  type NewEdge,
  type Payload,
  type Ref,
} from '../model/index.ts';
import { toData } from './data.ts';
import { checkControlGraph, checkReachable } from './graph-checks.ts';
import { foreign, isBodyInput, type Source } from './placeholder.ts';

/**
 * The inside of the typed builder, for rooms that describe work without TypeScript functions (YAML): everything that a call
 * of a definition does is `currentRecorder(task).record({...})`, which gives the record of a node to be.
 *
 * - `recorded(recorder, build)` runs a function with a recorder in place; `recorder.graph(result)` ends it.
 * - `recorder.record(node)` adds a node; `edges` name the records it needs (`dataEdges(uses)`).
 * - `toData(value, { recorder, uses })` writes values with handles in them, and adds to `uses` what they need.
 * - `callHandle(record, redefine)` makes the handle of a record; `jsonPart({ origin, path })` a part of it by names and indices.
 * - `checkDeclared(nodes, result)` of a graph as JSON refuses parts that no command declares, with the nearest name.
 * - `map`, `branch`, `choose`, `when`, `loop` take functions that record: one made from a YAML node does as well as one of
 *   the user's. Inside of them the current recorder is the body's.
 */

/** An edge into a record. */
export interface RecordEdge {
  readonly upstream: NodeRecord;
  /** `DATA_EDGE`, or what an order edge accepts. */
  readonly accept: AcceptMask;
}

/** One call of a definition inside a workflow: a node to be. */
export interface NodeRecord {
  readonly recorder: Recorder;
  /** Index in what is recorded: the graph, or a body. */
  readonly index: number;
  /** May be changed until the graph is built (`.on`). */
  definition: Definition;
  /** As given by `.named`; undefined: numbered by its task's name. */
  name: string | undefined;
  /** The nested workflow it belongs to. */
  readonly scope: NameScope | undefined;
  /** Of a gather: its control node. The handle is the gather's; name and order edges are meant for the control node. */
  readonly gathers: NodeRecord | undefined;
  /** JSON; of control nodes and gathers, which know each other by name, made from their control node's name. */
  readonly payload: string | ((name: string) => string);
  readonly edges: RecordEdge[];
  readonly expectedMs: number;
  /** Where results are published, to find two that claim one path. */
  readonly published: readonly string[];
  /** It ends without a value that anybody could take: what waits for it can only wait. */
  readonly isValueless: boolean;
}

export type NewRecord = Pick<NodeRecord, 'definition' | 'payload' | 'edges' | 'expectedMs' | 'published'> &
  Partial<Pick<NodeRecord, 'gathers' | 'isValueless'>>;

/** What a body's recorder is inside of. */
export interface Inside {
  readonly recorder: Recorder;
  /** For people. */
  readonly what: 'map' | 'branch' | 'loop';
}

/** What `Recorder.body` gives: the body, and what its nodes publish under names that are known. */
export interface RecordedBody {
  readonly body: Body;
  readonly published: readonly string[];
  /** Records outside of the body that its value is made of. */
  readonly mentions: readonly NodeRecord[];
}

/** Takes up the calls made while one workflow function, or the function of a body, runs, and makes them a graph or a body. */
export class Recorder {
  readonly workflow: string;
  readonly #outer: Inside | undefined;
  readonly #records: NodeRecord[] = [];
  /** The nested workflow whose function runs now. */
  #scope: NameScope | undefined;

  constructor(workflow: string, outer?: Inside) {
    this.workflow = workflow;
    this.#outer = outer;
  }

  /** What it is the inside of; undefined for a whole workflow. */
  get inside(): Inside['what'] | undefined {
    return this.#outer?.what;
  }

  /** Whether what it records may be there many times in one run. */
  get repeats(): boolean {
    return this.repeatsAt() !== undefined;
  }

  /** How far out the nearest body is that may be there many times; undefined when none is. */
  repeatsAt(): number | undefined {
    if (this.#outer === undefined) return undefined;
    if (this.#outer.what !== 'branch') return 0;
    const further = this.#outer.recorder.repeatsAt();
    return further === undefined ? undefined : further + 1;
  }

  get size(): number {
    return this.#records.length;
  }

  /** Nodes recorded from a number on. */
  since(index: number): readonly NodeRecord[] {
    return this.#records.slice(index);
  }

  record(node: NewRecord): NodeRecord {
    // Field by field: what is spread together takes twice the memory, and there may be a million.
    const { definition, payload, edges, expectedMs, published, gathers, isValueless = false } = node;
    const record: NodeRecord = {
      recorder: this,
      index: this.#records.length,
      definition,
      name: undefined,
      scope: this.#scope,
      gathers,
      payload,
      edges,
      expectedMs,
      published,
      isValueless,
    };
    this.#records.push(record);
    return record;
  }

  /** The names that its jobs have by now: what is recorded later, or named by hand, may still change them. */
  names(): ReadonlyMap<NodeRecord, string> {
    const names = [...namesOf(this.#records)];
    return new Map(this.#records.map((record, i) => [record, names[i] as string]));
  }

  /** Runs a nested workflow's function: what it records has names of its own. */
  within<Result>(workflow: string, build: () => Result): Result {
    const outer = this.#scope;
    this.#scope = { workflow, outer, first: this.#records.length };
    try {
      return build();
    } finally {
      this.#scope = outer;
    }
  }

  /** How many bodies lie between this recorder and another; undefined when that is not around this one. */
  depthOf(other: Recorder): number | undefined {
    if (other === this) return 0;
    const further = this.#outer?.recorder.depthOf(other);
    return further === undefined ? undefined : further + 1;
  }

  /** How a placeholder is written where this records: a ref to what is outside of all bodies, else a hole. */
  place({ origin, path }: Source): Ref | Hole {
    const depth = this.depthOf(origin.recorder);
    if (depth === undefined) throw foreign(origin);
    if (isBodyInput(origin)) return { $hole: [depth, origin.what, ...path] };
    return origin.recorder.inside === undefined
      ? { $ref: [origin.index, ...path] }
      : { $hole: [depth, origin.index, ...path] };
  }

  /** @throws {HeddleError} GRAPH_DUPLICATE, GRAPH_CYCLE, GRAPH_INVALID */
  graph(result: unknown): Graph {
    const builder = new GraphBuilder(this.workflow);
    const names = namesOf(this.#records);
    const publishers = new Map<string, string>();
    this.#records.forEach((record) => {
      const name = names.next().value as string;
      const { definition, expectedMs } = record;
      const edges = record.edges.map(({ upstream, accept }): NewEdge => ({ from: upstream.index, accept }));
      builder.add(name, { definition, payload: payloadOf(record, name), edges, expectedMs });
      for (const path of record.published) claim(publishers, path, name);
    });
    if (result !== undefined) {
      const data: Json = toData(result, { recorder: this, uses: new Set() }, 'what the workflow returns');
      builder.returns(JSON.stringify(data));
    }
    const graph = builder.build();
    checkControlGraph(graph);
    checkReachable(graph);
    return graph;
  }

  /** What was recorded, as a body. @throws {HeddleError} GRAPH_DUPLICATE, GRAPH_INVALID, TEMPLATE_INVALID */
  body(result: unknown): RecordedBody {
    const names = namesOf(this.#records);
    const publishers = new Map<string, string>();
    const taken = new Set<string>();
    const nodes = this.#records.map((record): BodyNode => {
      const name = names.next().value as string;
      if (taken.size === taken.add(name).size) throw twice(name, this.inside as string);
      for (const path of record.published) claim(publishers, path, name);
      const payload = payloadOf(record, name);
      return {
        name,
        definition: record.definition,
        edges: record.edges.map(({ upstream, accept }) => ({ from: this.#from(upstream), accept })),
        ...(payload === '' ? {} : { payload: JSON.parse(payload) as Payload | ControlPayload }),
        ...(record.expectedMs === 0 ? {} : { expectedMs: record.expectedMs }),
      };
    });
    const scope = { recorder: this, uses: new Set<NodeRecord>() };
    const data = result === undefined ? null : toData(result, scope, `what the ${this.inside} returns`);
    const mentions = [...scope.uses].filter(({ recorder }) => recorder !== this);
    return { body: { nodes, result: data }, published: [...publishers.keys()], mentions };
  }

  #from(upstream: NodeRecord): number | Hole {
    if (upstream.recorder.inside === undefined) return upstream.index;
    return { $hole: [this.depthOf(upstream.recorder) as number, upstream.index] };
  }
}

function payloadOf({ payload, gathers }: NodeRecord, name: string): string {
  if (typeof payload === 'string') return payload;
  return payload(gathers === undefined ? name : name.slice(0, -GATHER_SUFFIX.length));
}

/** Of the name of a gather, behind its control node's. */
export const GATHER_SUFFIX = '/gather';

function twice(name: string, inside: string): HeddleError {
  return new HeddleError('GRAPH_DUPLICATE', `two tasks of a ${inside} are named '${name}'`, {
    details: { name },
    hint: 'give one of them another name',
  });
}

function claim(publishers: Map<string, string>, path: string, name: string): void {
  const other = publishers.get(path);
  if (other !== undefined) {
    throw new HeddleError('GRAPH_INVALID', `'${other}' and '${name}' both publish '${path}'`, {
      hint: 'publish under a path with a parameter in it: .publish((p) => `.../${p.x}.json`), in YAML publish: .../${x}.json',
    });
  }
  publishers.set(path, name);
}

/** Edges that need the values of these. */
export function dataEdges(uses: Iterable<NodeRecord>): RecordEdge[] {
  // A list that grew by pushing would keep room for a dozen more.
  return [...uses].map((upstream) => {
    if (latest?.upstream !== upstream) latest = { upstream, accept: DATA_EDGE };
    return latest;
  });
}

/** Many nodes in a row that need one are ordinary: a million of them share an edge. */
let latest: RecordEdge | undefined;

/** @throws {HeddleError} GRAPH_INVALID when the value of something is wanted that has none */
export function valueEdges(task: string, uses: Iterable<NodeRecord>): RecordEdge[] {
  for (const { isValueless, definition } of uses) {
    if (!isValueless) continue;
    throw new HeddleError('GRAPH_INVALID', `'${task}' needs the value of '${definition.name}', which has none`, {
      hint: `to wait for its end only: .after(${definition.name}(...))`,
    });
  }
  return dataEdges(uses);
}

/** An order edge of a record upon another. @throws {HeddleError} GRAPH_INVALID */
export function addOrderEdge(record: NodeRecord, upstream: NodeRecord, statuses: readonly FinalStatus[]): void {
  if (record.recorder.depthOf(upstream.recorder) === undefined) throw foreign(upstream);
  const accept = acceptMask(statuses);
  if (accept === 0) {
    throw new HeddleError(
      'GRAPH_INVALID',
      `'${record.definition.name}' waits for an end of '${upstream.definition.name}' and accepts none`,
      {
        hint: `name at least one of ${FINAL_STATUSES.join(', ')}`,
      },
    );
  }
  record.edges.push({ upstream, accept });
}

/** The recorder of the workflow function, or of the body, that runs now. Builders are synchronous, so there is at most one. */
let current: Recorder | undefined;

/** @throws {HeddleError} GRAPH_INVALID outside a workflow function */
export function currentRecorder(task: string): Recorder {
  if (current !== undefined) return current;
  throw new HeddleError('GRAPH_INVALID', `'${task}' is called outside a workflow`, {
    hint:
      "call it inside workflow('name', (p) => ...); a call only describes work, and does none\n" +
      'a task that wants what another one does calls a plain function that both share',
  });
}

/** Runs a workflow function with a recorder in place. */
export function recorded<Result>(recorder: Recorder, build: () => Result): Result {
  const outer = current;
  current = recorder;
  try {
    return build();
  } finally {
    current = outer;
  }
}

/** A nested workflow: what its function records has names that begin with its own. */
export interface NameScope {
  readonly workflow: string;
  readonly outer: NameScope | undefined;
  /** Where in what is recorded it began. */
  readonly first: number;
}

/**
 * Names of all records in their order: as given by hand, else `simulate-1`, `simulate-2`, ... in order of the calls,
 * leaving out what was given by hand. Inside a nested workflow it all stands behind that one's own name, `sub-1/simulate-1`.
 */
function* namesOf(records: readonly NodeRecord[]): Generator<string, void> {
  const namer = new Namer(records);
  const controls = new Map<NodeRecord, string>();
  for (const record of records) {
    const { gathers, definition } = record;
    const name = gathers === undefined ? namer.name(record) : `${controls.get(gathers) as string}${GATHER_SUFFIX}`;
    if (definition.kind === 'control') controls.set(record, name);
    yield name;
  }
}

class Namer {
  readonly #byHand = new Map<NameScope | undefined, Set<string>>();
  readonly #counters = new Map<NameScope | undefined, Map<string, number>>();
  readonly #prefixes = new Map<NameScope | undefined, string>([[undefined, '']]);

  constructor(records: readonly NodeRecord[]) {
    for (const { name, scope } of records) {
      if (name === undefined) continue;
      const names = this.#byHand.get(scope);
      if (names === undefined) this.#byHand.set(scope, new Set([name]));
      else names.add(name);
    }
  }

  name({ name, scope, definition }: NodeRecord): string {
    return `${this.#prefixOf(scope)}${name ?? this.#next(scope, definition.name)}`;
  }

  #prefixOf(scope: NameScope | undefined): string {
    const known = this.#prefixes.get(scope);
    if (known !== undefined || scope === undefined) return known ?? '';
    const prefix = `${this.#prefixOf(scope.outer)}${this.#next(scope.outer, scope.workflow)}/`;
    this.#prefixes.set(scope, prefix);
    return prefix;
  }

  #next(scope: NameScope | undefined, task: string): string {
    let counters = this.#counters.get(scope);
    if (counters === undefined) this.#counters.set(scope, (counters = new Map()));
    const taken = this.#byHand.get(scope);
    let count = counters.get(task) ?? 0;
    do count += 1;
    while (taken?.has(`${task}-${count}`) === true);
    counters.set(task, count);
    return `${task}-${count}`;
  }
}
