import type { EngineEvent, Graph } from '../model/index.ts';

/** Nothing is said before so much has been seen. */
const LEAST_ENDED = 3;
const LEAST_MS = 1500;

/**
 * Tells how long a run is likely to go on: the work that is left by the rate at which work ended since this began,
 * work being expected milliseconds where the graph knows them for every job, else numbers of jobs.
 */
export class TimeLeft {
  /** Empty where expected times are not known for every job. */
  readonly #graphs: readonly Graph[];
  readonly #startMono: number;
  #leftWork: number;
  #endedWork = 0;
  #ended = 0;

  /** `open` of `size` jobs have yet to end. Without graphs their expected times are not known. */
  constructor(
    graphs: readonly Graph[],
    nowMono: number,
    { size, open }: { readonly size: number; readonly open: number },
  ) {
    const known = graphs.length > 0 && graphs.every((graph) => graph.expectedMs.every((weight) => weight > 0));
    this.#graphs = known ? graphs : [];
    this.#startMono = nowMono;
    const allWork = known ? graphs.reduce((sum, graph) => sum + sumOf(graph.expectedMs), 0) : size;
    this.#leftWork = size === 0 ? 0 : (allWork * open) / size;
  }

  hear(events: readonly EngineEvent[]): void {
    for (const event of events) {
      if (
        event.kind !== 'job' ||
        (event.status !== 'done' && event.status !== 'failed' && event.status !== 'cancelled')
      )
        continue;
      this.#leftWork -= this.#weight(event.index);
      // What was cancelled took no time and says nothing of the rate.
      if (event.status === 'cancelled') continue;
      this.#endedWork += this.#weight(event.index);
      this.#ended += 1;
    }
  }

  leftMs(nowMono: number): number | undefined {
    const elapsed = nowMono - this.#startMono;
    if (this.#ended < LEAST_ENDED || elapsed < LEAST_MS || this.#endedWork <= 0) return undefined;
    return Math.max(0, this.#leftWork) * (elapsed / this.#endedWork);
  }

  #weight(index: number): number {
    const graph = this.#graphs.findLast((segment) => segment.base <= index);
    return graph === undefined ? 1 : (graph.expectedMs[index - graph.base] ?? 1);
  }
}

function sumOf(values: Float64Array): number {
  let sum = 0;
  for (const value of values) sum += value;
  return sum;
}
