import {
  type CommandPayload,
  criticalPath,
  type Graph,
  HeddleError,
  type Json,
  type Payload,
  textAt,
} from '../../model/index.ts';

/** What is known of one job that ran. */
export interface ExecutedTask {
  readonly runtimeSeconds: number;
  /** Epoch milliseconds. */
  readonly startedAt?: number;
  readonly maxRssBytes?: number;
  /** Bytes of each output by its name. */
  readonly outputBytes?: Readonly<Record<string, number>>;
}

export interface WfFormatResults {
  /** Of the job at a position in the graph; undefined for one that did not run. */
  readonly task?: (i: number) => ExecutedTask | undefined;
  readonly makespanSeconds?: number;
  /** Epoch milliseconds. */
  readonly startedAt?: number;
}

/** The ids WfFormat lets tasks name as parents. */
const TASK_ID = /^[0-9a-zA-Z\-_.#]+$/;
const NOT_IN_FILE_ID = /[^0-9a-zA-Z\-_./:#]/g;

/**
 * Writes a graph as WfFormat 1.5, piece by piece. A trace that was imported comes out as a trace whose import is the same graph;
 * of any other graph the shape, the files and the times are kept, and commands become waits: WfFormat has no place for what a task does.
 *
 * @throws {HeddleError} INPUT_INVALID for a task whose name WfFormat can't carry, or a graph without tasks
 */
export function* exportWfFormat(graph: Graph, results: WfFormatResults = {}): Generator<string, void> {
  if (graph.size === 0)
    throw new HeddleError('INPUT_INVALID', 'a trace needs at least one task', { hint: 'export a graph that has some' });
  const writer = new TraceWriter(graph, results);
  yield `{"name":${JSON.stringify(graph.name)},"schemaVersion":"1.5","workflow":{"specification":{"tasks":[\n`;
  for (let i = 0; i < graph.size; i += 1) yield `${i === 0 ? '' : ',\n'}${JSON.stringify(writer.specification(i))}`;
  yield '\n],"files":[\n';
  let first = true;
  for (const file of writer.files()) {
    yield `${first ? '' : ',\n'}${JSON.stringify(file)}`;
    first = false;
  }
  const execution = {
    makespanInSeconds: writer.makespanSeconds(),
    executedAt: new Date(results.startedAt ?? 0).toISOString(),
  };
  yield `\n]},"execution":{${JSON.stringify(execution).slice(1, -1)},"tasks":[\n`;
  for (let i = 0; i < graph.size; i += 1) yield `${i === 0 ? '' : ',\n'}${JSON.stringify(writer.execution(i))}`;
  yield '\n]}}}\n';
}

class TraceWriter {
  readonly #graph: Graph;
  readonly #results: WfFormatResults;
  /** Names of those that need each task. */
  readonly #children: readonly (readonly string[])[];
  /** Edges that no file carries, where others into the same task have one: they get a file, since both sides must agree. */
  readonly #carriers = new Map<number, Set<number>>();
  readonly #external = new Set<string>();

  constructor(graph: Graph, results: WfFormatResults) {
    this.#graph = graph;
    this.#results = results;
    const children: string[][] = Array.from({ length: graph.size }, () => []);
    for (let i = 0; i < graph.size; i += 1) {
      const name = this.#nameOf(i);
      if (!TASK_ID.test(name)) {
        throw new HeddleError('INPUT_INVALID', `WfFormat can't name a task '${name}'`, {
          hint: 'letters, digits, - _ . and # can be in an id: rename the task',
        });
      }
      const { upstream, carried } = this.#upstream(i);
      for (const from of upstream) {
        (children[from] as string[]).push(name);
        if (carried.size === 0 && this.#externalInputs(i).length === 0) continue;
        if (!carried.has(from)) this.#carriers.set(from, (this.#carriers.get(from) ?? new Set()).add(i));
      }
      for (const file of this.#externalInputs(i)) this.#external.add(file);
    }
    this.#children = children;
  }

  specification(i: number): Json {
    const { upstream, inputs } = this.#upstream(i);
    const carriers = upstream.filter((from) => this.#carriers.get(from)?.has(i)).map((from) => this.#carrierOf(from));
    return {
      name: this.#graph.definitions[this.#graph.definitionOf[i] as number]?.name ?? '',
      id: this.#nameOf(i),
      parents: upstream.map((from) => this.#nameOf(from)),
      children: this.#children[i] as readonly string[],
      inputFiles: [...new Set([...inputs, ...carriers, ...this.#externalInputs(i)])],
      outputFiles: this.#outputs(i).map(({ id }) => id),
    };
  }

  execution(i: number): Json {
    const known = this.#results.task?.(i);
    const recorded = this.#payload(i)?.replay?.seconds ?? (this.#graph.expectedMs[i] as number) / 1000;
    return {
      id: this.#nameOf(i),
      runtimeInSeconds: known?.runtimeSeconds ?? recorded,
      ...(known?.startedAt === undefined ? {} : { executedAt: new Date(known.startedAt).toISOString() }),
      ...(known?.maxRssBytes === undefined ? {} : { memoryInBytes: known.maxRssBytes }),
    };
  }

  *files(): Generator<Json, void> {
    const seen = new Set<string>();
    for (let i = 0; i < this.#graph.size; i += 1) {
      for (const { id, bytes } of this.#outputs(i)) {
        seen.add(id);
        yield { id, sizeInBytes: bytes };
      }
    }
    for (const id of this.#external) if (!seen.has(id)) yield { id, sizeInBytes: 0 };
  }

  makespanSeconds(): number {
    return this.#results.makespanSeconds ?? criticalPath(this.#graph).lengthMs / 1000;
  }

  #nameOf(i: number): string {
    return textAt(this.#graph.names, i);
  }

  #json(i: number): Json {
    const json = textAt(this.#graph.payloads, i);
    return json === '' ? null : (JSON.parse(json) as Json);
  }

  #payload(i: number): CommandPayload | undefined {
    const payload = this.#json(i) as unknown as Payload | null;
    return payload === null || 'call' in payload ? undefined : payload;
  }

  /** A replay's outputs are named by the file ids they came from; others get one from the job's name. */
  #fileId(
    i: number,
    payload: CommandPayload | undefined,
    output: { readonly name: string; readonly path: string },
  ): string {
    const id = payload?.replay === undefined ? `${this.#nameOf(i)}/${output.path}` : output.name;
    return id.replaceAll(NOT_IN_FILE_ID, '_');
  }

  #carrierOf(from: number): string {
    return `${this.#nameOf(from)}/.done`;
  }

  #outputs(i: number): { readonly id: string; readonly bytes: number }[] {
    const payload = this.#payload(i);
    const measured = this.#results.task?.(i)?.outputBytes;
    const outputs = (payload?.outputs ?? []).map((output, k) => ({
      id: this.#fileId(i, payload, output),
      bytes: measured?.[output.name] ?? payload?.replay?.bytes?.[k] ?? 0,
    }));
    return this.#carriers.has(i) ? [...outputs, { id: this.#carrierOf(i), bytes: 0 }] : outputs;
  }

  /** Who task i waits for, which files it takes from them, and from whom it takes any. */
  #upstream(i: number): {
    readonly upstream: readonly number[];
    readonly inputs: readonly string[];
    readonly carried: ReadonlySet<number>;
  } {
    const { edgeOffsets, edgeFrom, base } = this.#graph;
    const upstream = new Set<number>();
    for (let e = edgeOffsets[i] as number; e < (edgeOffsets[i + 1] as number); e += 1)
      upstream.add((edgeFrom[e] as number) - base);
    const inputs: string[] = [];
    const carried = new Set<number>();
    for (const [node, name] of this.#refs(i)) {
      const from = node - base;
      const payload = this.#payload(from);
      for (const output of payload?.outputs ?? []) {
        if (name !== undefined && output.name !== name) continue;
        inputs.push(this.#fileId(from, payload, output));
        carried.add(from);
      }
    }
    return { upstream: [...upstream], inputs, carried };
  }

  /** The node and the first step of every ref in a payload. */
  #refs(i: number): readonly (readonly [node: number, output: unknown])[] {
    const found: (readonly [number, unknown])[] = [];
    collect(this.#json(i), '$ref', (ref) => found.push(ref as unknown as readonly [number, unknown]));
    return found;
  }

  #externalInputs(i: number): readonly string[] {
    const found: string[] = [];
    collect(this.#json(i), '$file', (path) =>
      found.push((path as string).replace(/^\/+/, '').replaceAll('..', '_').replaceAll(NOT_IN_FILE_ID, '_')),
    );
    return found;
  }
}

/** Finds every `$ref` or `$file` in a payload. */
function collect(json: Json, key: '$ref' | '$file', take: (value: Json) => void): void {
  if (typeof json !== 'object' || json === null) return;
  if (Array.isArray(json)) {
    for (const element of json as readonly Json[]) collect(element, key, take);
    return;
  }
  for (const [name, member] of Object.entries(json as Readonly<Record<string, Json>>)) {
    if (name === key) take(member);
    else if (name !== '$ref' && name !== '$file') collect(member, key, take);
  }
}
