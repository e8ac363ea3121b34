import type {
  AttemptId,
  AttemptOrder,
  Backend,
  BackendCapabilities,
  BackendContext,
  BackendEvent,
  LaunchAnswer,
  Place,
  RecoverAnswer,
  RecoverQuery,
} from '../model/index.ts';
import { HeddleError } from '../model/index.ts';
import type { SimulatedProcess } from './simulated-process.ts';
import type { SimulatedSite, SiteListener } from './simulated-site.ts';

/**
 * One opening of a simulated site by one process. Reports come late, twice, out of order or not at
 * all, as the site's faults say; a lost end is found by the engine's own question, after the
 * attempt was told unreachable, as a poller would notice.
 */
export class SimulatedBackend implements Backend, SiteListener {
  readonly name: string;
  readonly capabilities: BackendCapabilities;
  readonly process: SimulatedProcess;
  readonly recall?: (attempts: readonly AttemptId[]) => void;
  readonly #site: SimulatedSite;
  #context: BackendContext | undefined;
  #placesDue = 0;

  constructor(site: SimulatedSite, process: SimulatedProcess) {
    const { name, recoverable, batches, local, lanes } = site.profile;
    this.name = name;
    this.capabilities = { commands: true, calls: true, recoverable, batches, local };
    this.process = process;
    this.#site = site;
    if (lanes === true) this.recall = (attempts) => this.#recall(attempts);
  }

  open(context: BackendContext): Promise<readonly Place[]> {
    this.#context = context;
    this.#site.join(this);
    return Promise.resolve(this.#site.places);
  }

  launch(orders: readonly AttemptOrder[]): readonly LaunchAnswer[] | Promise<readonly LaunchAnswer[]> {
    if (!this.process.alive) return [];
    this.#site.announce(orders, this.process);
    const [low, high] = this.#site.profile.launchMs;
    if (high === 0) return this.#submit(orders) ?? [];
    return new Promise((resolve, reject) => {
      // The order leaves now or a little later; the answer comes back later still.
      this.process.answer(this.#site.dice.int(0, low), () => {
        if (this.#context === undefined)
          return reject(new HeddleError('BACKEND_UNAVAILABLE', `${this.name} is closed`));
        const answers = this.#submit(orders);
        if (answers === undefined) return;
        this.process.answer(this.#site.dice.int(low, high), () => {
          if (!this.process.passes('before-answer')) resolve(answers);
        });
      });
    });
  }

  cancel(attempt: AttemptId, graceMs: number): void {
    if (this.process.passes('before-cancel')) return;
    this.#site.cancel(attempt, graceMs);
    this.process.passes('after-cancel');
  }

  #recall(attempts: readonly AttemptId[]): void {
    if (this.process.passes('before-recall')) return;
    this.#site.recall(attempts);
    this.process.passes('after-recall');
  }

  recover(queries: readonly RecoverQuery[]): Promise<readonly RecoverAnswer[]> {
    return new Promise((resolve) => {
      if (this.process.passes('before-recover')) return;
      this.process.answer(this.#site.dice.int(...this.#site.profile.launchMs), () => {
        const answers = queries.map((query) => this.#site.ask(query, this));
        if (!this.process.passes('after-recover')) resolve(answers);
      });
    });
  }

  release(attempts: readonly AttemptId[]): void {
    if (this.process.passes('before-release')) return;
    for (const attempt of attempts) this.#site.forget(attempt);
  }

  hear(event: BackendEvent): void {
    const { dice, faults, profile } = this.#site;
    if (event.kind === 'places' || event.kind === 'access') {
      // Each says the whole set, so they come in order: late perhaps, but none overtakes another.
      const { mono } = this.process.world;
      this.#placesDue = Math.max(this.#placesDue, mono + dice.int(...profile.reportMs));
      return this.#deliver(event, this.#placesDue - mono);
    }
    if (dice.chance(faults.lose) && event.kind !== 'unreachable') {
      const { attempt } = event;
      // A beat may be lost for good, a phase is seen at the next poll; an end is noticed as a silence.
      if (event.kind === 'heartbeat') return;
      if (event.kind === 'phase') return this.#deliver(event, dice.int(1000, 20_000));
      return this.#deliver({ kind: 'unreachable', attempt, why: 'no news of it' }, dice.int(1000, 20_000));
    }
    const late = dice.chance(faults.late) ? dice.int(100, 5000) : 0;
    this.#deliver(event, dice.int(...profile.reportMs) + late);
    if (dice.chance(faults.duplicate)) this.#deliver(event, dice.int(0, 8000));
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#context = undefined;
    this.#site.leave(this);
    return Promise.resolve();
  }

  /** Undefined: the process died while it submitted. */
  #submit(orders: readonly AttemptOrder[]): readonly LaunchAnswer[] | undefined {
    if (this.process.passes('before-submit')) return undefined;
    const answers: LaunchAnswer[] = [];
    const half = this.#site.profile.batches ? -1 : this.#site.dice.int(1, 2 * orders.length);
    for (const order of orders) {
      answers.push(this.#site.submit(order, this));
      // A batch of single submissions may be cut short by a death in the middle of it.
      if (answers.length === half && answers.length < orders.length && this.process.passes('after-submit')) {
        return undefined;
      }
    }
    return this.process.passes('after-submit') ? undefined : answers;
  }

  #deliver(event: BackendEvent, delayMs: number): void {
    const { process } = this;
    const attempt = event.kind === 'places' || event.kind === 'access' ? '' : event.attempt;
    this.#site.countNews(attempt, 1);
    process.world.after(delayMs, () => {
      this.#site.countNews(attempt, -1);
      process.enter(() => {
        if (event.kind === 'ended' && process.passes('before-end-seen')) return;
        this.#context?.report(event);
      });
    });
  }
}
