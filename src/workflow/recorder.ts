import {
  acceptMask,
  type Definition,
  FINAL_STATUSES,
  type FinalStatus,
  type Graph,
  GraphBuilder,
  HeddleError,
  type Json,
  type NewEdge,
} from '../model/index.ts';
import { toData } from './data.ts';
import { foreign } from './placeholder.ts';

/** One call of a definition inside a workflow: a node to be. */
export interface NodeRecord {
  readonly recorder: Recorder;
  /** Index in the graph. */
  readonly index: number;
  /** May be changed until the graph is built (`.on`). */
  definition: Definition;
  /** As given by `.named`; undefined: numbered by its task's name. */
  name: string | undefined;
  readonly payload: string;
  readonly edges: NewEdge[];
  readonly expectedMs: number;
  /** Where results are published, to find two that claim one path. */
  readonly published: readonly string[];
}

export type NewRecord = Pick<NodeRecord, 'definition' | 'payload' | 'edges' | 'expectedMs' | 'published'>;

/** Takes up the calls made while one workflow function runs, and makes them a graph. */
export class Recorder {
  readonly workflow: string;
  readonly #records: NodeRecord[] = [];

  constructor(workflow: string) {
    this.workflow = workflow;
  }

  record(node: NewRecord): NodeRecord {
    const record: NodeRecord = { recorder: this, index: this.#records.length, name: undefined, ...node };
    this.#records.push(record);
    return record;
  }

  /** @throws {HeddleError} GRAPH_DUPLICATE, GRAPH_CYCLE, GRAPH_INVALID */
  graph(result: unknown): Graph {
    const builder = new GraphBuilder(this.workflow);
    const nextName = this.#autoNames();
    const publishers = new Map<string, string>();
    for (const record of this.#records) {
      const name = record.name ?? nextName(record.definition.name);
      const { definition, payload, edges, expectedMs } = record;
      builder.add(name, { definition, payload, edges, expectedMs });
      for (const path of record.published) claim(publishers, path, name);
    }
    if (result !== undefined) {
      const data: Json = toData(result, { recorder: this, uses: new Set() }, 'what the workflow returns');
      builder.returns(JSON.stringify(data));
    }
    return builder.build();
  }

  /** `simulate-1`, `simulate-2`, ... in order of the calls, leaving out what was named by hand. */
  #autoNames(): (task: string) => string {
    const taken = new Set(this.#records.map((record) => record.name));
    const counters = new Map<string, number>();
    return (task) => {
      let count = counters.get(task) ?? 0;
      do count += 1;
      while (taken.has(`${task}-${count}`));
      counters.set(task, count);
      return `${task}-${count}`;
    };
  }
}

function claim(publishers: Map<string, string>, path: string, name: string): void {
  const other = publishers.get(path);
  if (other !== undefined) {
    throw new HeddleError('GRAPH_INVALID', `'${other}' and '${name}' both publish '${path}'`, {
      hint: 'publish under a path made from the parameters: .publish((p) => `.../${p.x}.json`)',
    });
  }
  publishers.set(path, name);
}

/** An order edge of a record upon another. @throws {HeddleError} GRAPH_INVALID */
export function addOrderEdge(record: NodeRecord, upstream: NodeRecord, statuses: readonly FinalStatus[]): void {
  if (upstream.recorder !== record.recorder) throw foreign(upstream);
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
  record.edges.push({ from: upstream.index, accept });
}

/** The recorder of the workflow function that runs now. Builders are synchronous, so there is at most one. */
let current: Recorder | undefined;

/** @throws {HeddleError} GRAPH_INVALID outside a workflow function */
export function currentRecorder(task: string): Recorder {
  if (current !== undefined) return current;
  throw new HeddleError('GRAPH_INVALID', `'${task}' is called outside a workflow`, {
    hint: "call it inside workflow('name', (p) => ...); a call only describes work, and does none",
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
