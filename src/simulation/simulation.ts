import type { EngineApi } from '../engine/index.ts';
import { type EngineEvent, isFinal, type Status } from '../model/index.ts';
import { type Behaviour, Ledger } from './body.ts';
import { CommitChecks, valueJson } from './commit-checks.ts';
import type { Dice } from './dice.ts';
import { checkEnd } from './end-checks.ts';
import { chargedEnds, type RunFacts, storedStatus } from './facts.ts';
import { checkLaunch } from './launch-checks.ts';
import type { Life } from './life.ts';
import { Lives } from './lives.ts';
import { actOnWorld, type Stage } from './operators.ts';
import { probeOf } from './probe.ts';
import type { Scenario } from './scenario.ts';
import type { Action } from './scenario-actions.ts';
import { checkSettled } from './settled-checks.ts';
import { SimulatedDisk } from './simulated-disk.ts';
import type { Boundary } from './simulated-process.ts';
import { SimulatedSite, type SiteWatcher } from './simulated-site.ts';
import { NO_STORE_FAULTS, Openings, type StoreFaults } from './simulated-store.ts';
import { NO_SITE_FAULTS } from './site-profile.ts';
import { ToldChecks } from './told-checks.ts';
import { Users } from './users.ts';
import { type Violation, World } from './world.ts';

/** How a simulated world ended. */
export interface Verdict {
  readonly seed: number;
  /** Absent: every promise was kept. */
  readonly violation: Violation | undefined;
  readonly events: number;
  readonly virtualMs: number;
  /** How many engines died. */
  readonly deaths: number;
  /** Labelled boundaries that were passed, in order. */
  readonly boundaries: readonly Boundary[];
  /** Attempts that reached the outside world. */
  readonly bodies: number;
  /** How each run ended. */
  readonly runs: readonly RunEnd[];
}

/** How a run ended, by what the store has. */
export interface RunEnd {
  readonly name: string;
  readonly status: Status;
  /** `status` or `status (detail)` of each job, in order. */
  readonly jobs: readonly string[];
  /** Attempts of each job. */
  readonly attempts: readonly number[];
}

export interface SimulationOptions {
  /** Called with each line of what happens. */
  readonly trace?: (line: string) => void;
}

/** After the faults are over everything must end within so much virtual time. */
const PATIENCE_MS = 6 * 3_600_000;

/** From so many jobs on a graph is large, and looked at every so many instants. */
const LARGE = 100;
const INSTANTS_A_LOOK = 500;

/** So much happens at one instant only when two things wake each other for ever. */
const EVENTS_AN_INSTANT = 20_000;

/** Plays a scenario: the production engine in a simulated world, its promises checked at every step. */
export function simulate(scenario: Scenario, options: SimulationOptions = {}): Promise<Verdict> {
  return new Simulation(scenario, options).run();
}

/** Nothing of an engine is under way, and nobody waits for it. */
function isAtRest({ engine, process, closing, asked, store }: Life): boolean {
  return engine !== undefined && !closing && asked === 0 && !process.stopped && !process.isBusy && !store.isRefusing;
}

class Simulation {
  readonly #scenario: Scenario;
  readonly #world: World;
  readonly #disk: SimulatedDisk;
  readonly #openings = new Openings();
  readonly #ledger = new Ledger();
  readonly #sites: readonly SimulatedSite[];
  readonly #users: Users;
  readonly #launched = new Set<string>();
  readonly #bodyDice: Dice;
  readonly #lives: Lives;
  #actionsLeft: number;
  #isCalm = false;
  #instants = 0;
  readonly #isLarge: boolean;
  #fullUntil = -1;

  constructor(scenario: Scenario, options: SimulationOptions) {
    this.#scenario = scenario;
    this.#world = new World({ seed: scenario.seed, eventsAnInstant: EVENTS_AN_INSTANT, ...options });
    this.#disk = new SimulatedDisk(scenario.durability);
    this.#bodyDice = this.#world.dice('bodies');
    this.#actionsLeft = scenario.actions.length;
    this.#isLarge = scenario.runs.some((plan) => plan.jobs.length > LARGE);
    this.#users = new Users(this.#world, this.#disk, () => this.#lives.all);
    for (const plan of scenario.runs) this.#users.addRun(plan);
    this.#sites = this.#makeSites();
    this.#lives = new Lives({
      world: this.#world,
      scenario,
      disk: this.#disk,
      openings: this.#openings,
      sites: this.#sites,
      storeFaults: () => this.#storeFaults(),
      isGateOpen: () => this.#isGateOpen(),
      factsOf: (run) => this.#users.facts.get(run),
      isCalm: () => this.#isCalm,
      died: () => this.#users.tendSoon(),
      opened: (life, engine) => this.#opened(life, engine),
    });
    this.#disk.watcher = this.#makeCommitChecks();
  }

  async run(): Promise<Verdict> {
    const { actions, faultsUntilMs, probes } = this.#scenario;
    const world = this.#world;
    for (const { atMs, action } of actions) {
      world.after(atMs, () => {
        this.#actionsLeft -= 1;
        this.#act(action);
      });
    }
    world.after(faultsUntilMs, () => this.#becomeCalm());
    this.#lives.begin();
    await this.#until(() => this.#isOver(), faultsUntilMs + PATIENCE_MS);
    for (const facts of this.#users.facts.values()) {
      const stored = this.#disk.get(facts.id);
      if (stored !== undefined && world.violation === undefined) checkEnd(world, facts, stored, this.#ledger);
    }
    if (probes && world.violation === undefined) await this.#probe();
    if (world.violation === undefined) await this.#close();
    return {
      seed: this.#scenario.seed,
      violation: world.violation,
      events: world.events,
      virtualMs: world.mono,
      deaths: this.#lives.deaths,
      boundaries: this.#lives.boundaries,
      bodies: this.#ledger.bodies.size,
      runs: [...this.#users.facts.values()].map((facts) => this.#endOf(facts)),
    };
  }

  #endOf({ id, plan }: RunFacts): RunEnd {
    const stored = this.#disk.get(id);
    const rows = plan.jobs.map((_, job) => stored?.jobs.get(job));
    return {
      name: plan.name,
      status: stored?.row.status ?? 'created',
      jobs: rows.map((row) =>
        row === undefined ? 'pending' : row.detail === '' ? row.status : `${row.status} (${row.detail})`,
      ),
      attempts: rows.map((row) => row?.fence ?? 0),
    };
  }

  /** Steps until it is done; a world that stands still or goes on for ever has broken a promise. */
  async #until(done: () => boolean, limitMs: number): Promise<void> {
    const world = this.#world;
    const ended = await world.run(done, limitMs, () => this.#checkSettled());
    if (ended === 'idle') world.fail('liveness', `nothing will ever happen any more: ${this.#unfinished()}`);
    if (ended === 'late')
      world.fail('liveness', `not over ${PATIENCE_MS / 3_600_000} h after the last fault: ${this.#unfinished()}`);
  }

  /** What has not ended, as the engine explains it. */
  #unfinished(): string {
    const { living } = this.#lives;
    const said = living.map(
      ({ process, closing, asked }) => `${process.name} busy ${process.isBusy} closing ${closing} asked ${asked}`,
    );
    for (const facts of this.#users.facts.values()) {
      const stored = this.#disk.get(facts.id);
      if (stored === undefined) said.push(`${facts.plan.name} is not in the store`);
      if (stored === undefined || isFinal(stored.row.status)) continue;
      said.push(`${facts.plan.name} is ${stored.row.status} (${stored.row.detail})`);
      const engine = living.find((life) => life.owner === stored.row.owner && life.holds.has(facts.id))?.engine;
      for (let job = 0; job < stored.row.size; job += 1) {
        if (!isFinal(storedStatus(stored, job))) said.push(JSON.stringify(engine?.why(facts.id, job) ?? `j${job}`));
      }
    }
    return said.join('; ');
  }

  #isOver(): boolean {
    if (this.#actionsLeft > 0 && !this.#isCalm) return false;
    const living = this.#lives.living;
    // A stopped engine has yet to wake up, and one that was taken for dead may still be at work on a wish.
    if (living.length === 0 || !living.every(isAtRest)) return false;
    if (this.#users.areContent) return true;
    this.#users.askWhenFinal();
    return false;
  }

  #checkSettled(): void {
    this.#instants += 1;
    // Looking at each job at each instant is square work: large graphs are looked at now and then.
    if (this.#isLarge && this.#instants % INSTANTS_A_LOOK !== 0) return;
    const context = {
      world: this.#world,
      disk: this.#disk,
      ledger: this.#ledger,
      sites: this.#sites,
      facts: this.#users.facts,
      tokens: this.#scenario.tokens,
      totals: this.#scenario.totals,
      isGateOpen: this.#isGateOpen(),
    };
    for (const life of this.#lives.living) {
      const isUnderWay = life.process.stopped || life.process.isBusy || life.store.isRefusing;
      if (!isUnderWay) checkSettled(life, context);
    }
  }

  #isGateOpen(): boolean {
    return this.#world.mono >= this.#scenario.gateOpensMs;
  }

  #opened(life: Life, engine: EngineApi): void {
    const told = new ToldChecks(this.#world, this.#disk);
    engine.listen((events) => this.#hear(life, told, events));
    if (this.#scenario.hasBadListener) {
      engine.listen(() => {
        throw new Error('a listener that throws');
      });
    }
    this.#users.tend();
  }

  #hear(life: Life, told: ToldChecks, events: readonly EngineEvent[]): void {
    if (life.process.passes('before-told')) return;
    told.check(events);
    life.process.passes('after-told');
  }

  #act(action: Action): void {
    this.#world.trace(() => `action ${JSON.stringify(action)}`);
    if ('run' in action) this.#users.act(action);
    else if (action.kind === 'disk-full') this.#fullUntil = this.#world.mono + action.forMs;
    else actOnWorld(action, this.#stage());
  }

  #stage(): Stage {
    const { facts } = this.#users;
    return {
      world: this.#world,
      disk: this.#disk,
      openings: this.#openings,
      lives: this.#lives,
      sites: this.#sites,
      facts,
    };
  }

  #site(name: string): SimulatedSite | undefined {
    return this.#sites.find((site) => site.profile.name === name);
  }

  #becomeCalm(): void {
    if (this.#isCalm) return;
    this.#world.trace(() => 'nothing goes wrong any more');
    this.#isCalm = true;
    this.#fullUntil = -1;
    // A drain waits for work that may never end: the operator loses patience.
    for (const life of this.#lives.living) {
      if (life.closing) this.#world.after(60_000, () => life.process.crash('the operator is impatient'));
    }
    this.#users.becomeCalm();
  }

  #storeFaults(): StoreFaults {
    const { commitMs, busy, uncertain, uncertainCode, slowestReadMs = commitMs[0] } = this.#scenario.store;
    if (this.#isCalm) return { ...NO_STORE_FAULTS, commitMs };
    return {
      commitMs,
      readMs: [0, slowestReadMs],
      busy,
      uncertain,
      uncertainCode,
      isFull: () => this.#world.mono < this.#fullUntil,
    };
  }

  /** I1 at the end: one job that needs each place whole can only start when nothing holds any of it. */
  async #probe(): Promise<void> {
    this.#becomeCalm();
    const facts = this.#users.addRun(probeOf(this.#scenario));
    this.#users.tend();
    await this.#until(
      () => this.#disk.get(facts.id)?.row.status === 'done' && this.#lives.living.every(isAtRest),
      this.#world.mono + PATIENCE_MS,
    );
  }

  /** In the end an engine that is told to stop stops, and nothing of anybody's lives. */
  async #close(): Promise<void> {
    const closed = new Set<Life>();
    const close = (): boolean => {
      const { living } = this.#lives;
      for (const life of living) {
        if (life.engine === undefined || life.closing) continue;
        life.closing = true;
        life.engine[Symbol.asyncDispose]().then(() => closed.add(life));
      }
      return living.length > 0 && living.every((life) => closed.has(life));
    };
    await this.#until(close, this.#world.mono + PATIENCE_MS);
    // After a power loss bodies may live of which no row tells any more.
    const alive = this.#disk.losses === 0 ? this.#ledger.live()[0] : undefined;
    if (alive === undefined) return;
    this.#world.fail('I7', `the body of ${alive.order.job}#${alive.order.fence} outlives every run`);
  }

  #makeSites(): SimulatedSite[] {
    const world = this.#world;
    const watcher: SiteWatcher = {
      behaviourOf: (order) => this.#behaviourOf(order),
      onLaunch: (order, process) => {
        const facts = this.#users.facts.get(order.run);
        checkLaunch(order, {
          world,
          disk: this.#disk,
          facts,
          owner: this.#lives.ownerOf(process),
          launched: this.#launched,
        });
      },
    };
    const faults = () => (this.#isCalm ? NO_SITE_FAULTS : this.#scenario.siteFaults);
    return this.#scenario.sites.map(
      (profile) => new SimulatedSite({ world, profile, ledger: this.#ledger, watcher, faults }),
    );
  }

  #makeCommitChecks(): CommitChecks {
    const { sites, tokens, totals } = this.#scenario;
    return new CommitChecks({
      world: this.#world,
      ledger: this.#ledger,
      factsOf: (run) => this.#users.facts.get(run),
      stored: () => this.#disk.runs.values(),
      placeOf: (backend, name) =>
        sites.find((site) => site.name === backend)?.places.find((place) => place.name === name),
      tokens,
      totals,
      heldSince: (run, owner) => this.#lives.all.find((life) => life.owner === owner)?.holds.get(run),
      takenAt: (run, owner) => this.#lives.all.find((life) => life.owner === owner)?.takenAt.get(run),
      isGateOpen: () => this.#isGateOpen(),
    });
  }

  /** What the body of an attempt will do: its job's plan, by how often it has failed before. */
  #behaviourOf(order: Parameters<SiteWatcher['behaviourOf']>[0]): Behaviour {
    const plan = this.#users.facts.get(order.run)?.job(order.index);
    const stored = this.#disk.get(order.run);
    const startMs = this.#bodyDice.int(
      0,
      this.#site(plan?.definition.backend ?? '')?.profile.local === true ? 5 : 2000,
    );
    const value = { codec: 'json', json: valueJson(order.attempt) } as const;
    if (plan === undefined) {
      return { startMs, durationMs: 0, outcome: { kind: 'ok', value }, obeysTerm: true };
    }
    const failed = stored === undefined ? 0 : chargedEnds(stored, order.index, this.#ledger).life;
    const { durationMs, obeysTerm, poisonous } = plan;
    const outcome = failed < plan.failures ? plan.failure : ({ kind: 'ok', value } as const);
    return { startMs, durationMs, outcome, obeysTerm, poisonous };
  }
}
