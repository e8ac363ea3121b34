import { portableGraph } from '../../calls/index.ts';
import type { Engine, RunHandle, RunningJob } from '../../jobs/index.ts';
import { asError, type Graph, HeddleError, isFinal, type OwnerRecord, type RunId } from '../../model/index.ts';
import { graphFingerprint } from '../fingerprint.ts';
import type { Experiment, PointResult } from './experiment.ts';
import type { ExperimentCounts, ExperimentPlace, ExperimentView, PointEvent } from './experiment-options.ts';
import { bestOf, type ExperimentTable, type PointRow, readExperimentTable, readResult } from './experiment-table.ts';
import { mayOpen } from './how-many-open.ts';
import { type KnownRun, pointKey, pointText, settingsOf } from './known-runs.ts';
import type { Param } from './param.ts';
import type { ParamSpace } from './param-space.ts';
import { decidePoint } from './point-decision.ts';
import { isOfThePoint, type NewPoint, type OpenPoint, type PointState, runSettings } from './point-parts.ts';
import { otherOwner, PointsElsewhere, takenBy } from './points-elsewhere.ts';

/** What is made before a point is run. @internal */
export interface ExperimentParts extends ExperimentPlace {
  readonly experiment: Experiment;
  /** With parameters that are the same for all, and replicas. */
  readonly space: ParamSpace;
  readonly known: ReadonlyMap<string, readonly KnownRun[]>;
}

/** A point, and how it stands. */
export interface PointView<P extends object = Param> extends PointState {
  readonly parameters: Param<P>;
}

/**
 * An experiment in the hands of the program that runs it: its points are run one after the other as there is room, in the order of
 * the space, and share the engine. A point that fails stops no other. A handle, never a thenable.
 *
 * The loop that feeds points to the engine is woken by ends, `resume` and `cancel`; nothing polls.
 */
export class ExperimentHandle<P extends object = Param> {
  readonly name: string;
  readonly size: number;
  readonly #parts: ExperimentParts;
  readonly #states = new Map<string, PointState>();
  readonly #open = new Map<RunId, OpenPoint>();
  readonly #counts = { done: 0, failed: 0, cancelled: 0 };
  readonly #pinned: Record<string, RunId> = {};
  readonly #ending: Set<Promise<void>> = new Set();
  readonly #fed: Promise<void>;
  readonly #elsewhere: PointsElsewhere = new PointsElsewhere();
  #tally = { reused: 0, left: 0, changed: 0 };
  /** What was asked here. `stopped`: the engine has been shut down. */
  #wish: '' | 'paused' | 'cancelled' | 'stopped' = '';
  #wake: () => void = () => undefined;

  /** @internal `runExperiment` is the way in. */
  constructor(parts: ExperimentParts) {
    this.#parts = parts;
    this.name = parts.experiment.name;
    this.size = parts.space.size;
    this.#fed = this.#feed().then(() => this.#keepPinned());
    // Told by `wait`.
    this.#fed.catch(() => undefined);
  }

  view(): ExperimentView {
    const counts = this.counts();
    const { size: elsewhere, pids: elsewherePids } = this.#elsewhere;
    return {
      ...{ name: this.name, ...this.#statusOf(counts), size: this.size, counts, ...this.#tally },
      ...{ elsewhere, elsewherePids },
    };
  }

  counts(): ExperimentCounts {
    const { done, failed, cancelled } = this.#counts;
    // One whose jobs all wait for a slot is not running yet.
    const running = [...this.#open.values()].filter(({ handle }) => handle.counts().running > 0).length;
    return { done, failed, cancelled, running, pending: Math.max(0, this.size - done - failed - cancelled - running) };
  }

  /** Live attempts of all points, those of the first first. */
  running(): readonly (RunningJob & { readonly run: RunId; readonly parameters: Param<P> })[] {
    return [...this.#open.values()].flatMap(({ handle, parameters }) =>
      handle.running().map((job) => ({ ...job, run: handle.id, parameters: parameters as Param<P> })),
    );
  }

  /** Every point in the order of the space, and how it stands. */
  *points(): Generator<PointView<P>, void> {
    for (const parameters of this.#parts.space as unknown as ParamSpace<P>) {
      const state = this.#states.get(pointKey(parameters as Param));
      yield { parameters, ...(state ?? { status: 'pending', detail: '', run: undefined }) };
    }
  }

  /** Resolves when every point has ended, or the experiment was cancelled or interrupted. Never rejects because one failed. */
  async wait(): Promise<ExperimentView> {
    await this.#fed;
    while (this.#ending.size > 0) await Promise.all(this.#ending);
    await this.#settleElsewhere();
    return this.view();
  }

  /** What the workflow returned at each point that is done, in the order of the space. Waits for all of them. */
  async *results(): AsyncGenerator<PointResult<P>, void> {
    await this.wait();
    for (const { parameters, status, run } of this.points()) {
      if (status !== 'done' || run === undefined) continue;
      yield { parameters, run, result: await readResult(this.#engine.store, run) };
    }
  }

  /** Parameters, states and results as they are now. */
  async table(): Promise<ExperimentTable> {
    const row = await this.#engine.store.experiment(this.name);
    if (row === undefined) throw new HeddleError('STORE_CORRUPT', `experiment '${this.name}' is gone from the store`);
    const settings = { ...settingsOf(row), pinned: this.#pinned };
    return readExperimentTable(this.#engine.store, { ...row, settings: JSON.stringify(settings) });
  }

  /**
   * The best point by a column of numbers, so far.
   *
   * @param metric @default the experiment's own
   * @throws {HeddleError} INPUT_INVALID when there is none, or no such column
   */
  async best(metric?: string, { max }: { readonly max?: boolean } = {}): Promise<PointRow | undefined> {
    const own = this.#parts.experiment.metric;
    const path = metric ?? own?.path;
    if (path === undefined)
      throw new HeddleError('INPUT_INVALID', `experiment '${this.name}' has no metric to be best in`, {
        hint: "name one: best('energy.mean'), or experiment(name, workflow, space, { metric: 'energy.mean' })",
      });
    const ownGoal = metric === undefined || metric === own?.path ? own?.goal : undefined;
    const goal = max === undefined ? (ownGoal ?? 'min') : max ? 'max' : 'min';
    return bestOf(await this.table(), { path, goal });
  }

  /** Starts no more points, and cancels those that run. */
  async cancel(): Promise<void> {
    if (this.#wish !== 'stopped') this.#wish = 'cancelled';
    this.#wake();
    await Promise.all([...this.#open.values()].map(({ handle }) => handle.cancel()));
  }

  /** Starts nothing more, of any point; what runs goes on. */
  async pause(): Promise<void> {
    if (this.#wish === '') this.#wish = 'paused';
    await Promise.all([...this.#open.values()].map(({ handle }) => handle.pause()));
  }

  /** Goes on after `pause`. */
  async resume(): Promise<void> {
    if (this.#wish === 'paused') this.#wish = '';
    this.#wake();
    await Promise.all([...this.#open.values()].map(({ handle }) => handle.resume()));
  }

  get #engine(): Engine {
    return this.#parts.engine;
  }

  #statusOf(counts: ExperimentCounts): Pick<ExperimentView, 'status' | 'detail'> {
    if (this.#open.size > 0) return { status: 'running', detail: this.#wish === 'paused' ? 'paused' : '' };
    if (counts.pending > 0 && this.#wish === 'cancelled') return { status: 'cancelled', detail: '' };
    if (counts.pending > 0) {
      const detail = this.#wish === 'paused' ? 'paused' : this.#wish === 'stopped' ? 'interrupted' : '';
      return { status: 'pending', detail };
    }
    return { status: counts.failed > 0 ? 'failed' : counts.cancelled > 0 ? 'cancelled' : 'done', detail: '' };
  }

  async #feed(): Promise<void> {
    for (const point of this.#parts.space) {
      const key = pointKey(point);
      if (this.#states.has(key)) continue;
      if (!(await this.#mayGoOn())) return;
      try {
        await this.#take(point, key);
      } catch (error) {
        if (!HeddleError.is(error) || error.code !== 'ENGINE_CLOSED') throw error;
        this.#wish = 'stopped';
        return;
      }
    }
  }

  /** Which run stands for a point where it is not the newest: for who looks without us. */
  async #keepPinned(): Promise<void> {
    const { store } = this.#engine;
    const row = Object.keys(this.#pinned).length === 0 ? undefined : await store.experiment(this.name);
    if (row === undefined) return;
    const settings = JSON.stringify({ ...settingsOf(row), pinned: this.#pinned });
    await store.putExperiment({ ...row, settings });
  }

  /** Waits for room, and while it is paused. False: nothing more is to be started. */
  async #mayGoOn(): Promise<boolean> {
    for (;;) {
      if (this.#wish === 'cancelled' || this.#wish === 'stopped') return false;
      if (this.#wish !== 'paused' && mayOpen([...this.#open.values()])) return this.#heedOthers();
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#wake = resolve;
      await promise;
    }
  }

  /** What another process asked of the whole experiment stands in the store. */
  async #heedOthers(): Promise<boolean> {
    for (;;) {
      const wish = (await this.#engine.store.experiment(this.name))?.wish ?? '';
      if (wish === '') return this.#wish === '' || this.#mayGoOn();
      if (wish === 'cancelled' || this.#open.size === 0) {
        this.#wish = wish;
        return false;
      }
      // Paused, and what is open will end, or go on when the whole does.
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#wake = resolve;
      await promise;
    }
  }

  async #take(point: Param, key: string, fresh: readonly KnownRun[] = []): Promise<void> {
    const { experiment, known, options } = this.#parts;
    let graph: Graph;
    try {
      graph = portableGraph(experiment.workflow.build(point), this.#engine.project);
    } catch (error) {
      this.#refuse(point, key, error);
      return;
    }
    const fingerprint = graphFingerprint(graph);
    const { retryFailed, rerun } = options;
    const runs = known.get(key) ?? [];
    const decision = decidePoint({ fingerprint, known: runs, fresh, retryFailed, rerun });
    if (decision.action === 'start') {
      const beside = [...fresh, ...runs].map(({ id }) => id);
      return this.#start(point, key, { graph, fingerprint, isChanged: decision.isChanged, fresh, beside });
    }
    if (decision.action === 'reuse') return this.#reuse(point, key, decision);
    await this.#goOn(point, key, { run: decision.run, mayRetry: decision.action === 'retry' });
  }

  #reuse(point: Param, key: string, { run, isNewest }: { readonly run: KnownRun; readonly isNewest: boolean }): void {
    if (!isNewest) this.#pinned[key] = run.id;
    this.#tally.reused += 1;
    this.#settle(key, { status: 'done', detail: '', run: run.id });
    this.#tell({ kind: 'reused', parameters: point, run: run.id, status: 'done', detail: '' });
  }

  async #start(point: Param, key: string, { graph, fingerprint, isChanged, fresh, beside }: NewPoint): Promise<void> {
    const { options } = this.#parts;
    let handle: RunHandle;
    try {
      handle = await this.#engine.run(graph, {
        name: this.name,
        fingerprint,
        experiment: this.name,
        point: key,
        beside,
        parameters: point,
        ...runSettings(options, graph),
      });
    } catch (error) {
      const taken = takenBy(error);
      if (taken !== undefined) return this.#yieldTo(point, key, taken, fresh);
      if (!isOfThePoint(error)) throw error;
      this.#refuse(point, key, error);
      return;
    }
    if (isChanged) this.#tally.changed += 1;
    this.#follow(point, key, handle);
    this.#tell({ kind: 'started', parameters: point, run: handle.id, status: 'running', detail: '', isChanged });
  }

  /** Somebody else began the point first; what has become of that is looked at. */
  async #yieldTo(point: Param, key: string, taken: RunId, fresh: readonly KnownRun[]): Promise<void> {
    const row = await this.#engine.store.run(taken);
    if (row !== undefined) return this.#take(point, key, [row, ...fresh]);
    // Its graph is still being written.
    this.#leaveToOther(point, key, { id: taken, status: 'pending', detail: '' }, undefined);
  }

  /** An unfinished run goes on; one that failed does where that was asked for. */
  async #goOn(
    point: Param,
    key: string,
    { run: known, mayRetry }: { readonly run: KnownRun; readonly mayRetry: boolean },
  ): Promise<void> {
    const { options } = this.#parts;
    const { store } = this.#engine;
    // It may have ended, or have been taken up, since it was read.
    const run = (await store.run(known.id)) ?? known;
    if (run.status === 'done') return this.#reuse(point, key, { run, isNewest: true });
    const other = await otherOwner(store, run.id);
    if (other !== undefined) return this.#leaveToOther(point, key, run, other);
    const retries = isFinal(run.status);
    if (retries && !mayRetry) {
      this.#tally.left += 1;
      this.#settle(key, { status: run.status, detail: run.detail, run: run.id });
      return;
    }
    await options.mayContinue?.(run);
    let handle: RunHandle;
    try {
      handle = await (retries ? this.#engine.retry(run.id) : this.#engine.resume(run.id));
    } catch (error) {
      if (!HeddleError.is(error) || error.code !== 'RUN_OWNED') throw error;
      return this.#leaveToOther(point, key, run, await otherOwner(store, run.id));
    }
    // One that was paused and then left is paused still.
    if (handle.view().detail === 'paused') await handle.resume();
    this.#follow(point, key, handle);
    const kind = retries ? 'retried' : 'resumed';
    this.#tell({ kind, status: 'running', parameters: point, run: run.id, detail: run.detail });
  }

  #leaveToOther(
    point: Param,
    key: string,
    { id: run, status, detail }: Pick<KnownRun, 'id' | 'status' | 'detail'>,
    owner: OwnerRecord | undefined,
  ): void {
    this.#elsewhere.add(key, run, owner);
    this.#states.set(key, { status, detail, run });
    this.#tell({ kind: 'elsewhere', status, parameters: point, run, detail });
  }

  /** What others have ended while this ran stands for its point here too. */
  async #settleElsewhere(): Promise<void> {
    for await (const { key, run } of this.#elsewhere.ended(this.#engine.store)) {
      if (run.status === 'done') this.#tally.reused += 1;
      this.#settle(key, { status: run.status, detail: run.detail, run: run.id });
    }
  }

  #follow(point: Param, key: string, handle: RunHandle): void {
    this.#open.set(handle.id, { handle, parameters: point, size: handle.view().size });
    this.#states.set(key, { status: 'running', detail: '', run: handle.id });
    const ending = this.#toEnd(point, key, handle).finally(() => {
      this.#ending.delete(ending);
      this.#wake();
    });
    this.#ending.add(ending);
    // What was asked while it was being started means it too.
    if (this.#wish === 'paused') handle.pause().catch(() => undefined);
    if (this.#wish === 'cancelled') handle.cancel().catch(() => undefined);
  }

  async #toEnd(point: Param, key: string, handle: RunHandle): Promise<void> {
    const { status, detail } = await handle.wait();
    this.#open.delete(handle.id);
    if (!isFinal(status)) {
      if (detail === 'interrupted') this.#wish = 'stopped';
      this.#states.set(key, { status, detail, run: handle.id });
      return;
    }
    const [failed] = status === 'failed' ? await handle.failedJobs(1) : [];
    this.#settle(key, { status, detail, run: handle.id });
    this.#tell({
      ...{ kind: 'ended', parameters: point, run: handle.id, status, detail },
      ...(failed === undefined ? {} : { cause: `${failed.job}: ${failed.cause}` }),
    });
    // Of many thousands not every one can be kept in memory. A store in memory would forget the values too.
    if (this.#engine.store.keepsJobs) await this.#engine.forget(handle.id).catch(() => undefined);
  }

  /** A point whose workflow can't be built, or whose run can't be started. */
  #refuse(point: Param, key: string, error: unknown): void {
    const state = { status: 'failed', detail: 'unsatisfiable', run: undefined } as const;
    this.#settle(key, state);
    this.#tell({ kind: 'refused', parameters: point, ...state, cause: asError(error).message });
  }

  #settle(key: string, state: PointState): void {
    this.#states.set(key, state);
    if (state.status === 'done' || state.status === 'failed' || state.status === 'cancelled')
      this.#counts[state.status] += 1;
  }

  /** A listener's error is its own. */
  #tell(event: PointEvent): void {
    try {
      this.#parts.options.onPoint?.(event);
    } catch (error) {
      this.#engine.logs.warn(
        { experiment: this.name, point: pointText(event.parameters), error: asError(error).message },
        'what listens to an experiment has thrown',
      );
    }
  }
}
