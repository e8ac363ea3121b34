import {
  asError,
  type AttemptOrder,
  type Clock,
  type LaunchAnswer,
  type LoginNeed,
  type Logger,
  type Place,
} from '../../model/index.ts';
import type { ToolOutput } from '../scheduler/index.ts';
import type { Transport } from '../transport/index.ts';
import type { AttemptBook } from './attempt-book.ts';
import { type Collector, recordOf } from './collector.ts';
import { type HostAttempt, hostAttempt, startAnswer } from './host-attempt.ts';
import { HostEnder } from './host-ender.ts';
import { type HostStatus, hostStatusText, readHostStatus, type Start, startText } from './host-scripts.ts';
import { CANCELLED } from './judge-end.ts';
import type { CommandOrder } from './native-plan.ts';
import { remoteAttempt } from './remote-attempt.ts';
import type { PollInterval } from './settings.ts';
import type { Site } from './site.ts';
import { type Follower, type Look, TargetPoll } from './target-poll.ts';

export interface HostOptions {
  readonly name: string;
  readonly transport: Transport;
  readonly site: Site;
  readonly book: AttemptBook<HostAttempt>;
  readonly collector: Collector<HostAttempt>;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly pollMs: PollInterval;
  readonly loginRetryMs: number;
  readonly settleMs: number;
  readonly withdrawMs: number;
  /** Instead of what is found there. */
  readonly cpus?: number | undefined;
  readonly memoryBytes?: number | undefined;
  /** What it offers, or whether it wants its user, has changed. */
  readonly changed: () => void;
}

/** Believed when seen twice: files may be late. */
const BELIEVED_AT = 2;
const MS = 1000;
/** The way there takes time, and it tells whole seconds. */
const TOLERATED_SKEW_MS = 5000;

/** One machine without a batch system: what is started there runs at once, and is seen to by looks at it. */
export class Host implements Follower<HostStatus | undefined> {
  readonly name: string;
  readonly transport: Transport;
  readonly pollMs: PollInterval;
  readonly loginRetryMs: number;
  readonly #options: HostOptions;
  readonly #live = new Set<HostAttempt>();
  readonly #poll: TargetPoll<HostStatus | undefined>;
  readonly #ender: HostEnder;
  #place: Place | undefined;
  /** How far its clock is ahead of ours; 0 where they agree as well as can be told. */
  #skewMs = 0;
  #isOpen = false;
  #isClosed = false;
  #awaySince: number | undefined;
  #isToldAway = false;
  #needs: LoginNeed | undefined;
  /** Who was asked about in the look under way. */
  #asked: readonly HostAttempt[] = [];

  constructor(options: HostOptions) {
    this.#options = options;
    this.name = options.name;
    this.transport = options.transport;
    this.pollMs = options.pollMs;
    this.loginRetryMs = options.loginRetryMs;
    this.#poll = new TargetPoll(options.clock);
    this.#poll.join(this);
    this.#ender = new HostEnder({
      transport: options.transport,
      clock: options.clock,
      isLive: (attempt) => this.#live.has(attempt) && !this.#isClosed,
      pushed: () => this.#poll.hurry(),
    });
  }

  /** What it offers; undefined while it does not answer. */
  get place(): Place | undefined {
    return this.#place;
  }

  get needs(): LoginNeed | undefined {
    return this.#needs;
  }

  get skewMs(): number {
    return this.#skewMs;
  }

  /** Resolves when it was looked at, whatever came of it. */
  async look(): Promise<void> {
    await this.#poll.fresh();
  }

  async start(orders: readonly CommandOrder[]): Promise<ReadonlyMap<string, LaunchAnswer>> {
    const { site, book, transport } = this.#options;
    const answers = new Map<string, LaunchAnswer>();
    const attempts = new Map(orders.map(({ order, work }) => [order.attempt, this.#make(order, work)]));
    if (!transport.sharesFiles) for (const attempt of attempts.values()) book.phase(attempt, 'staging-in');
    const ready = await site.open();
    const { answer, unfit } =
      ready.kind === 'done' ? await site.prepare({ orders, home: '', files: [] }) : { answer: ready, unfit: [] };
    for (const { order, why } of unfit) answers.set(order.attempt, { kind: 'refused', retryable: false, why });
    if (answer.kind !== 'done') {
      const why = answer.kind === 'login' ? answer.need.why : answer.why;
      const retryable = answer.kind !== 'refused' || answer.retryable;
      for (const attempt of attempts.keys())
        answers.set(attempt, answers.get(attempt) ?? { kind: 'refused', retryable, why });
      if (answer.kind !== 'refused') this.#lostSight();
    } else
      await this.#begin(
        [...attempts.values()].filter(({ attempt }) => !answers.has(attempt)),
        answers,
      );
    for (const attempt of attempts.values()) if (answers.get(attempt.attempt)?.kind === 'refused') this.#leave(attempt);
    this.#poll.hurry();
    return answers;
  }

  has(attempt: HostAttempt): boolean {
    return this.#live.has(attempt);
  }

  /** Takes over an attempt that is there. */
  adopt(attempt: HostAttempt): void {
    attempt.skewMs = this.#skewMs;
    this.#options.book.add(attempt);
    this.#live.add(attempt);
    this.#poll.hurry();
  }

  /** Its record has come. */
  recorded(attempt: HostAttempt): void {
    const record = recordOf(attempt);
    if (record === undefined || attempt.isEnding) return;
    attempt.isEnding = true;
    // Who is cancelled leaves nothing, not even what made itself a group of its own.
    if (attempt.cancelling !== undefined) void this.#sweep(attempt, () => this.#collect(attempt));
    else this.#collect(attempt);
  }

  cancel(attempt: HostAttempt, graceMs: number): void {
    this.#ender.cancel(attempt, graceMs);
  }

  close(): void {
    this.#isClosed = true;
    this.#poll.leave(this);
    this.#live.clear();
  }

  isWaiting(): boolean {
    return this.#live.size > 0 || this.#place === undefined || this.#options.collector.isWaiting;
  }

  ask(): string {
    this.#asked = [...this.#live].filter(({ isEnding }) => !isEnding);
    return hostStatusText(this.#asked, this.#place === undefined);
  }

  read(output: ToolOutput): HostStatus | undefined {
    return readHostStatus(output);
  }

  lookText(): string {
    return this.#isOpen ? this.#options.site.lookText() : '';
  }

  async lookHere(): Promise<boolean> {
    return this.#isOpen && this.transport.sharesFiles && (await this.#contained(this.#takeEnded('')));
  }

  async looked({ startedAt, answer }: Look<HostStatus | undefined>, said: string): Promise<boolean> {
    if (answer.kind !== 'answered') {
      this.#unseen(answer);
      return false;
    }
    if (answer.status === undefined) return false;
    return await this.#contained(this.#seen(answer.status, { startedAt, said }));
  }

  async #contained(look: Promise<boolean>): Promise<boolean> {
    try {
      return await look;
    } catch (error) {
      this.#options.logger.error({ error: asError(error), host: this.name }, 'a look at a host failed');
      return false;
    }
  }

  #make(order: AttemptOrder, work: CommandOrder['work']): HostAttempt {
    const { site, book, clock } = this.#options;
    const attempt = hostAttempt(remoteAttempt(order, work, site.directoryOf(order.directory)), clock.now().mono);
    book.add(attempt);
    attempt.skewMs = this.#skewMs;
    this.#live.add(attempt);
    return attempt;
  }

  async #begin(attempts: readonly HostAttempt[], answers: Map<string, LaunchAnswer>): Promise<void> {
    const { site, transport, clock, book } = this.#options;
    // Who was cancelled while it was prepared is not to begin.
    const starts: Start[] = attempts
      .filter((attempt) => attempt.cancelling === undefined)
      .map((attempt) => ({ attempt, graceSeconds: Math.ceil(attempt.limits.graceMs / MS) }));
    for (const attempt of attempts) attempt.since = clock.now().mono;
    const answer = starts.length === 0 ? undefined : await transport.run(startText(starts, site));
    for (const attempt of attempts) {
      attempt.since = clock.now().mono;
      if (attempt.cancelling !== undefined && !starts.some((start) => start.attempt === attempt)) {
        this.#live.delete(attempt);
        book.end(attempt, CANCELLED);
        answers.set(attempt.attempt, { kind: 'accepted', handle: '' });
      } else if (answer === undefined || answer.kind === 'ended') answers.set(attempt.attempt, startAnswer(answer));
      else if (answer.kind === 'unreachable' && answer.began) {
        attempt.isSilent = true;
        answers.set(attempt.attempt, { kind: 'unknown', why: answer.why });
      } else {
        const why = answer.kind === 'login' ? answer.need.why : answer.why;
        answers.set(attempt.attempt, { kind: 'refused', retryable: true, why });
      }
    }
    if (answer !== undefined && answer.kind !== 'ended') this.#lostSight();
  }

  #unseen(
    answer:
      | { readonly kind: 'unreachable'; readonly why: string }
      | { readonly kind: 'login'; readonly need: LoginNeed },
  ): void {
    const { book } = this.#options;
    const why = answer.kind === 'login' ? `it wants its user: ${answer.need.why}` : answer.why;
    for (const attempt of this.#live) book.unreachable(attempt, `${this.name}: ${why}`);
    this.#needs = answer.kind === 'login' ? answer.need : undefined;
    this.#lostSight();
    this.#tellAway(answer.kind === 'login' ? undefined : answer.why);
    const { clock, withdrawMs } = this.#options;
    const isAway = clock.now().mono - (this.#awaySince ?? 0) >= withdrawMs;
    if (answer.kind === 'login' || isAway) this.#place = undefined;
    this.#options.changed();
  }

  /** Says once of a silence that there is one: work may wait for this machine alone. A wish to log in is told elsewhere. */
  #tellAway(why: string | undefined): void {
    if (why === undefined || this.#isToldAway || this.#isClosed) return;
    this.#isToldAway = true;
    this.#options.logger.warn(
      { host: this.name, why },
      `${this.name} can't be reached: ${why}; what is to run there waits`,
    );
  }

  #lostSight(): void {
    this.#awaySince ??= this.#options.clock.now().mono;
  }

  async #seen(status: HostStatus, { startedAt, said }: { startedAt: number; said: string }): Promise<boolean> {
    const { site, book, collector, cpus, memoryBytes } = this.#options;
    this.#awaySince = undefined;
    this.#isToldAway = false;
    if (!this.#isOpen) {
      const answer = await site.open();
      if (answer.kind !== 'done') {
        if (answer.kind === 'refused')
          this.#options.logger.error({ host: this.name }, `${this.name} has no room for us: ${answer.why}`);
        else this.#unseen(answer);
        return false;
      }
      this.#isOpen = true;
    }
    this.#compareClocks(status);
    if (this.#place === undefined) {
      this.#needs = undefined;
      const memory = memoryBytes ?? status.memoryBytes;
      this.#place = {
        name: this.name,
        cpus: cpus ?? status.cpus ?? 1,
        ...(memory === undefined ? {} : { memoryBytes: memory }),
      };
      this.#options.changed();
    }
    for (const attempt of this.#live) if (attempt.isSilent) book.heard(attempt);
    const isEnded = await this.#takeEnded(said);
    const over: { readonly attempt: HostAttempt; readonly isRebooted: boolean }[] = [];
    for (const attempt of this.#asked) {
      if (startedAt < attempt.since || attempt.isEnding || !this.#live.has(attempt)) continue;
      if (this.#read(attempt, status, startedAt)) {
        over.push({ attempt, isRebooted: status.standings.get(attempt.attempt) === 'rebooted' });
      }
    }
    await this.#settle(over);
    const toEnd = [...this.#live].filter(({ cancelling, isEnding }) => cancelling !== undefined && !isEnding);
    if (toEnd.length > 0) await this.#ender.push(toEnd);
    collector.go();
    return isEnded || over.length > 0;
  }

  #compareClocks({ wallMs }: HostStatus): void {
    if (wallMs === undefined) return;
    const skewMs = wallMs - this.#options.clock.now().wall;
    this.#skewMs = Math.abs(skewMs) > TOLERATED_SKEW_MS ? skewMs : 0;
  }

  /** True when nothing more can come of it. */
  #read(attempt: HostAttempt, { standings }: HostStatus, askedAt: number): boolean {
    const standing = standings.get(attempt.attempt);
    if (standing === 'alive') {
      attempt.doubts = 0;
      this.#options.book.active(attempt);
      return false;
    }
    if (standing === undefined) return false;
    // Whoever was told to start it takes it within a moment; an order that was lost on its way may arrive later.
    if (standing === 'none' && askedAt - attempt.since < this.#options.settleMs && attempt.cancelling === undefined)
      return false;
    attempt.doubts += 1;
    return standing === 'over' || standing === 'rebooted' || attempt.doubts >= BELIEVED_AT;
  }

  async #takeEnded(said: string): Promise<boolean> {
    const { site, book, collector } = this.#options;
    const ended = await site.ended(said, (attempt) => {
      const found = book.find(attempt);
      return found !== undefined && this.#live.has(found) ? found : undefined;
    });
    for (const attempt of ended) this.recorded(attempt as HostAttempt);
    collector.go();
    return ended.length > 0;
  }

  /** Nobody is at work on these: they are fenced, what is left of them is ended, and what they left is looked at. */
  async #settle(over: readonly { readonly attempt: HostAttempt; readonly isRebooted: boolean }[]): Promise<void> {
    const { site, book } = this.#options;
    if (over.length === 0) return;
    const answer = await site.traces(
      over.map(({ attempt }) => attempt),
      { fence: true },
    );
    if (answer.kind !== 'done') return;
    for (const [i, { attempt, isRebooted }] of over.entries()) {
      const trace = answer.traces[i];
      if (trace?.kind === 'ended') {
        this.recorded(attempt);
        continue;
      }
      attempt.isEnding = true;
      void this.#sweep(attempt, () => {
        this.#live.delete(attempt);
        if (attempt.cancelling !== undefined) book.end(attempt, CANCELLED);
        else if (trace?.kind === 'none') book.gone(attempt, `it never began on ${this.name}`, { neverStarted: true });
        else if (isRebooted) book.gone(attempt, `${this.name} was started anew under it`, { placeDied: true });
        else book.gone(attempt, `whoever ran it on ${this.name} is dead, and left no record`);
      });
    }
  }

  #collect(attempt: HostAttempt): void {
    const record = recordOf(attempt);
    if (record === undefined) return;
    this.#live.delete(attempt);
    if (attempt.cancelling !== undefined) attempt.cancelling.sentAt ??= 0;
    this.#options.collector.take({ attempt, record, word: undefined });
    this.#options.collector.go();
  }

  /** Ends by force what still lives of it, then goes on. What can't be asked now is asked again with the next look. */
  async #sweep(attempt: HostAttempt, then: () => void): Promise<void> {
    const isOver = await this.#ender.sweep(attempt);
    if (this.#isClosed) return;
    if (isOver) then();
    else attempt.isEnding = false;
  }

  #leave(attempt: HostAttempt): void {
    this.#live.delete(attempt);
    this.#options.book.forget(attempt);
  }
}
