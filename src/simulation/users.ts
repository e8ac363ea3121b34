import type { EngineApi } from '../engine/index.ts';
import { asRunId, HeddleError, isFinal, type RunId } from '../model/index.ts';
import { RunFacts, storedStatus } from './facts.ts';
import { graphOf } from './graph-of.ts';
import type { Life } from './life.ts';
import type { RunPlan } from './scenario.ts';
import type { UserAction } from './scenario-actions.ts';
import type { SimulatedDisk } from './simulated-disk.ts';
import type { World } from './world.ts';

/** What an engine may answer to a wish, other than to fulfil it: the user tries again, or lets it be. */
const REFUSALS: ReadonlySet<string> = new Set([
  'STATE_CONFLICT',
  'ENGINE_CLOSED',
  'RUN_NOT_FOUND',
  'RUN_OWNED',
  'RUN_NOT_OWNED',
  'JOB_NOT_FOUND',
  'RESOURCES_IMPOSSIBLE',
  'STORE_FULL',
  'STORE_BUSY',
  'STORE_UNCERTAIN',
  'STORE_IO',
]);

/** After these an engine does not know what its store has, and stops. */
function isStoreLost(error: unknown): boolean {
  return HeddleError.is(error) && (error.code === 'STORE_UNCERTAIN' || error.code === 'STORE_IO');
}

const FIRST_LOOK_MS = 500;
const LONGEST_LOOK_MS = 600_000;

/** The people in front of the engine: they start runs, look after them, and change their minds. */
export class Users {
  readonly facts: Map<string, RunFacts> = new Map();
  readonly #world: World;
  readonly #disk: SimulatedDisk;
  readonly #lives: () => readonly Life[];
  /** Wishes for a finished run that wait for it to be one. */
  #whenOver: UserAction[] = [];
  /** Runs being started or taken over right now, by whom. */
  readonly #taking = new Map<string, Life>();
  #isTending = false;
  #lookMs = FIRST_LOOK_MS;

  constructor(world: World, disk: SimulatedDisk, lives: () => readonly Life[]) {
    this.#world = world;
    this.#disk = disk;
    this.#lives = lives;
  }

  addRun(plan: RunPlan): RunFacts {
    const id = asRunId(`r-${this.facts.size}`);
    const facts = new RunFacts(id, plan);
    this.facts.set(id, facts);
    return facts;
  }

  /** Nothing goes wrong any more: what was kept back is let go, and looked after until it ends. */
  becomeCalm(): void {
    this.#look();
  }

  /** Every run is final, and nobody wants anything more of one. */
  get areContent(): boolean {
    return this.#areAllFinal && this.#whenOver.length === 0;
  }

  get #areAllFinal(): boolean {
    for (const id of this.facts.keys()) {
      const row = this.#disk.get(id as RunId)?.row;
      if (row === undefined || !isFinal(row.status)) return false;
    }
    return true;
  }

  /** Starts what is not there yet and takes over what nobody has. */
  tend(): void {
    for (const facts of this.facts.values()) {
      const life = this.#whoFor(facts);
      if (life !== undefined) this.#take(life, facts);
    }
  }

  /** Looks after the runs before long: somebody may have died. */
  tendSoon(): void {
    if (this.#isTending) return;
    this.#isTending = true;
    this.#world.after(FIRST_LOOK_MS, () => {
      this.#isTending = false;
      this.tend();
    });
  }

  /** Asks for what was wanted of finished runs, one thing at a time, once all are finished. */
  askWhenFinal(): void {
    if (!this.#areAllFinal || this.#usable() === undefined) return;
    const wish = this.#whenOver.shift();
    if (wish !== undefined) this.#wish(wish);
  }

  act(action: UserAction): void {
    const waits = action.kind === 'rerun' && !action.whileRunning && !this.#isFinal(action.run);
    if (action.kind === 'retry' || action.kind === 'forget' || waits) {
      this.#whenOver.push(action);
      return;
    }
    this.#wish(action);
  }

  /** The latest engine that can be talked to. */
  #usable(): Life | undefined {
    return this.#lives().findLast(isUsable);
  }

  /** Whom to talk to about a run: the engine that has it, else the latest. */
  #whoFor(facts: RunFacts): Life | undefined {
    const owner = this.#disk.get(facts.id)?.row.owner;
    const holder = owner === undefined || owner === '' ? undefined : this.#lives().find((life) => life.owner === owner);
    return holder !== undefined && isUsable(holder) ? holder : this.#usable();
  }

  #isFinal(run: number): boolean {
    const row = this.#disk.get(this.#factsOf(run).id)?.row;
    return row !== undefined && isFinal(row.status);
  }

  #factsOf(run: number): RunFacts {
    return this.facts.get(`r-${run}`) as RunFacts;
  }

  #take(life: Life, facts: RunFacts): void {
    const { engine } = life;
    const stored = this.#disk.get(facts.id);
    if (engine === undefined || this.#taking.get(facts.id) === life || life.holds.has(facts.id)) return;
    if (stored !== undefined && isFinal(stored.row.status)) return;
    this.#taking.set(facts.id, life);
    life.takenAt.set(facts.id, this.#world.mono);
    const what = stored === undefined ? 'start' : 'resume';
    const asked = () =>
      stored === undefined
        ? engine.start(graphOf(facts.plan.jobs, facts.plan.name), {
            id: facts.id,
            name: facts.plan.name,
            fingerprint: facts.plan.name,
            onFailure: facts.plan.onFailure,
            ...(facts.plan.open === true ? { open: true as const } : {}),
          })
        : engine.resume(facts.id);
    // Nobody is left to add to a run that is taken over.
    if (stored !== undefined) facts.wishSeal(this.#world.mono, true);
    this.#ask(life, `${what} ${facts.plan.name}`, asked, {
      then: () => {
        life.holds.set(facts.id, this.#world.mono);
        this.#awaitEnd(life, engine, facts);
        this.#taking.delete(facts.id);
        for (const segment of facts.appendWished) this.#append(life, facts, segment);
      },
      otherwise: () => {
        this.#taking.delete(facts.id);
        life.takenAt.delete(facts.id);
        this.tendSoon();
      },
    });
  }

  /** An engine that cannot trust its store any more says so and stops; whoever runs it starts another. */
  #awaitEnd(life: Life, engine: EngineApi, facts: RunFacts): void {
    const ended = new Promise((resolve) => resolve(engine.ended(facts.id)));
    ended.catch((error: unknown) => {
      const code = HeddleError.is(error) ? error.code : 'ENGINE_BROKEN';
      // Given up or taken over in the meantime: whoever has it now is asked.
      if (code === 'RUN_NOT_OWNED' || code === 'RUN_NOT_FOUND' || !life.process.alive) return;
      const said = error instanceof Error ? `${error.stack} ${String(error.cause)}` : String(error);
      // Told to stop while its store takes nothing, an engine says what it could not write, and goes.
      const isStoppedUnheard = life.closing && (code === 'STORE_FULL' || code === 'STORE_BUSY');
      if (!isStoreLost(error) && !isStoppedUnheard) this.#world.fail('broken', said);
      life.process.crash(`it stopped: ${code}`);
    });
  }

  #ask(
    life: Life,
    label: string,
    asked: () => Promise<unknown>,
    answers: { readonly then?: () => void; readonly otherwise?: () => void },
  ): void {
    this.#world.trace(() => `${life.process.name} is asked to ${label}`);
    life.asked += 1;
    // Called inside a promise: an engine that throws at once is answered like one that refuses later.
    new Promise((resolve) => resolve(asked())).then(
      () => {
        life.asked -= 1;
        if (!life.process.alive) return;
        this.#world.trace(() => `${life.process.name} did ${label}`);
        answers.then?.();
      },
      (error: unknown) => {
        life.asked -= 1;
        if (!life.process.alive) return;
        this.#world.trace(() => `${life.process.name} did not ${label}: ${String(error)}`);
        if (!HeddleError.is(error) || !REFUSALS.has(error.code)) {
          const said = error instanceof Error ? (error.stack ?? error.message) : String(error);
          this.#world.fail('answer', `${label}: ${said}`);
        }
        if (isStoreLost(error)) life.process.crash('it stopped');
        answers.otherwise?.();
      },
    );
  }

  #wish(action: UserAction): void {
    const facts = this.#factsOf(action.run);
    const life = this.#whoFor(facts);
    const engine = life?.engine;
    if (life === undefined || engine === undefined) return;
    const { id, plan } = facts;
    const ask = (asked: () => Promise<unknown>): void => this.#ask(life, `${action.kind} ${plan.name}`, asked, {});
    switch (action.kind) {
      case 'cancel-run':
        this.#cancel(life, facts, undefined);
        return;
      case 'cancel-jobs':
        this.#cancel(life, facts, action.jobs);
        return;
      case 'pause':
        facts.wasPaused = true;
        ask(() => engine.pause(id));
        this.#later(facts, action.forMs, { label: 'unpause', what: (later) => later.unpause(id) });
        return;
      case 'hold':
        ask(() => engine.hold(id, action.jobs));
        this.#later(facts, action.forMs, { label: 'release', what: (later) => later.release(id, action.jobs) });
        return;
      case 'retry':
        this.#again(life, facts, () => engine.retry(id, action.cpus === 0 ? {} : { resources: { cpus: action.cpus } }));
        return;
      case 'rerun':
        this.#again(life, facts, () => engine.rerun(id, this.#finalOf(facts, action.jobs)));
        return;
      case 'forget':
        this.#ask(life, `forget ${plan.name}`, () => engine.forget(id), { then: () => life.holds.delete(id) });
        return;
      case 'append':
        facts.wishSegment(action.segment);
        this.#append(life, facts, action.segment);
        return;
      case 'seal':
      case 'close':
        this.#seal(life, facts, action.kind);
        return;
      case 'start-again':
        // The same request twice (F40): refused, or taken for the same run.
        ask(() => engine.start(graphOf(plan.jobs, plan.name), { id, name: plan.name, fingerprint: plan.name }));
    }
  }

  /** A finished run is opened again, by an engine that may not have had it. */
  #again(life: Life, facts: RunFacts, asked: () => Promise<void>): void {
    facts.begunAnew();
    const then = (): void => {
      life.holds.set(facts.id, this.#world.mono);
      if (life.engine !== undefined) this.#awaitEnd(life, life.engine, facts);
    };
    this.#ask(life, `begin ${facts.plan.name} again`, asked, { then });
  }

  /** Only what is final can be run again; while a run goes on that changes by the moment. */
  #finalOf(facts: RunFacts, jobs: readonly number[]): number[] {
    const stored = this.#disk.get(facts.id);
    return stored === undefined ? [] : jobs.filter((job) => isFinal(storedStatus(stored, job)));
  }

  #append(life: Life, facts: RunFacts, segment: number): void {
    const stored = this.#disk.get(facts.id);
    const nodes = facts.plan.segments[segment];
    const { engine } = life;
    const base = facts.baseOf(segment);
    if (engine === undefined || stored === undefined || stored.row.size > base || nodes === undefined) return;
    if (isFinal(stored.row.status)) return;
    const graph = graphOf(nodes, facts.plan.name, base);
    const then = (): void => {
      facts.appendedAt.set(segment, this.#world.mono);
    };
    this.#ask(life, `append to ${facts.plan.name}`, () => engine.append(facts.id, graph), { then });
  }

  #seal(life: Life, facts: RunFacts, kind: 'seal' | 'close'): void {
    const { engine } = life;
    if (engine === undefined || facts.plan.open !== true) return;
    facts.wishSeal(this.#world.mono, kind === 'close');
    this.#ask(life, `${kind} ${facts.plan.name}`, () => engine[kind](facts.id), {});
  }

  #cancel(life: Life, facts: RunFacts, jobs: readonly number[] | undefined): void {
    // What is appended while the run is being cancelled is cancelled too.
    const meant = jobs ?? [...Array(facts.plan.jobs.length + facts.plan.segments.flat().length).keys()];
    for (const job of meant) facts.cancelWished.add(job);
    if (jobs === undefined) facts.isCancelOfAllWished = true;
    const { engine } = life;
    if (engine === undefined) return;
    const asked = () => (jobs === undefined ? engine.cancel(facts.id) : engine.cancel(facts.id, jobs));
    // Nothing can be added to what is cancelled as a whole.
    if (jobs === undefined) facts.wishSeal(this.#world.mono, true);
    const generation = facts.anew;
    const losses = this.#disk.losses;
    // Of what is final a cancel means nothing, also when a rerun is on its way.
    const open = this.#openJobs(engine, facts, meant);
    this.#ask(life, `cancel ${jobs === undefined ? 'all' : jobs.join()} of ${facts.plan.name}`, asked, {
      then: () => {
        if (facts.anew !== generation || this.#disk.losses !== losses) return;
        for (const job of open) facts.cancelled.add(job);
      },
    });
  }

  #openJobs(engine: EngineApi, facts: RunFacts, jobs: readonly number[]): number[] {
    try {
      const { size } = engine.view(facts.id);
      return jobs.filter((job) => job < size && !isFinal(engine.job(facts.id, job).status));
    } catch {
      return [];
    }
  }

  /** Undoes something after a while, in whichever engine then has the run. */
  #later(
    facts: RunFacts,
    delayMs: number,
    undo: { readonly label: string; what(engine: EngineApi): Promise<void> },
  ): void {
    this.#world.after(delayMs, () => {
      const life = this.#whoFor(facts);
      const engine = life?.engine;
      if (life === undefined || engine === undefined) return;
      this.#ask(life, `${undo.label} ${facts.plan.name}`, () => undo.what(engine), {});
    });
  }

  /** Looks after what may not end by itself, less and less often. */
  #look(): void {
    this.tend();
    for (const facts of this.facts.values()) {
      const life = this.#whoFor(facts);
      const engine = life?.engine;
      if (life === undefined || engine === undefined || !life.holds.has(facts.id)) continue;
      const stored = this.#disk.get(facts.id);
      if (stored === undefined || isFinal(stored.row.status)) continue;
      const all = [...Array(stored.row.size).keys()];
      this.#seal(life, facts, 'close');
      this.#ask(life, `unpause ${facts.plan.name}`, () => engine.unpause(facts.id), {});
      this.#ask(life, `release all of ${facts.plan.name}`, () => engine.release(facts.id, all), {});
      const endless = all.filter((job) => isEndless(facts, job));
      if (endless.length > 0) this.#cancel(life, facts, endless);
    }
    this.#lookMs = Math.min(this.#lookMs * 2, LONGEST_LOOK_MS);
    this.#world.after(this.#lookMs, () => this.#look());
  }
}

/** True when an engine is there to be asked something. */
function isUsable(life: Life): boolean {
  return life.engine !== undefined && life.process.alive && !life.process.stopped && !life.closing;
}

function isEndless(facts: RunFacts, job: number): boolean {
  const plan = facts.job(job);
  return !Number.isFinite(plan.durationMs) && plan.definition.timeouts.runMs === undefined;
}
