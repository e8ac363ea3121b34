import type {
  AttemptId,
  AttemptOrder,
  BackendEvent,
  LaunchAnswer,
  Outcome,
  Place,
  RecoverAnswer,
  RecoverQuery,
} from '../model/index.ts';
import { type Behaviour, type Body, isAlive, type Ledger } from './body.ts';
import type { Dice } from './dice.ts';
import { SimulatedLanes } from './simulated-lanes.ts';
import type { SimulatedProcess } from './simulated-process.ts';
import type { SiteFaults, SiteProfile } from './site-profile.ts';
import type { World } from './world.ts';

/** No report takes longer. */
const LONGEST_REPORT_MS = 30_000;

/** Where reports of an attempt go: one opening of the backend by one process. */
export interface SiteListener {
  readonly process: SimulatedProcess;
  hear(event: BackendEvent): void;
}

/** Told of what happens in the outside world, as it happens. */
export interface SiteWatcher {
  behaviourOf(order: AttemptOrder): Behaviour;
  onLaunch(order: AttemptOrder, process: SimulatedProcess): void;
}

export interface SimulatedSiteOptions {
  readonly world: World;
  readonly profile: SiteProfile;
  readonly ledger: Ledger;
  readonly watcher: SiteWatcher;
  readonly faults: () => SiteFaults;
}

/**
 * The outside world behind one backend: bodies that start, run and end whether or not an engine looks;
 * it survives every engine. It keeps the truth; what engines hear of it is another matter.
 */
export class SimulatedSite {
  readonly profile: SiteProfile;
  readonly ledger: Ledger;
  readonly #world: World;
  readonly #dice: Dice;
  readonly #watcher: SiteWatcher;
  readonly #faults: () => SiteFaults;
  readonly #listeners = new Map<string, Set<SiteListener>>();
  readonly #open = new Set<SiteListener>();
  #places: readonly Place[];
  /** Reports on their way, by attempt. */
  readonly #news = new Map<string, number>();
  /** When the set of places last changed. */
  #changedAt = Number.NEGATIVE_INFINITY;
  /** Until when nobody here answers. */
  #silentUntil = -1;
  #held: (() => void)[] = [];
  #handles = 0;
  readonly #lanes: SimulatedLanes | undefined;

  constructor(options: SimulatedSiteOptions) {
    this.profile = options.profile;
    this.ledger = options.ledger;
    this.#world = options.world;
    this.#dice = options.world.dice(`site ${options.profile.name}`);
    this.#watcher = options.watcher;
    this.#faults = options.faults;
    this.#places = options.profile.places;
    if (options.profile.lanes === true) this.#lanes = this.#makeLanes();
  }

  #makeLanes(): SimulatedLanes {
    const named = (places: readonly Place[], name: string) => places.find((place) => place.name === name);
    return new SimulatedLanes({
      dice: this.#world.dice(`lanes ${this.profile.name}`),
      placeNow: (name) => named(this.#places, name),
      placeAtMost: (name) => named(this.profile.places, name),
      starts: (body) => this.#world.after(body.behaviour.startMs, () => this.#start(body)),
      overfull: ({ order }, taken) =>
        this.#world.fail(
          'I1',
          `${order.job}#${order.fence} is granted room in lanes that are full: ${taken} are taken`,
        ),
    });
  }

  get places(): readonly Place[] {
    return this.#places;
  }

  get dice(): Dice {
    return this.#dice;
  }

  get faults(): SiteFaults {
    return this.#faults();
  }

  get isSilent(): boolean {
    return this.#world.mono < this.#silentUntil;
  }

  /** True while the places are those it began with, and everybody has heard so. */
  get isPlain(): boolean {
    return this.#places === this.profile.places && this.#world.mono > this.#changedAt + LONGEST_REPORT_MS;
  }

  /** True while a report of an attempt is on its way. */
  hasNewsFor(attempt: string): boolean {
    return (this.#news.get(attempt) ?? 0) > 0;
  }

  /** A report sets out (+1) or arrives (-1). */
  countNews(attempt: string, by: 1 | -1): void {
    this.#news.set(attempt, (this.#news.get(attempt) ?? 0) + by);
  }

  join(listener: SiteListener): void {
    this.#open.add(listener);
    listener.process.onDeath(() => this.leave(listener));
  }

  leave(listener: SiteListener): void {
    this.#open.delete(listener);
    for (const set of this.#listeners.values()) set.delete(listener);
    if (!this.profile.recoverable) this.#killChildren(listener.process);
  }

  /** Tells the watcher that these orders leave the engine now. */
  announce(orders: readonly AttemptOrder[], process: SimulatedProcess): void {
    for (const order of orders) this.#watcher.onLaunch(order, process);
  }

  /** Takes one order: the body exists from now on, or not. */
  submit(order: AttemptOrder, listener: SiteListener): LaunchAnswer {
    const faults = this.#faults();
    const dice = this.#dice;
    if (this.isSilent) {
      if (dice.chance(0.5)) this.#create(order, listener);
      return { kind: 'unknown', why: 'the host does not answer' };
    }
    if (dice.chance(faults.refuseForGood)) return { kind: 'refused', retryable: false, why: 'no such partition' };
    if (dice.chance(faults.refuse)) return { kind: 'refused', retryable: true, why: 'too many jobs of this user' };
    if (dice.chance(faults.unknown)) {
      // Executed and timed out, or never arrived: the one who asked cannot tell (F28).
      if (dice.chance(0.6)) this.#create(order, listener);
      return { kind: 'unknown', why: 'the submission timed out' };
    }
    const body = this.#create(order, listener);
    body.toldTo = listener.process;
    return { kind: 'accepted', handle: body.handle };
  }

  /** Says what it knows of an attempt, and fences what is not there. */
  ask(query: RecoverQuery, listener: SiteListener): RecoverAnswer {
    if (this.isSilent) return { kind: 'unknown', why: 'the host does not answer' };
    const body = this.ledger.bodies.get(query.attempt);
    if (body === undefined) {
      this.ledger.fenced.add(query.attempt);
      return { kind: 'gone', why: 'it never came here', neverStarted: true };
    }
    if (isAlive(body)) {
      this.#subscribe(body, listener);
      body.toldTo = listener.process;
      return {
        kind: 'running',
        handle: body.handle,
        ...(body.state === 'running' ? { phase: 'active' as const } : {}),
        ...(this.#lanes?.isInLine(body) === true ? { phase: 'starting' as const } : {}),
      };
    }
    if (body.state === 'ended' && body.outcome !== undefined) return { kind: 'ended', outcome: body.outcome };
    return { kind: 'gone', why: body.why, ...(body.startedAt < 0 ? { neverStarted: true } : {}) };
  }

  cancel(attempt: AttemptId, graceMs: number): void {
    this.#whenReachable(() => {
      const body = this.ledger.bodies.get(attempt);
      if (body === undefined || !isAlive(body) || body.cancelled) return;
      body.cancelled = true;
      if (body.state === 'waiting') {
        this.#end(body, { kind: 'cancelled', by: 'user' });
      } else if (body.behaviour.obeysTerm) {
        this.#world.after(this.#dice.int(0, 20), () => this.#end(body, { kind: 'signal', signal: 'SIGTERM' }));
      } else {
        this.#world.after(graceMs, () => this.#end(body, { kind: 'signal', signal: 'SIGKILL' }));
      }
    });
  }

  /** Takes back what has not begun, where that comes in time. */
  recall(attempts: readonly AttemptId[]): void {
    this.#whenReachable(() => {
      for (const body of this.#lanes?.recall(attempts) ?? []) this.#die(body, 'it was taken back');
    });
  }

  forget(attempt: AttemptId): void {
    const body = this.ledger.bodies.get(attempt);
    if (body?.state === 'ended') this.#purge(body, 'released');
  }

  /** Nobody here answers for a while; then they do, or all that ran is dead without a record. */
  fallSilent(forMs: number, dies: boolean): void {
    if (this.isSilent) return;
    this.#silentUntil = this.#world.mono + forMs;
    this.#world.trace(() => `${this.profile.name} falls silent for ${forMs} ms${dies ? ' and dies' : ''}`);
    this.#world.after(Math.min(Math.floor(forMs / 2), 3000), () => {
      for (const body of this.#bodies()) {
        if (isAlive(body)) this.#tellNow(body, { kind: 'unreachable', attempt: body.order.attempt, why: 'no answer' });
      }
    });
    this.#world.after(forMs, () => {
      if (dies) for (const body of this.#bodies()) if (isAlive(body)) this.#die(body, 'its host died');
      const held = this.#held;
      this.#held = [];
      for (const callback of held) callback();
    });
  }

  /** The machine lost power: what ran here is dead, and left no record. */
  losePower(): void {
    for (const body of this.#bodies()) if (isAlive(body)) this.#die(body, 'the power failed');
  }

  /** Capacity changed. What ran on a place that is gone is preempted. */
  setPlaces(places: readonly Place[]): void {
    const names = new Set(places.map((place) => place.name));
    this.#places = places;
    this.#changedAt = this.#world.mono;
    this.#lanes?.refill();
    for (const listener of this.#open) listener.hear({ kind: 'places', places });
    for (const body of this.#bodies()) {
      if (isAlive(body) && !names.has(body.order.grant.place)) {
        this.#end(body, { kind: 'preempted', why: 'the allocation ended' });
      }
    }
  }

  #bodies(): Body[] {
    return [...this.ledger.bodies.values()].filter((body) => body.site === this.profile.name);
  }

  #create(order: AttemptOrder, listener: SiteListener): Body {
    this.#handles += 1;
    const behaviour = this.#watcher.behaviourOf(order);
    const isFenced = this.ledger.fenced.has(order.attempt);
    const body: Body = {
      order,
      site: this.profile.name,
      handle: `${this.profile.name}-${this.#handles}`,
      behaviour,
      launcher: listener.process,
      state: isFenced ? 'fenced' : 'waiting',
      startedAt: -1,
      endedAt: -1,
      outcome: undefined,
      cancelled: false,
      toldTo: undefined,
      why: isFenced ? 'fenced before it came' : '',
    };
    this.ledger.add(body);
    this.#subscribe(body, listener);
    if (isFenced) this.#tell(body, { kind: 'gone', attempt: order.attempt, why: body.why, neverStarted: true });
    else if (this.#lanes !== undefined) this.#lanes.add(body);
    else this.#begin(body);
    return body;
  }

  #begin(body: Body): void {
    const { order, behaviour } = body;
    if (order.grant.ahead === true)
      this.#world.fail('ahead', `${order.job} is sent ahead, and could not be taken back`);
    this.#world.after(behaviour.startMs, () => this.#start(body));
  }

  #start(body: Body): void {
    if (body.state !== 'waiting') return;
    body.state = 'running';
    body.startedAt = this.#world.mono;
    this.#world.trace(() => `body of ${body.order.job}#${body.order.fence} starts (${body.order.attempt})`);
    this.#tell(body, { kind: 'phase', attempt: body.order.attempt, phase: 'active', at: this.#world.wall });
    const { behaviour } = body;
    if (this.profile.heartbeatMs > 0) this.#beat(body);
    if (this.#dice.chance(this.#faults().preempt)) {
      const at = this.#dice.int(0, Number.isFinite(behaviour.durationMs) ? behaviour.durationMs : 1000);
      this.#world.after(at, () => this.#end(body, { kind: 'preempted', why: 'a better job came' }));
    }
    if (!Number.isFinite(behaviour.durationMs)) return;
    this.#world.after(behaviour.durationMs, () => {
      if (behaviour.poisonous === true) this.#die(body, 'it took its place down');
      else this.#end(body, behaviour.outcome);
    });
  }

  #beat(body: Body): void {
    this.#world.after(this.profile.heartbeatMs, () => {
      if (body.state !== 'running') return;
      this.#tell(body, { kind: 'heartbeat', attempt: body.order.attempt });
      this.#beat(body);
    });
  }

  #end(body: Body, outcome: Outcome): void {
    if (!isAlive(body)) return;
    body.state = 'ended';
    body.endedAt = this.#world.mono;
    body.outcome = outcome;
    this.#lanes?.remove(body);
    this.#world.trace(
      () => `body of ${body.order.job}#${body.order.fence} ends: ${outcome.kind} (${body.order.attempt})`,
    );
    if (this.#dice.chance(this.#faults().purge)) {
      this.#world.after(this.#dice.int(1, 60_000), () => this.#purge(body, 'its record was purged'));
    }
    this.#tell(body, { kind: 'ended', attempt: body.order.attempt, outcome });
  }

  /** Dead without a record. */
  #die(body: Body, why: string): void {
    if (!isAlive(body)) return;
    body.state = body.state === 'waiting' ? 'fenced' : 'dead';
    body.endedAt = this.#world.mono;
    body.why = why;
    this.#lanes?.remove(body);
    this.#world.trace(() => `body of ${body.order.job}#${body.order.fence} dies: ${why} (${body.order.attempt})`);
    const neverStarted = body.startedAt < 0;
    const placeDied = body.behaviour.poisonous === true && !neverStarted;
    this.#tell(body, { kind: 'gone', attempt: body.order.attempt, why, neverStarted, placeDied });
  }

  #purge(body: Body, why: string): void {
    if (body.state !== 'ended') return;
    body.state = 'purged';
    body.why = why;
  }

  #killChildren(process: SimulatedProcess): void {
    for (const body of this.#bodies()) {
      if (body.launcher !== process) continue;
      if (isAlive(body)) this.#die(body, 'its engine died');
      // Nobody else ever knew how it had ended.
      else this.#purge(body, 'what it left died with its engine');
    }
  }

  #subscribe(body: Body, listener: SiteListener): void {
    const set = this.#listeners.get(body.order.attempt) ?? new Set();
    set.add(listener);
    this.#listeners.set(body.order.attempt, set);
  }

  /** Does something now, or when the site answers again. */
  #whenReachable(callback: () => void): void {
    if (this.isSilent) this.#held.push(callback);
    else callback();
  }

  #tell(body: Body, event: BackendEvent): void {
    const { attempt } = body.order;
    this.countNews(attempt, 1);
    this.#whenReachable(() => {
      this.#tellNow(body, event);
      this.countNews(attempt, -1);
    });
  }

  #tellNow(body: Body, event: BackendEvent): void {
    for (const listener of this.#listeners.get(body.order.attempt) ?? []) listener.hear(event);
  }
}
