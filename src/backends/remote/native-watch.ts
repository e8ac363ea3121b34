import { asError, type Clock, type Logger } from '../../model/index.ts';
import type { NativeJob, Scheduler, StatusAnswer, ToolOutput } from '../scheduler/index.ts';
import type { Transport } from '../transport/index.ts';
import type { AttemptBook } from './attempt-book.ts';
import type { ClusterFollower, Look } from './target-poll.ts';
import { type Collector, recordOf } from './collector.ts';
import { CANCELLED, judgeWord } from './judge-end.ts';
import type { NativeAttempt } from './native-attempt.ts';
import { standingKey, wordOf } from './native-attempt.ts';
import { askHistory } from './native-history.ts';
import type { PollInterval } from './settings.ts';
import type { Site } from './site.ts';

export interface NativeWatchOptions {
  readonly transport: Transport;
  readonly scheduler: Scheduler;
  readonly site: Site;
  readonly book: AttemptBook<NativeAttempt>;
  readonly collector: Collector<NativeAttempt>;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly pollMs: PollInterval;
  readonly loginRetryMs: number;
  readonly settleMs: number;
}

/** What the system last said of everything, by marker and index. */
export interface Standings {
  readonly askedAt: number;
  readonly jobs: ReadonlyMap<string, NativeJob>;
  readonly isWhole: boolean;
}

/** Believed when said twice: files and answers may be late. */
const BELIEVED_AT = 2;
/** So many answers a bad end waits for the system's word on why; of one that was cancelled, for all its processes to be gone. */
const WORD_LOOKS = 4;
const CANCEL_AGAIN_MS = 30_000;
/** Cancels that come together travel together. */
const CANCEL_TOGETHER_MS = 20;

/**
 * Follows the elements of native jobs. Their own records are the truth about their ends; what the system says moves them on, and
 * stands in where no record can come any more: then they are fenced first.
 */
export class NativeWatch implements ClusterFollower {
  readonly transport: Transport;
  readonly scheduler: Scheduler;
  readonly pollMs: PollInterval;
  readonly loginRetryMs: number;
  readonly #options: NativeWatchOptions;
  readonly #cancels = new Set<NativeAttempt>();
  #isCancelDue = false;
  #last: Standings | undefined;
  #trouble: string | undefined;

  constructor(options: NativeWatchOptions) {
    this.#options = options;
    this.transport = options.transport;
    this.scheduler = options.scheduler;
    this.pollMs = options.pollMs;
    this.loginRetryMs = options.loginRetryMs;
  }

  /** The last answer; undefined while there is none, then `trouble` says why. */
  get last(): Standings | undefined {
    return this.#trouble === undefined ? this.#last : undefined;
  }

  get trouble(): string {
    return this.#trouble ?? 'it was not asked yet';
  }

  isWaiting(): boolean {
    const { book, collector } = this.#options;
    if (book.needs !== undefined || collector.isWaiting) return true;
    for (const { stage } of book.live()) if (stage !== 'line') return true;
    return false;
  }

  ask(): string {
    return this.scheduler.status();
  }

  read(output: ToolOutput): StatusAnswer {
    return this.scheduler.readStatus(output);
  }

  lookText(): string {
    return this.#options.site.lookText();
  }

  async lookHere(): Promise<boolean> {
    return this.transport.sharesFiles && (await this.#contained(this.#takeEnded('')));
  }

  async looked(look: Look<StatusAnswer>, said: string): Promise<boolean> {
    return await this.#contained(this.#looked(look, said));
  }

  /** Asks for an end; what is known of the element is enough, or the next look brings it. */
  cancel(attempt: NativeAttempt): void {
    this.#cancels.add(attempt);
    if (attempt.elementId === undefined || this.#isCancelDue) return;
    this.#isCancelDue = true;
    this.#options.clock.after(CANCEL_TOGETHER_MS, () => {
      this.#isCancelDue = false;
      void this.#sendCancels();
    });
  }

  /** A record has come: a good one is the end, a bad one waits for the system's word. */
  recorded(attempt: NativeAttempt): void {
    const record = recordOf(attempt);
    if (record === undefined || attempt.isEnding || attempt.record !== undefined) return;
    attempt.record = record;
    attempt.recordLooks = 0;
    if (record.status === 0 && attempt.cancelling === undefined) this.#finish(attempt, undefined);
  }

  async #looked({ startedAt, answer }: Look<StatusAnswer>, said: string): Promise<boolean> {
    const { book, collector } = this.#options;
    if (answer.kind !== 'answered') {
      const why = answer.kind === 'login' ? `it wants its user: ${answer.need.why}` : answer.why;
      if (answer.kind === 'login') book.access(answer.need);
      else if (this.#trouble !== why && this.isWaiting())
        this.#options.logger.warn(
          { why },
          `${this.transport.name} can't be reached: ${why}; what is to run there waits`,
        );
      this.#trouble = why;
      for (const attempt of book.live()) if (attempt.stage !== 'line') book.unreachable(attempt, why);
      return false;
    }
    book.access(undefined);
    for (const attempt of book.live()) if (attempt.isSilent && attempt.stage === 'taken') book.heard(attempt);
    const isEnded = await this.#takeEnded(said);
    const isChanged = await this.#takeStatus(answer.status, startedAt);
    await this.#sendCancels();
    collector.go();
    return isEnded || isChanged;
  }

  async #takeEnded(said: string): Promise<boolean> {
    const { site, book, collector } = this.#options;
    const ended = await site.ended(said, (attempt) => book.find(attempt));
    for (const attempt of ended) this.recorded(attempt as NativeAttempt);
    collector.go();
    return ended.length > 0;
  }

  /** Takes an answer of the system. One that is none, or that may be partial, ends nothing. */
  async #takeStatus(status: StatusAnswer, askedAt: number): Promise<boolean> {
    if (status.kind === 'unknown') {
      if (this.#trouble !== status.why)
        this.#options.logger.warn({ why: status.why }, `${this.scheduler.name} does not answer: ${status.why}`);
      this.#trouble = status.why;
      for (const attempt of this.#options.book.live())
        if (attempt.record !== undefined) this.#waitForWord(attempt, undefined);
      return false;
    }
    this.#trouble = undefined;
    const jobs = new Map(status.jobs.map((job) => [standingKey(job, job.element), job]));
    const standings = { askedAt, jobs, isWhole: status.isWhole };
    this.#last = standings;
    const over: NativeAttempt[] = [];
    let isChanged = false;
    for (const attempt of this.#options.book.live()) {
      if (attempt.stage === 'line' || attempt.isEnding) continue;
      const before = attempt.isActive;
      if (this.#read(attempt, standings) === 'over') over.push(attempt);
      isChanged ||= attempt.isActive !== before;
    }
    if (over.length > 0) await this.#settle(over, standings);
    return isChanged || over.length > 0;
  }

  /** `over`: it is to be looked at, since nothing more can come of it. */
  #read(attempt: NativeAttempt, standings: Standings): 'over' | undefined {
    const { book, settleMs } = this.#options;
    const job = standings.jobs.get(standingKey(attempt, attempt.native));
    if (job !== undefined) this.#meet(attempt, job);
    const word = wordOf(attempt, job, { askedAt: standings.askedAt, isWhole: standings.isWhole, settleMs });
    if (attempt.record !== undefined) {
      if (word.kind === 'over') this.#finish(attempt, job);
      else if (word.kind !== 'nothing') this.#waitForWord(attempt, job);
      return undefined;
    }
    if (word.kind !== 'over') attempt.doubts = 0;
    switch (word.kind) {
      case 'nothing':
        return undefined;
      case 'waits':
        this.#tellWaiting(attempt, word.why);
        return undefined;
      case 'runs':
        attempt.restarts = job?.restarts ?? 0;
        book.active(attempt);
        return undefined;
      case 'restarts':
        return 'over';
      case 'never':
        attempt.never = word.why;
        if (!this.#cancels.has(attempt)) this.cancel(attempt);
        return undefined;
      case 'over':
        attempt.doubts += 1;
        return attempt.doubts >= BELIEVED_AT ? 'over' : undefined;
    }
  }

  /** It is listed: whether its submission had been answered or not, it was taken. */
  #meet(attempt: NativeAttempt, job: NativeJob): void {
    const { book } = this.#options;
    attempt.elementId = job.id;
    if (attempt.stage === 'taken') return;
    attempt.stage = 'taken';
    attempt.jobId ??= job.id;
    book.phase(attempt, 'starting', { handle: job.id });
  }

  #tellWaiting(attempt: NativeAttempt, why: string): void {
    if (why === attempt.told) return;
    attempt.told = why;
    if (why !== '')
      this.#options.logger.warn(
        { attempt: attempt.attempt, job: attempt.elementId },
        `job ${attempt.elementId ?? attempt.marker} of ${this.scheduler.name} does not begin: ${why}`,
      );
  }

  /** Its bad end is on record: why, the system may still say. One that was cancelled ends when nothing of it lives. */
  #waitForWord(attempt: NativeAttempt, job: NativeJob | undefined): void {
    attempt.recordLooks += 1;
    const isPatient = attempt.cancelling !== undefined && job !== undefined;
    if (!isPatient && attempt.recordLooks >= WORD_LOOKS) this.#finish(attempt, job);
  }

  #finish(attempt: NativeAttempt, job: NativeJob | undefined): void {
    const { record } = attempt;
    if (record === undefined || attempt.isEnding) return;
    this.#cancels.delete(attempt);
    this.#options.collector.take({ attempt, record, word: job?.outcome });
  }

  /** Those the system says nothing good of: their history is asked for, they are fenced, and what they left is looked at. */
  async #settle(over: readonly NativeAttempt[], standings: Standings): Promise<void> {
    const { book, site, scheduler, transport } = this.#options;
    const listed = (attempt: NativeAttempt): NativeJob | undefined =>
      standings.jobs.get(standingKey(attempt, attempt.native));
    const history = await askHistory(
      over.filter((attempt) => listed(attempt) === undefined),
      { scheduler, transport },
    );
    const ready = over.filter((attempt) => !history.isOpen(attempt));
    if (ready.length === 0) return;
    const restarted = ready.filter((attempt) => listed(attempt)?.standing === 'waiting');
    const begun = restarted.length === 0 ? [] : await this.#begun(restarted);
    const sure = ready.filter((attempt) => !restarted.includes(attempt) || begun.includes(attempt));
    const answer = await site.traces(sure, { fence: true });
    if (answer.kind !== 'done') return;
    for (const [i, attempt] of sure.entries()) {
      if (!book.has(attempt)) continue;
      const job = listed(attempt) ?? history.find(attempt);
      const trace = answer.traces[i];
      if (trace?.kind === 'ended') {
        this.recorded(attempt);
        this.#finish(attempt, job);
      } else this.#endWithout(attempt, job, trace?.kind === 'claimed');
    }
    this.#options.collector.go();
  }

  /** Who of those that are to begin anew had begun: its body must not run again under the same attempt. */
  async #begun(restarted: readonly NativeAttempt[]): Promise<readonly NativeAttempt[]> {
    const answer = await this.#options.site.traces(restarted, { fence: false });
    if (answer.kind !== 'done') return [];
    for (const [i, attempt] of restarted.entries()) if (answer.traces[i]?.kind === 'ended') this.recorded(attempt);
    const begun = restarted.filter((_, i) => answer.traces[i]?.kind === 'claimed');
    for (const attempt of begun) this.cancel(attempt);
    return begun;
  }

  /** It is fenced and left no record. */
  #endWithout(attempt: NativeAttempt, job: NativeJob | undefined, isClaimed: boolean): void {
    const { book } = this.#options;
    if (job?.standing !== 'waiting') this.#cancels.delete(attempt);
    if (attempt.cancelling !== undefined) return book.end(attempt, CANCELLED);
    if (attempt.never !== undefined) {
      const message = `the batch system can never begin it: ${attempt.never}`;
      return book.end(attempt, {
        kind: 'error',
        error: { name: 'LaunchRefused', code: 'BACKEND_UNAVAILABLE', message },
      });
    }
    const told = judgeWord(job);
    if (told?.kind === 'lost') return book.gone(attempt, told.why, { placeDied: told.placeDied === true });
    if (told !== undefined) return book.end(attempt, told);
    const said = job === undefined ? 'does not know it' : `says ${[job.state, job.reason].filter(Boolean).join(', ')}`;
    if (isClaimed || attempt.isActive)
      return book.gone(attempt, `it began and left no record, and the batch system ${said}`);
    book.gone(attempt, `it never began, and the batch system ${said}`, { neverStarted: true });
  }

  async #sendCancels(): Promise<void> {
    const { book, clock, transport, scheduler } = this.#options;
    const now = clock.now().mono;
    const due: string[] = [];
    const sent: NativeAttempt[] = [];
    for (const attempt of this.#cancels) {
      const isOver = !book.has(attempt) && attempt.cancelling !== undefined;
      if (isOver || attempt.isEnding) this.#cancels.delete(attempt);
      else if (attempt.elementId !== undefined && now - (attempt.cancelSentAt ?? -Infinity) >= CANCEL_AGAIN_MS) {
        due.push(attempt.elementId);
        sent.push(attempt);
        attempt.cancelSentAt = now;
        if (attempt.cancelling !== undefined) attempt.cancelling.sentAt ??= now;
        if (!book.has(attempt)) this.#cancels.delete(attempt);
      }
    }
    if (due.length === 0) return;
    const answer = await transport.run(scheduler.cancel(due));
    if (answer.kind !== 'ended')
      for (const attempt of sent) {
        attempt.cancelSentAt = undefined;
        this.#cancels.add(attempt);
      }
  }

  async #contained(look: Promise<boolean>): Promise<boolean> {
    try {
      return await look;
    } catch (error) {
      this.#options.logger.error({ error: asError(error) }, 'a look at a target failed');
      return false;
    }
  }
}
