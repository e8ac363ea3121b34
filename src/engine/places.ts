import type { Backend, BackendCapabilities, Grant, LoginNeed, Place, ResourceRequest } from '../model/index.ts';
import type { LiveAttempt } from './attempts.ts';
import { countDevices, type DeviceUse, findDevices } from './devices.ts';
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
  /** How much of each device is held, here and wherever else the same ones are handed out. */
  devices: DeviceUse;
  /** Attempts that hold something here, and how many ever did. */
  held: number;
  grants: number;
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
  /** The totals had no room for it: nothing at all is granted of them. */
  readonly pool: boolean;
}

export interface BackendInit {
  readonly before: (a: Head, b: Head) => boolean;
  /** How much is held of the devices of a machine, by its name. */
  readonly devicesOf: (machine: string) => DeviceUse;
  /** Nothing is sent ahead: whether there is room is not for a place alone to say. */
  readonly neverAhead: boolean;
}

/** A backend as the core sees it: places, and the queues that want them. */
export class BackendState {
  readonly #init: BackendInit;
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
  /** It wants its user: nothing is granted there. */
  needs: LoginNeed | undefined;

  constructor(backend: Backend, init: BackendInit) {
    this.#init = init;
    this.backend = backend;
    this.heads = new Heap(init.before);
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
    const offered = new Map(places.map((place) => [place.name, inOrder(place)]));
    for (const state of this.places) {
      const place = offered.get(state.place.name);
      state.leaving = place === undefined;
      state.mostAhead = place === undefined ? 0 : this.#mostAhead(place);
      if (place === undefined) continue;
      offered.delete(place.name);
      state.freeCpus += place.cpus - state.place.cpus;
      state.freeMemory = (place.memoryBytes ?? Infinity) - state.heldMemory;
      state.freeDisk = (place.diskBytes ?? Infinity) - state.heldDisk;
      if (place.devicesOf !== undefined) this.#share(state, this.#init.devicesOf(place.devicesOf));
      state.place = place;
    }
    for (const place of offered.values()) this.places.push(this.#fresh(place));
    for (let i = this.places.length - 1; i >= 0; i -= 1) {
      const state = this.places[i] as PlaceState;
      if (state.leaving && state.held === 0 && state.aheadCount === 0) this.places.splice(i, 1);
    }
  }

  /** A place by name, made when it is only remembered by a recovered grant. */
  placeNamed(name: string): PlaceState {
    const known = this.places.find((state) => state.place.name === name);
    if (known !== undefined) return known;
    const gone = this.#fresh({ name, cpus: 0 });
    gone.leaving = true;
    this.places.push(gone);
    return gone;
  }

  /** A place that was only remembered turns out to hand out what others do too. */
  #share(state: PlaceState, devices: DeviceUse): void {
    if (state.devices === devices) return;
    for (const [gpu, used] of state.devices) countDevices(devices, [gpu], used);
    state.devices = devices;
  }

  #fresh(place: Place): PlaceState {
    const state = freshPlace(place, this.#mostAhead(place));
    if (place.devicesOf !== undefined) state.devices = this.#init.devicesOf(place.devicesOf);
    return state;
  }

  #mostAhead(place: Place): number {
    return this.backend.recall === undefined || this.#init.neverAhead ? 0 : (place.ahead ?? 0);
  }

  /** The largest part that a request asks for of any resource of the largest place; of what is not counted nothing. */
  demandOf(request: ResourceRequest): number {
    const largest = { cpus: 0, memory: 0, gpus: 0 };
    for (const { place } of this.places) {
      largest.cpus = Math.max(largest.cpus, place.cpus);
      largest.memory = Math.max(largest.memory, place.memoryBytes ?? 0);
      largest.gpus = Math.max(largest.gpus, place.gpus?.length ?? 0);
    }
    return Math.max(
      partOf(request.cpus, largest.cpus),
      partOf(request.memoryBytes ?? 0, largest.memory),
      partOf(request.gpus ?? 0, largest.gpus),
    );
  }

  /** The most memory of any place that could hold the rest of a request; infinite where none counts it, 0 where none could. */
  mostMemoryFor(rest: ResourceRequest): number {
    const able = this.places.filter((state) => !state.leaving && fitsEmpty(state.place, rest));
    return able.reduce((most, { place }) => Math.max(most, place.memoryBytes ?? Infinity), 0);
  }

  /** True when there are places, and none of those that are offered now could hold the request if it were empty. */
  exceedsAll(request: ResourceRequest): boolean {
    const offered = this.places.filter(({ leaving }) => !leaving);
    return offered.length > 0 && !offered.some(({ place }) => fitsEmpty(place, request));
  }

  /** True when some place could hold the request if it were empty. */
  couldEverFit(request: ResourceRequest): boolean {
    return this.places.some((state) => fitsEmpty(state.place, request));
  }
}

/** Devices are handed out from the lowest index on. */
function inOrder(place: Place): Place {
  return place.gpus === undefined ? place : { ...place, gpus: place.gpus.toSorted((a, b) => a - b) };
}

/** What part of a whole an amount is; 0 of what is not counted. */
export function partOf(amount: number, whole: number): number {
  return whole > 0 ? amount / whole : 0;
}

/** A place of which nothing is held yet. */
export function freshPlace(place: Place, mostAhead: number): PlaceState {
  return {
    place,
    freeCpus: place.cpus,
    freeMemory: place.memoryBytes ?? Infinity,
    freeDisk: place.diskBytes ?? Infinity,
    devices: new Map(),
    heldMemory: 0,
    heldDisk: 0,
    held: 0,
    grants: 0,
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
  if (request.gpus && findDevices(state.place.gpus ?? [], state.devices, request.gpus) === undefined) return false;
  return endsInTime(state.place, request, wallMs);
}

/** Whether a place with room is taken rather than another: the fullest, unless its backend wants its work spread. */
export function goesBefore(a: PlaceState, b: PlaceState, spread: BackendCapabilities['spread']): boolean {
  switch (spread) {
    case undefined:
      return a.freeCpus < b.freeCpus;
    case 'least-loaded':
      return partOf(a.freeCpus, a.place.cpus) > partOf(b.freeCpus, b.place.cpus);
    case 'round-robin':
      return a.grants < b.grants;
  }
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
  state.grants += 1;
  const { memoryBytes, diskBytes, gpus: wanted, tokens } = request;
  if (memoryBytes === undefined && diskBytes === undefined && !wanted && tokens === undefined)
    return { place: state.place.name, cpus: request.cpus };
  const gpus = wanted ? (findDevices(state.place.gpus ?? [], state.devices, wanted) ?? []) : undefined;
  const share = wanted !== undefined && wanted < 1 ? wanted : 1;
  if (gpus !== undefined) countDevices(state.devices, gpus, share);
  return {
    place: state.place.name,
    cpus: request.cpus,
    ...(memoryBytes === undefined ? {} : { memoryBytes }),
    ...(diskBytes === undefined ? {} : { diskBytes }),
    ...(gpus === undefined ? {} : { gpus }),
    ...(gpus === undefined || share === 1 ? {} : { gpuShare: share }),
    ...(tokens === undefined ? {} : { tokens }),
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
  if (grant.gpus !== undefined) countDevices(state.devices, grant.gpus, grant.gpuShare ?? 1);
}

/** Gives a grant back. */
export function giveBack(state: PlaceState, grant: Grant): void {
  state.freeCpus += grant.cpus;
  holdBytes(state, grant, -1);
  state.held -= 1;
  if (grant.gpus !== undefined) countDevices(state.devices, grant.gpus, -(grant.gpuShare ?? 1));
}

/** What all that is granted takes together, against the totals: only what cpus and memory say. */
export interface Pool {
  readonly cpus: number;
  readonly memoryBytes: number;
  freeCpus: number;
  freeMemory: number;
}

export function poolOf(cpus: number | undefined, memoryBytes: number | undefined): Pool | undefined {
  if (cpus === undefined && memoryBytes === undefined) return undefined;
  const all = { cpus: cpus ?? Infinity, memoryBytes: memoryBytes ?? Infinity };
  return { ...all, freeCpus: all.cpus, freeMemory: all.memoryBytes };
}

/** True when the totals leave room for it now. */
export function fitsPool(pool: Pool | undefined, { cpus, memoryBytes = 0 }: ResourceRequest): boolean {
  return pool === undefined || (cpus <= pool.freeCpus + SLACK && memoryBytes <= pool.freeMemory);
}

/** Counts what is granted (1) or given back (-1). */
export function countPool(pool: Pool | undefined, { cpus, memoryBytes = 0 }: Grant, by: 1 | -1): void {
  if (pool === undefined) return;
  pool.freeCpus -= by * cpus;
  pool.freeMemory -= by * memoryBytes;
}
