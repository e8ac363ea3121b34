import type { Clock, Logger, LoginNeed, Outcome } from '../../model/index.ts';
import { type ExitRecord, readExitRecord } from '../workdir/index.ts';
import type { AttemptBook, EndTimes } from './attempt-book.ts';
import { type JudgePlaces, judgeRecord } from './judge-end.ts';
import type { RemoteAttempt } from './remote-attempt.ts';
import type { Site } from './site.ts';
import { inTurns } from './turns.ts';

/** An attempt with a record, and what the system says of its end. */
export interface WithRecord<A extends RemoteAttempt> {
  readonly attempt: A;
  readonly record: ExitRecord;
  readonly word: Outcome | undefined;
}

export interface CollectorOptions<A extends RemoteAttempt> {
  readonly site: Site;
  readonly book: AttemptBook<A>;
  readonly places: JudgePlaces;
  readonly clock: Clock;
  readonly logger: Logger;
  /** The target wants its user. */
  readonly login: (need: LoginNeed) => void;
  /** Its end was told. */
  readonly told: () => void;
}

/** Brings here what ended attempts left, in one trip for all that wait for it, judges them and tells their ends. */
export class Collector<A extends RemoteAttempt> {
  readonly #options: CollectorOptions<A>;
  #waiting: WithRecord<A>[] = [];
  #work: Promise<void> | undefined;

  constructor(options: CollectorOptions<A>) {
    this.#options = options;
  }

  /** Some are being brought, or wait for another try. */
  get isWaiting(): boolean {
    return this.#waiting.length > 0 || this.#work !== undefined;
  }

  take(ended: WithRecord<A>): void {
    ended.attempt.isEnding = true;
    this.#waiting.push(ended);
  }

  /** Begins with those that wait, when nothing of the kind is under way. */
  go(): void {
    if (this.#work !== undefined || this.#waiting.length === 0) return;
    this.#work = this.#collect()
      .catch((error: unknown) => this.#options.logger.error({ error }, 'results could not be brought here'))
      .then(() => {
        this.#work = undefined;
      });
  }

  async close(): Promise<void> {
    this.#waiting = [];
    await this.#work;
  }

  async #collect(): Promise<void> {
    const { site, book, places, told, login, clock } = this.#options;
    const batch = this.#waiting.splice(0);
    const leavings = batch.map(({ attempt, record }) => ({
      attempt,
      hasOutputs: record.status === 0 && attempt.work.outputs.length > 0 && attempt.cancelling === undefined,
    }));
    for (const { attempt, hasOutputs } of leavings)
      if (hasOutputs && attempt.here !== attempt.there) book.phase(attempt, 'staging-out');
    const { answer, spoilt } = await site.bring(leavings);
    if (answer.kind === 'refused' && !answer.retryable) {
      for (const { attempt, record } of batch) book.end(attempt, notBrought(answer.why), timesOf(attempt, record));
      return told();
    }
    if (answer.kind !== 'done') {
      // What is over stays over: it is tried again with the next look.
      if (answer.kind === 'login') login(answer.need);
      const why = answer.kind === 'login' ? answer.need.why : answer.why;
      for (const { attempt } of batch) book.unreachable(attempt, why);
      this.#waiting.push(...batch);
      return;
    }
    await inTurns(clock, batch, async ({ attempt, record, word }) => {
      const outcome = spoilt.includes(attempt)
        ? notBrought('an output here is not what lies there: something still writes it')
        : await judgeRecord(attempt, record, { word, places });
      book.end(attempt, outcome, timesOf(attempt, record));
    });
    told();
  }
}

function notBrought(why: string): Outcome {
  const message = `its results could not be brought here: ${why}`;
  return { kind: 'error', error: { name: 'StagingFailed', code: 'BACKEND_UNAVAILABLE', message } };
}

/** By our clock. */
function timesOf({ skewMs }: RemoteAttempt, { startedAt, endedAt }: ExitRecord): EndTimes {
  return { startedAt: startedAt - skewMs, endedAt: endedAt - skewMs };
}

/** The record that has come of an attempt. */
export function recordOf({ here, attempt }: RemoteAttempt): ExitRecord | undefined {
  return readExitRecord(here, attempt);
}
