import type { Grant, ResourceRequest } from '../model/index.ts';
import { QUEUED } from './codes.ts';
import type { CapState } from './caps.ts';
import type { BackendState, PlaceState } from './places.ts';
import type { RunState } from './run-state.ts';

/** A queue among those that want something of a backend, with the job it stands there for: its head, or one better. */
export interface Head {
  readonly queue: ReadyQueue;
  job: number;
}

/**
 * The ready jobs of one run that ask the same of the same backend, best first: larger priority,
 * then longer upward rank, then order of submission. An entry counts only while its job is marked
 * `QUEUED`, so that taking a job out is clearing a bit.
 */
export class ReadyQueue {
  readonly run: RunState;
  readonly backend: BackendState;
  readonly request: ResourceRequest;
  /** How many of these, and of others of their name, may run at a time. */
  readonly cap: CapState | undefined;
  /** The largest part of any resource that it asks for, of the largest place that was there when it was made. */
  readonly demand: number;
  /** It wants a cpu at most and nothing else, so that it may be sent ahead. */
  readonly mayGoAhead: boolean;
  /** Grants of what is sent ahead, by place: they are all alike. */
  readonly aheadGrants: Map<PlaceState, { readonly grant: Grant; readonly json: string }> = new Map();
  /** Grants as JSON by place, where no device is named: the same text each time. */
  readonly grantJson: Map<string, string> = new Map();
  /** It asks for more than any place has now, and that has been told. */
  isExceeding = false;
  /** Monotonic time since when its head has been passed over for others. */
  passedOverSince: number | undefined;
  /** How it is listed with its backend; another entry there is void. */
  listed: Head | undefined;
  #heap = new Int32Array(16);
  #size = 0;

  constructor(
    run: RunState,
    backend: BackendState,
    { request, cap }: { readonly request: ResourceRequest; readonly cap?: CapState | undefined },
  ) {
    this.run = run;
    this.backend = backend;
    this.request = request;
    this.cap = cap;
    this.demand = backend.demandOf(request);
    // What stands in a line holds nothing: a cap could not tell whom it is to let begin.
    this.mayGoAhead = wantsOneCpu(request) && cap === undefined;
  }

  /** Marks the job and puts it in. */
  add(job: number): void {
    const { flags } = this.run.table;
    if (((flags[job] as number) & QUEUED) !== 0) return;
    flags[job] = (flags[job] as number) | QUEUED;
    if (this.#size === this.#heap.length) {
      const larger = new Int32Array(this.#size * 2);
      larger.set(this.#heap);
      this.#heap = larger;
    }
    let at = this.#size;
    this.#size += 1;
    const heap = this.#heap;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      const other = heap[parent] as number;
      if (!this.#before(job, other)) break;
      heap[at] = other;
      at = parent;
    }
    heap[at] = job;
    if (at === 0 || this.listed === undefined) this.backend.list(this, job);
  }

  /** The best ready job, or -1. */
  head(): number {
    const { flags } = this.run.table;
    while (this.#size > 0) {
      const job = this.#heap[0] as number;
      // A job that was given other resources waits in another queue; an entry it left behind here is void.
      if (((flags[job] as number) & QUEUED) !== 0 && this.run.queueOf(job) === this) return job;
      this.#dropTop();
    }
    return -1;
  }

  /** Takes the head out and unmarks it. */
  take(): void {
    const { flags } = this.run.table;
    const job = this.#heap[0] as number;
    flags[job] = (flags[job] as number) & ~QUEUED;
    this.#dropTop();
  }

  #dropTop(): void {
    this.#size -= 1;
    const heap = this.#heap;
    const size = this.#size;
    if (size === 0) return;
    const job = heap[size] as number;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= size) break;
      if (child + 1 < size && this.#before(heap[child + 1] as number, heap[child] as number)) child += 1;
      const other = heap[child] as number;
      if (!this.#before(other, job)) break;
      heap[at] = other;
      at = child;
    }
    heap[at] = job;
  }

  #before(a: number, b: number): boolean {
    const { run } = this;
    if (run.hasPriorities) {
      const difference = run.priorityOf(a) - run.priorityOf(b);
      if (difference !== 0) return difference > 0;
    }
    const { rank } = run.table;
    const difference = (rank[a] as number) - (rank[b] as number);
    return difference === 0 ? a < b : difference > 0;
  }
}

function wantsOneCpu({ cpus, memoryBytes, gpus, diskBytes, tokens }: ResourceRequest): boolean {
  const wantsMore = (memoryBytes ?? 0) > 0 || (gpus ?? 0) > 0 || (diskBytes ?? 0) > 0;
  return cpus > 0 && cpus <= 1 && !wantsMore && Object.keys(tokens ?? {}).length === 0;
}

/**
 * Whether the head of one queue goes before that of another: by priority; in one run by rank, then by order of submission. Of
 * several runs the older goes first, so that two hundred are finished before a thousand are begun.
 */
export function headBefore(a: ReadyQueue, jobA: number, b: ReadyQueue, jobB: number): boolean {
  const byPriority = a.run.priorityOf(jobA) - b.run.priorityOf(jobB);
  if (byPriority !== 0) return byPriority > 0;
  if (a.run !== b.run) return a.run.order < b.run.order;
  const byRank = (a.run.table.rank[jobA] as number) - (b.run.table.rank[jobB] as number);
  return byRank === 0 ? jobA < jobB : byRank > 0;
}
