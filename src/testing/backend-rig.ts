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
  type Outcome,
  type Place,
  type Random,
  type RecoverAnswer,
  type RecoverQuery,
  type ResolvedWork,
  silentLogger,
} from '../model/index.ts';

/** A backend under test, not yet open, and what it is opened with. Disposing it removes what it needed. */
export interface BackendFixture extends AsyncDisposable {
  readonly backend: Backend;
  readonly clock: Clock;
  readonly random: Random;
  /** The store's directory and the project's: absolute, existing, empty. Attempts reach the former at the same path. */
  readonly directory: string;
  readonly project: string;
}

/** How an attempt ended, as far as it could be found out. */
export type Settled = { readonly kind: 'ended'; readonly outcome: Outcome } | { readonly kind: 'gone' };

/** Between two questions to `recover` about an attempt nothing is heard of. */
const ASK_MS = 150;
const GIVE_UP_MS = 60_000;

/** A backend that is open, with everything it ever said. */
export class BackendRig implements AsyncDisposable {
  readonly backend: Backend;
  readonly places: readonly Place[];
  readonly events: BackendEvent[];
  readonly #fixture: BackendFixture;
  readonly #nextId: () => AttemptId;
  #count = 0;

  static async open(fixture: BackendFixture): Promise<BackendRig> {
    const { backend, clock, directory, project } = fixture;
    const events: BackendEvent[] = [];
    const report = (event: BackendEvent): void => {
      events.push(event);
    };
    const places = await backend.open({ clock, logger: silentLogger, directory, project, report });
    return new BackendRig(fixture, places, events);
  }

  private constructor(fixture: BackendFixture, places: readonly Place[], events: BackendEvent[]) {
    this.#fixture = fixture;
    this.backend = fixture.backend;
    this.places = places;
    this.events = events;
    this.#nextId = attemptIds(fixture.random);
  }

  order(work: ResolvedWork): AttemptOrder {
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
    };
  }

  query(order: AttemptOrder, handle = ''): RecoverQuery {
    return { ...order, handle };
  }

  async launch(orders: readonly AttemptOrder[]): Promise<readonly LaunchAnswer[]> {
    return await this.backend.launch(orders);
  }

  async recover(order: AttemptOrder): Promise<RecoverAnswer | undefined> {
    return (await this.backend.recover([this.query(order)]))[0];
  }

  /** What was reported of an attempt. */
  of(order: AttemptOrder): readonly BackendEvent[] {
    return this.events.filter((event) => 'attempt' in event && event.attempt === order.attempt);
  }

  /** Its end as it was reported; undefined so far. */
  reported(order: AttemptOrder): Settled | undefined {
    for (const event of this.of(order)) {
      if (event.kind === 'ended') return { kind: 'ended', outcome: event.outcome };
      if (event.kind === 'gone') return { kind: 'gone' };
    }
    return undefined;
  }

  /** Resolves when its end was reported. */
  async end(order: AttemptOrder): Promise<Settled> {
    return this.until(() => this.reported(order), `the end of ${order.job} was never reported`);
  }

  /** Resolves when its end is known: reported, or told by `recover`, which is asked again and again. */
  async settle(order: AttemptOrder): Promise<Settled> {
    for (let asked = 0; asked * ASK_MS < GIVE_UP_MS; asked += 1) {
      await this.pause(ASK_MS);
      const reported = this.reported(order);
      if (reported !== undefined) return reported;
      const answer = await this.recover(order);
      if (answer?.kind === 'ended') return { kind: 'ended', outcome: answer.outcome };
      if (answer?.kind === 'gone') return { kind: 'gone' };
    }
    throw new Error(`nobody knows how ${order.job} ended`);
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

  async [Symbol.asyncDispose](): Promise<void> {
    await this.backend[Symbol.asyncDispose]();
  }
}
