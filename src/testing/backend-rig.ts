import { join } from 'node:path';
import {
  type AttemptId,
  type AttemptOrder,
  asJobId,
  asRunId,
  asSubmissionId,
  attemptIds,
  type Backend,
  type BackendEvent,
  type Clock,
  type LaunchAnswer,
  newSubmissionId,
  type Outcome,
  type Place,
  type Random,
  type RecoverAnswer,
  type RecoverQuery,
  type ResolvedWork,
  silentLogger,
} from '../model/index.ts';
import { StoppableClock } from './stoppable-clock.ts';

/** A backend under test, not yet open, and what it is opened with. Disposing it removes what it needed. */
export interface BackendFixture extends AsyncDisposable {
  readonly backend: Backend;
  readonly clock: Clock;
  readonly random: Random;
  /** The store's directory and the project's: absolute, existing, empty. Attempts reach the former at the same path. */
  readonly directory: string;
  readonly project: string;
  /** How many attempts the case of many has: fewer for a system that takes few a second. @default 1000 */
  readonly many?: number;
  /**
   * Another backend to the same system, not yet open: the one of the engine that comes after one that was killed. Wanted
   * by cases that need `successor`; opened with the same directories, disposed of by the case.
   */
  readonly successor?: () => Backend;
  /**
   * How the first backend is given up before the successor comes: it stands still from then on, as if its process had been
   * killed; or it is closed, where one takes over from none whose process lives. @default 'stopped'
   */
  readonly givenUp?: 'stopped' | 'closed';
}

/** How an attempt ended, as far as it could be found out. */
export type Settled = { readonly kind: 'ended'; readonly outcome: Outcome } | { readonly kind: 'gone' };

const MANY = 1000;
/** Between two questions to `recover` about an attempt nothing is heard of. */
const ASK_MS = 150;
const GIVE_UP_MS = 60_000;
/** When nothing is heard of many attempts for so long, they are asked after. */
const SILENCE_MS = 2000;
/** At most so many in one submission. */
const LARGEST_BATCH = 500;

/** A backend that is open, with everything it ever said. */
export class BackendRig implements AsyncDisposable {
  readonly backend: Backend;
  readonly places: readonly Place[];
  readonly events: BackendEvent[];
  readonly #fixture: BackendFixture;
  readonly #clock: StoppableClock;
  readonly #heard: Heard;
  readonly #nextId: () => AttemptId;
  readonly #refused = new Map<AttemptId, string>();
  #count = 0;

  static async open(fixture: BackendFixture): Promise<BackendRig> {
    const { backend, directory, project } = fixture;
    const heard = new Heard();
    const clock = new StoppableClock(fixture.clock);
    const report = (event: BackendEvent): void => heard.take(event);
    const places = await backend.open({ clock, logger: silentLogger, directory, project, report });
    return new BackendRig(fixture, { places, heard, clock });
  }

  private constructor(
    fixture: BackendFixture,
    opened: { readonly places: readonly Place[]; readonly heard: Heard; readonly clock: StoppableClock },
  ) {
    this.#fixture = fixture;
    this.#heard = opened.heard;
    this.#clock = opened.clock;
    this.backend = fixture.backend;
    this.places = opened.places;
    this.events = opened.heard.events;
    this.#nextId = attemptIds(fixture.random);
  }

  /** How many attempts the case of many has. */
  get many(): number {
    return this.#fixture.many ?? MANY;
  }

  /** The store's directory: existing, and at the same path wherever attempts run. */
  get directory(): string {
    return this.#fixture.directory;
  }

  order(work: ResolvedWork, more: Partial<AttemptOrder> = {}): AttemptOrder {
    const index = this.#count;
    this.#count += 1;
    return {
      attempt: this.#nextId(),
      fence: 1,
      run: asRunId('r-conformance'),
      job: asJobId(`job-${index}`),
      index,
      work,
      grant: { place: this.places[0]?.name ?? '', cpus: 1 },
      limits: { graceMs: 500, outputBytes: 1024 * 1024 },
      directory: join(this.#fixture.directory, 'work', 'r-conformance', '0', `job-${index}.1`),
      submission: asSubmissionId('hsconformance'),
      element: index,
      ...more,
    };
  }

  query(order: AttemptOrder, handle = ''): RecoverQuery {
    return { ...order, handle };
  }

  async launch(orders: readonly AttemptOrder[]): Promise<readonly LaunchAnswer[]> {
    const answers = await this.backend.launch(orders);
    for (const [i, { attempt }] of orders.entries()) {
      const answer = answers[i];
      if (answer?.kind === 'refused') this.#refused.set(attempt, answer.why);
    }
    return answers;
  }

  async recover(order: AttemptOrder): Promise<RecoverAnswer | undefined> {
    return (await this.backend.recover([this.query(order)]))[0];
  }

  /** What was reported of an attempt. */
  of(order: AttemptOrder): readonly BackendEvent[] {
    return this.#heard.of(order.attempt);
  }

  /** Its end as it was reported; undefined so far. */
  reported(order: AttemptOrder): Settled | undefined {
    for (const event of this.of(order)) {
      if (event.kind === 'ended') return { kind: 'ended', outcome: event.outcome };
      if (event.kind === 'gone') return { kind: 'gone' };
    }
    return undefined;
  }

  /** Resolves when its end was reported. Rejects at once when it was refused. */
  async end(order: AttemptOrder): Promise<Settled> {
    const refused = this.#refused.get(order.attempt);
    if (refused !== undefined) throw new Error(`${order.job} was refused: ${refused}`);
    return this.until(() => this.reported(order), `the end of ${order.job} was never reported`);
  }

  /** Resolves when its end is known: reported, or told by `recover`, which is asked again and again. */
  async settle(order: AttemptOrder): Promise<Settled> {
    for (let asked = 0; asked * ASK_MS < GIVE_UP_MS; asked += 1) {
      await this.pause(ASK_MS);
      const settled = this.reported(order) ?? settledBy(await this.recover(order));
      if (settled !== undefined) return settled;
    }
    throw new Error(`nobody knows how ${order.job} ended`);
  }

  /** Launches orders, and resolves with their ends as they were reported. */
  async run(orders: readonly AttemptOrder[]): Promise<readonly Settled[]> {
    await this.launch(orders);
    return Promise.all(orders.map((order) => this.end(order)));
  }

  /**
   * Has many done as an engine does: no more at a time than its places hold, each batch a submission of its own, those
   * nothing is heard of asked after, refused ones tried again as another attempt, and each released when it has ended.
   * Resolves with the ends, in order.
   *
   * @throws {Error} one is refused for good, or nothing ends for a minute
   */
  async play(orders: readonly AttemptOrder[]): Promise<readonly Settled[]> {
    const waiting = orders.toReversed();
    const live = new Map<number, AttemptOrder>();
    const ends = new Map<number, Settled>();
    const end = (order: AttemptOrder, settled: Settled | undefined): void => {
      if (settled === undefined) return;
      ends.set(order.index, settled);
      live.delete(order.index);
      this.backend.release([order.attempt]);
    };
    for (let silentMs = 0; ends.size < orders.length; ) {
      await this.#begin(waiting, live);
      const before = ends.size;
      const wasHeard = await this.#heard.next(this.#fixture.clock, SILENCE_MS);
      for (const order of live.values()) end(order, this.reported(order));
      if (!wasHeard) {
        const asked = [...live.values()];
        const answers = await this.backend.recover(asked.map((order) => this.query(order)));
        for (const [i, order] of asked.entries()) end(order, settledBy(answers[i]));
      }
      silentMs = wasHeard || ends.size > before ? 0 : silentMs + SILENCE_MS;
      if (silentMs > GIVE_UP_MS) throw new Error(`nobody knows how ${live.size} of ${orders.length} ended`);
    }
    return orders.map(({ index }) => ends.get(index) as Settled);
  }

  /** Resolves with what `look` finds. */
  async until<T>(look: () => T | undefined, what: string): Promise<T> {
    for (let waited = 0; waited < GIVE_UP_MS; waited += 10) {
      const found = look();
      if (found !== undefined) return found;
      await this.pause(10);
    }
    throw new Error(what);
  }

  pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      this.#fixture.clock.after(ms, resolve);
    });
  }

  /** From now on it is as if this process stood still: no timer of the backend's rings, nothing it says is heard. */
  async giveUp(): Promise<void> {
    this.#heard.isDeaf = true;
    if (this.#fixture.givenUp === 'closed') await this.backend[Symbol.asyncDispose]();
    else this.#clock.stop();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#clock.go();
    await this.backend[Symbol.asyncDispose]();
  }

  /** Launches as many of those that wait (from the end of the list) as there is room for. */
  async #begin(waiting: AttemptOrder[], live: Map<number, AttemptOrder>): Promise<void> {
    const free = new Map((this.#heard.places ?? this.places).map(({ name, cpus }) => [name, cpus]));
    for (const { grant } of live.values()) free.set(grant.place, (free.get(grant.place) ?? 0) - grant.cpus);
    const submission = newSubmissionId(this.#fixture.random);
    const batch: AttemptOrder[] = [];
    for (const [place, cpus] of free) {
      for (let left = cpus; left >= 1 && batch.length < LARGEST_BATCH; left -= 1) {
        const order = waiting.pop();
        if (order === undefined) break;
        batch.push({ ...order, grant: { ...order.grant, place }, submission, element: batch.length });
      }
    }
    if (batch.length === 0) return;
    for (const order of batch) live.set(order.index, order);
    const answers = await this.launch(batch);
    for (const [i, order] of batch.entries()) {
      const answer = answers[i];
      if (answer?.kind !== 'refused') continue;
      if (!answer.retryable) throw new Error(`${order.job} is refused: ${answer.why}`);
      live.delete(order.index);
      const fence = order.fence + 1;
      waiting.push({ ...order, attempt: this.#nextId(), fence, directory: `${order.directory}.${fence}` });
    }
  }
}

function settledBy(answer: RecoverAnswer | undefined): Settled | undefined {
  if (answer?.kind === 'ended') return { kind: 'ended', outcome: answer.outcome };
  return answer?.kind === 'gone' ? { kind: 'gone' } : undefined;
}

/** Everything a backend said, by whom it is about. */
class Heard {
  readonly events: BackendEvent[] = [];
  /** The last set it told of; undefined: those it opened with. */
  places: readonly Place[] | undefined;
  isDeaf = false;
  readonly #of = new Map<AttemptId, BackendEvent[]>();
  #wake: (() => void) | undefined;
  #hasNews = false;

  take(event: BackendEvent): void {
    if (this.isDeaf) return;
    this.events.push(event);
    if (event.kind === 'places') this.places = event.places;
    else if ('attempt' in event) {
      const list = this.#of.get(event.attempt);
      if (list === undefined) this.#of.set(event.attempt, [event]);
      else list.push(event);
    }
    this.#hasNews = true;
    this.#wake?.();
  }

  of(attempt: AttemptId): readonly BackendEvent[] {
    return this.#of.get(attempt) ?? [];
  }

  /** Resolves with true when something has been said since the last time, with false when so long nothing was. */
  async next(clock: Clock, withinMs: number): Promise<boolean> {
    if (!this.#hasNews) {
      await new Promise<void>((resolve) => {
        const timer = clock.after(withinMs, resolve);
        this.#wake = () => {
          timer.cancel();
          resolve();
        };
      });
      this.#wake = undefined;
    }
    const hasNews = this.#hasNews;
    this.#hasNews = false;
    return hasNews;
  }
}
