import type { EngineEvent, Graph } from '../model/index.ts';

/** Nothing is said before so much has been seen. */
const LEAST_ENDED = 3;
const LEAST_MS = 1500;

/** What is known of the jobs of one kind. */
interface Kind {
  /** Jobs that have yet to end. */
  left: number;
  ended: number;
  /** Of those that ended. */
  totalMs: number;
}

/**
 * Tells how long a run is likely to go on. What a job takes is learned from those of its definition that have ended; of one
 * that none has, from all; or the graph knows it for every job (a recorded trace). The work that is left is done at the rate at
 * which work was done since this began.
 */
export class TimeLeft {
  /** Empty where expected times are not known for every job. */
  readonly #expected: readonly Graph[];
  readonly #graphs: readonly Graph[];
  readonly #startMono: number;
  readonly #kinds = new Map<string, Kind>();
  /** When those that run began, by the wall clock. */
  readonly #began = new Map<number, number>();
  #leftWork: number;
  #endedWork = 0;
  #ended = 0;
  #nowWall = 0;

  /** `open` of `size` jobs have yet to end. Without graphs their kinds and expected times are not known. */
  constructor(
    graphs: readonly Graph[],
    nowMono: number,
    { size, open }: { readonly size: number; readonly open: number },
  ) {
    const known = graphs.length > 0 && graphs.every((graph) => graph.expectedMs.every((weight) => weight > 0));
    this.#graphs = graphs;
    this.#expected = known ? graphs : [];
    this.#startMono = nowMono;
    const share = size === 0 ? 0 : open / size;
    this.#leftWork = share * graphs.reduce((sum, graph) => sum + sumOf(graph.expectedMs), 0);
    if (known) return;
    let named = 0;
    for (const graph of graphs) {
      named += graph.size;
      for (const definition of graph.definitionOf) this.#kind(graph.definitions[definition]?.name ?? '').left += share;
    }
    this.#kind('').left += Math.max(0, size - named) * share;
  }

  hear(events: readonly EngineEvent[]): void {
    for (const event of events) {
      if (event.kind !== 'job') continue;
      this.#nowWall = event.at;
      if (event.status === 'running') this.#begin(event.index, event.at);
      else this.#end(event);
    }
  }

  leftMs(nowMono: number): number | undefined {
    const elapsed = nowMono - this.#startMono;
    if (this.#ended < LEAST_ENDED || elapsed < LEAST_MS || this.#endedWork <= 0) return undefined;
    const left = this.#expected.length > 0 ? this.#leftWork : this.#learnedWork();
    return Math.max(0, left) * (elapsed / this.#endedWork);
  }

  #begin(index: number, at: number): void {
    if (this.#expected.length > 0 || this.#began.has(index)) return;
    this.#began.set(index, at);
  }

  #end({ index, status, at }: Extract<EngineEvent, { kind: 'job' }>): void {
    const isOver = status === 'done' || status === 'failed' || status === 'cancelled';
    const weight = this.#expected.length > 0 ? this.#expectedMs(index) : this.#took(index, at);
    if (!isOver) return;
    this.#leftWork -= weight;
    const kind = this.#expected.length > 0 ? undefined : this.#kindOf(index);
    if (kind !== undefined) kind.left -= 1;
    // What was cancelled took no time and says nothing of the rate.
    if (status === 'cancelled') return;
    this.#endedWork += weight;
    this.#ended += 1;
    if (kind === undefined) return;
    kind.ended += 1;
    kind.totalMs += weight;
  }

  /** How long an attempt took; it runs no more. */
  #took(index: number, at: number): number {
    const began = this.#began.get(index);
    if (began === undefined) return 0;
    this.#began.delete(index);
    return Math.max(0, at - began);
  }

  #learnedWork(): number {
    const meanOfAll = this.#endedWork / Math.max(1, this.#ended);
    const mean = ({ ended, totalMs }: Kind): number => (ended > 0 ? totalMs / ended : meanOfAll);
    let left = 0;
    for (const kind of this.#kinds.values()) left += Math.max(0, kind.left) * mean(kind);
    // Those that run have done part of theirs, and at most all of it.
    for (const [index, began] of this.#began) left -= Math.min(mean(this.#kindOf(index)), this.#nowWall - began);
    return left;
  }

  #kindOf(index: number): Kind {
    const graph = this.#graphs.findLast((segment) => segment.base <= index);
    const definition = graph?.definitionOf[index - graph.base];
    return this.#kind(definition === undefined ? '' : (graph?.definitions[definition]?.name ?? ''));
  }

  #kind(name: string): Kind {
    let kind = this.#kinds.get(name);
    if (kind === undefined) {
      kind = { left: 0, ended: 0, totalMs: 0 };
      this.#kinds.set(name, kind);
    }
    return kind;
  }

  #expectedMs(index: number): number {
    const graph = this.#expected.findLast((segment) => segment.base <= index);
    return graph === undefined ? 1 : (graph.expectedMs[index - graph.base] ?? 1);
  }
}

function sumOf(values: Float64Array): number {
  let sum = 0;
  for (const value of values) sum += value;
  return sum;
}
