import type { Backend, Grant, Place, ResourceRequest } from '../model/index.ts';
import type { LiveAttempt } from './attempts.ts';
import { Heap } from './heap.ts';
import type { Head, ReadyQueue } from './ready-queue.ts';

/** Rounding of fractions of a cpu must not keep a job out. */
export const SLACK = 1e-9;

/** One place and what is free there. */
export interface PlaceState {
  place: Place;
  freeCpus: number;
  freeMemory: number;
  freeDisk: number;
  /** Bytes held, counted also where the place does not say how many there are: it may say so later. */
  heldMemory: number;
  heldDisk: number;
  /** Indices nobody holds, ascending. */
  freeGpus: number[];
  /** How many attempts hold each index: more than one when an adopted attempt holds what was granted already. */
  readonly gpuHolders: Map<number, number>;
  /** Attempts that hold something here. */
  held: number;
  /** No longer offered by its backend: nothing is granted, what is held runs out. */
  leaving: boolean;
  /** How many may be sent ahead; 0 where its backend could not take them back. */
  mostAhead: number;
  /** Who was sent ahead and holds nothing yet, oldest first: linked, so that any of them may leave at once. */
  firstAhead: LiveAttempt | undefined;
  lastAhead: LiveAttempt | undefined;
  aheadCount: number;
}

/** What is being kept for the head of a queue. */
export interface Reservation {
  readonly queue: ReadyQueue;
  /** Nothing else is granted here; undefined when only tokens are wanted. */
  readonly place: PlaceState | undefined;
  readonly tokens: ReadonlySet<string>;
}

/** A backend as the core sees it: places, and the queues that want them. */
export class BackendState {
  readonly backend: Backend;
  readonly name: string;
  readonly places: PlaceState[] = [];
  /** Queues that may have a ready job. */
  readonly active: Set<ReadyQueue> = new Set();
  /** Their heads, best first; some stand better than they are, and some entries are void. */
  readonly heads: Heap<Head>;
  /** How many of them want no cpu. */
  activeWithoutCpus = 0;
  reservation: Reservation | undefined;

  constructor(backend: Backend, before: (a: Head, b: Head) => boolean) {
    this.backend = backend;
    this.heads = new Heap(before);
    this.name = backend.name;
  }

  /** Lists a queue with the best job it may have. */
  list(queue: ReadyQueue, job: number): void {
    if (queue.request.cpus === 0 && !this.active.has(queue)) this.activeWithoutCpus += 1;
    this.active.add(queue);
    queue.listed = { queue, job };
    this.heads.push(queue.listed);
  }

  /** Lists all queues anew, as they stand. */
  listAll(): void {
    this.heads.clear();
    for (const queue of this.active) {
      const job = queue.head();
      if (job === -1) this.deactivate(queue);
      else this.list(queue, job);
    }
  }

  deactivate(queue: ReadyQueue): void {
    queue.listed = undefined;
    queue.passedOverSince = undefined;
    if (this.active.delete(queue) && queue.request.cpus === 0) this.activeWithoutCpus -= 1;
  }

  /** Takes a new set of places. What is held on a place that stays is kept. */
  setPlaces(places: readonly Place[]): void {
    const offered = new Map(places.map((place) => [place.name, place]));
    for (const state of this.places) {
      const place = offered.get(state.place.name);
      state.leaving = place === undefined;
      state.mostAhead = place === undefined ? 0 : this.#mostAhead(place);
      if (place === undefined) continue;
      offered.delete(place.name);
      state.freeCpus += place.cpus - state.place.cpus;
      state.freeMemory = (place.memoryBytes ?? Infinity) - state.heldMemory;
      state.freeDisk = (place.diskBytes ?? Infinity) - state.heldDisk;
      const before = new Set(state.place.gpus ?? []);
      const now = new Set(place.gpus ?? []);
      state.freeGpus = state.freeGpus.filter((gpu) => now.has(gpu));
      for (const gpu of now) if (!before.has(gpu) && !state.gpuHolders.has(gpu)) state.freeGpus.push(gpu);
      state.freeGpus.sort((a, b) => a - b);
      state.place = place;
    }
    for (const place of offered.values()) this.places.push(freshPlace(place, this.#mostAhead(place)));
    for (let i = this.places.length - 1; i >= 0; i -= 1) {
      const state = this.places[i] as PlaceState;
      if (state.leaving && state.held === 0 && state.aheadCount === 0) this.places.splice(i, 1);
    }
  }

  /** A place by name, made when it is only remembered by a recovered grant. */
  placeNamed(name: string): PlaceState {
    const known = this.places.find((state) => state.place.name === name);
    if (known !== undefined) return known;
    const gone = freshPlace({ name, cpus: 0 }, 0);
    gone.leaving = true;
    this.places.push(gone);
    return gone;
  }

  #mostAhead(place: Place): number {
    return this.backend.recall === undefined ? 0 : (place.ahead ?? 0);
  }

  /** True when some place could hold the request if it were empty. */
  couldEverFit(request: ResourceRequest): boolean {
    return this.places.some((state) => fitsEmpty(state.place, request));
  }
}

function freshPlace(place: Place, mostAhead: number): PlaceState {
  return {
    place,
    freeCpus: place.cpus,
    freeMemory: place.memoryBytes ?? Infinity,
    freeDisk: place.diskBytes ?? Infinity,
    freeGpus: [...(place.gpus ?? [])].sort((a, b) => a - b),
    gpuHolders: new Map(),
    heldMemory: 0,
    heldDisk: 0,
    held: 0,
    leaving: false,
    mostAhead,
    firstAhead: undefined,
    lastAhead: undefined,
    aheadCount: 0,
  };
}

export function fitsEmpty(place: Place, request: ResourceRequest): boolean {
  return (
    request.cpus <= place.cpus + SLACK &&
    (request.memoryBytes ?? 0) <= (place.memoryBytes ?? Infinity) &&
    (request.diskBytes ?? 0) <= (place.diskBytes ?? Infinity) &&
    (request.gpus ?? 0) <= (place.gpus?.length ?? 0)
  );
}

/** True when the request can be held here now: there is room, and nobody stands in line for it. */
export function fitsNow(state: PlaceState, request: ResourceRequest, wallMs: number): boolean {
  if (state.leaving || request.cpus > state.freeCpus + SLACK) return false;
  if (state.aheadCount > 0 && request.cpus > 0) return false;
  if ((request.memoryBytes ?? 0) > state.freeMemory || (request.diskBytes ?? 0) > state.freeDisk) return false;
  if ((request.gpus ?? 0) > state.freeGpus.length) return false;
  return endsInTime(state.place, request, wallMs);
}

/** True when the request could be held here if nothing else were. */
export function couldHold(state: PlaceState, request: ResourceRequest, wallMs: number): boolean {
  return !state.leaving && fitsEmpty(state.place, request) && endsInTime(state.place, request, wallMs);
}

function endsInTime({ endsAt }: Place, request: ResourceRequest, wallMs: number): boolean {
  return endsAt === undefined || wallMs + (request.timeMs ?? 0) < endsAt;
}

/** Takes what the request asks for; the place must fit it. */
export function takeFrom(state: PlaceState, request: ResourceRequest): Grant {
  state.freeCpus -= request.cpus;
  holdBytes(state, request, 1);
  state.held += 1;
  const gpus = request.gpus ? state.freeGpus.splice(0, request.gpus) : undefined;
  for (const gpu of gpus ?? []) state.gpuHolders.set(gpu, 1);
  const { memoryBytes, diskBytes, tokens } = request;
  if (memoryBytes === undefined && diskBytes === undefined && gpus === undefined && tokens === undefined)
    return { place: state.place.name, cpus: request.cpus };
  return {
    place: state.place.name,
    cpus: request.cpus,
    ...(request.memoryBytes === undefined ? {} : { memoryBytes: request.memoryBytes }),
    ...(request.diskBytes === undefined ? {} : { diskBytes: request.diskBytes }),
    ...(gpus === undefined ? {} : { gpus }),
    ...(request.tokens === undefined ? {} : { tokens: request.tokens }),
  };
}

function holdBytes(
  state: PlaceState,
  of: { readonly memoryBytes?: number; readonly diskBytes?: number },
  sign: 1 | -1,
): void {
  const memory = sign * (of.memoryBytes ?? 0);
  const disk = sign * (of.diskBytes ?? 0);
  state.heldMemory += memory;
  state.freeMemory -= memory;
  state.heldDisk += disk;
  state.freeDisk -= disk;
}

/** Takes what a recovered attempt holds, even where that is more than there is now. */
export function takeAgain(state: PlaceState, grant: Grant): void {
  state.freeCpus -= grant.cpus;
  holdBytes(state, grant, 1);
  state.held += 1;
  if (grant.gpus !== undefined) {
    const taken = new Set(grant.gpus);
    state.freeGpus = state.freeGpus.filter((gpu) => !taken.has(gpu));
    for (const gpu of taken) state.gpuHolders.set(gpu, (state.gpuHolders.get(gpu) ?? 0) + 1);
  }
}

/** Gives a grant back. */
export function giveBack(state: PlaceState, grant: Grant): void {
  state.freeCpus += grant.cpus;
  holdBytes(state, grant, -1);
  state.held -= 1;
  if (grant.gpus === undefined || grant.gpus.length === 0) return;
  const offered = new Set(state.place.gpus ?? []);
  for (const gpu of grant.gpus) {
    const holders = (state.gpuHolders.get(gpu) ?? 1) - 1;
    if (holders > 0) state.gpuHolders.set(gpu, holders);
    else {
      state.gpuHolders.delete(gpu);
      if (offered.has(gpu)) state.freeGpus.push(gpu);
    }
  }
  state.freeGpus.sort((a, b) => a - b);
}
