import { asError, type Clock, type LoginNeed, type Timer } from '../../model/index.ts';
import type { Scheduler, StatusAnswer, ToolOutput } from '../scheduler/index.ts';
import type { Transport } from '../transport/index.ts';
import type { PollInterval } from './settings.ts';

/** What one trip to a target brought. */
export interface Look<T> {
  /** On the monotonic clock: what was done later it says nothing of. */
  readonly startedAt: number;
  readonly answer:
    | { readonly kind: 'answered'; readonly status: T }
    | { readonly kind: 'unreachable'; readonly why: string }
    | { readonly kind: 'login'; readonly need: LoginNeed };
}

/** Who wants to know how the jobs of a target are. */
export interface Follower<T> {
  readonly transport: Transport;
  /** What is asked, as shell text: the same of all who share a poll. */
  ask(): string;
  read(output: ToolOutput): T;
  readonly pollMs: PollInterval;
  /** How long not to ask again after the target wanted its user. */
  readonly loginRetryMs: number;
  /** Somebody of it is awaited. */
  isWaiting(): boolean;
  /** Shell text that goes along with the question; empty: none. */
  lookText(): string;
  /** Looks at what is here, without a trip; true when something has come. Never rejects. */
  lookHere(): Promise<boolean>;
  /** Takes what a trip brought, and what its own text said; true when something has changed. Never rejects. */
  looked(look: Look<T>, said: string): Promise<boolean>;
}

const SLOWER = 1.5;
/** One directory of a disk that is here as well is read so often. */
const HERE_MS = 500;

/**
 * Asks one batch system, or one machine, how things are, once for all who follow it in this process: never more often than the shortest interval
 * any of them allows, less and less often while nothing changes. What one trip can bring comes in one.
 */
export class TargetPoll<T> {
  readonly #clock: Clock;
  readonly #followers = new Set<Follower<T>>();
  #awaited: PromiseWithResolvers<void>[] = [];
  #timer: Timer | undefined;
  #isLooking = false;
  #intervalMs = 0;
  #askedAt = -Infinity;
  #notBefore = -Infinity;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  join(follower: Follower<T>): void {
    this.#followers.add(follower);
  }

  /** True when nobody follows it any more. */
  leave(follower: Follower<T>): boolean {
    this.#followers.delete(follower);
    if (this.#followers.size > 0) return false;
    this.#timer?.cancel();
    for (const one of this.#awaited.splice(0)) one.resolve();
    return true;
  }

  /** Something was begun or is awaited: the next question comes as soon as may be. */
  hurry(): void {
    this.#intervalMs = this.#floorMs;
    this.#later();
  }

  /** Resolves when a question that was asked after this call has been answered, and taken by all. */
  async fresh(): Promise<void> {
    const one = Promise.withResolvers<void>();
    this.#awaited.push(one);
    this.hurry();
    await one.promise;
  }

  get #floorMs(): number {
    return Math.max(...[...this.#followers].map(({ pollMs }) => pollMs.floor));
  }

  get #isWanted(): boolean {
    return this.#awaited.length > 0 || [...this.#followers].some((follower) => follower.isWaiting());
  }

  #later(): void {
    if (this.#isLooking) return;
    this.#timer?.cancel();
    this.#timer = undefined;
    if (this.#followers.size === 0 || !this.#isWanted) return;
    const now = this.#clock.now().mono;
    const due = Math.max(this.#askedAt + this.#intervalMs, this.#notBefore);
    // What lies here is looked at in between.
    const isHere = [...this.#followers].some(({ transport }) => transport.sharesFiles);
    const next = isHere ? Math.min(due, now + Math.min(this.#floorMs, HERE_MS)) : due;
    this.#timer = this.#clock.after(Math.max(0, next - now), () => void this.#tick(due));
  }

  async #tick(due: number): Promise<void> {
    this.#isLooking = true;
    let isChanged = false;
    for (const follower of this.#followers) if (await follower.lookHere()) isChanged = true;
    if (this.#clock.now().mono >= due && this.#followers.size > 0) isChanged = (await this.#ask()) || isChanged;
    if (isChanged) this.#intervalMs = this.#floorMs;
    this.#isLooking = false;
    this.#later();
  }

  async #ask(): Promise<boolean> {
    const startedAt = this.#clock.now().mono;
    this.#askedAt = startedAt;
    const awaited = this.#awaited.splice(0);
    const followers = [...this.#followers];
    const ceiling = Math.min(...followers.map(({ pollMs }) => pollMs.ceiling));
    this.#intervalMs = Math.max(this.#floorMs, Math.min(ceiling, this.#intervalMs * SLOWER));
    const { look, said } = await this.#trip(startedAt, followers);
    if (look.answer.kind === 'login')
      this.#notBefore = startedAt + Math.max(...followers.map(({ loginRetryMs }) => loginRetryMs));
    const changes = await Promise.all(followers.map((follower, i) => follower.looked(look, said[i] ?? '')));
    for (const one of awaited) one.resolve();
    return changes.includes(true);
  }

  async #trip(
    startedAt: number,
    followers: readonly Follower<T>[],
  ): Promise<{ readonly look: Look<T>; readonly said: readonly string[] }> {
    // Whoever's they are: they lead to the same place.
    const [first] = followers as [Follower<T>];
    const fold = `--heddle-${Math.trunc(startedAt)}-${followers.length}--`;
    const texts = followers.map((follower) => follower.lookText());
    const before = texts.every((text) => text === '')
      ? ''
      : texts.map((text) => `{ ${text === '' ? ':' : text}\n} 2>/dev/null\nprintf '\\n%s\\n' '${fold}'\n`).join('');
    const answer = await first.transport.run(`${before}${first.ask()}`);
    if (answer.kind === 'unreachable') return { look: { startedAt, answer }, said: [] };
    if (answer.kind === 'login') return { look: { startedAt, answer }, said: [] };
    const pieces = Buffer.from(answer.stdout)
      .toString('utf8')
      .split(before === '' ? '\0none' : `\n${fold}\n`);
    const output = { code: answer.code, stdout: pieces.at(-1) ?? '', stderr: answer.stderr };
    try {
      return {
        look: { startedAt, answer: { kind: 'answered', status: first.read(output) } },
        said: pieces.slice(0, -1),
      };
    } catch (error) {
      const why = `its answer can't be read: ${asError(error).message}`;
      return { look: { startedAt, answer: { kind: 'unreachable', why } }, said: [] };
    }
  }
}

/** Polls by clock, then by where and what they ask: who meets on a clock shares them. */
const POLLS = new WeakMap<Clock, Map<string, TargetPoll<StatusAnswer>>>();

/** Who follows the jobs of a batch system. */
export interface ClusterFollower extends Follower<StatusAnswer> {
  readonly scheduler: Scheduler;
}

/** The poll that all of this process share for one batch system behind one transport; made for the first who joins. */
export function joinPoll(follower: ClusterFollower, clock: Clock): TargetPoll<StatusAnswer> {
  let polls = POLLS.get(clock);
  if (polls === undefined) POLLS.set(clock, (polls = new Map()));
  const key = keyOf(follower);
  let poll = polls.get(key);
  if (poll === undefined) polls.set(key, (poll = new TargetPoll(clock)));
  poll.join(follower);
  return poll;
}

export function leavePoll(follower: ClusterFollower, clock: Clock): void {
  const polls = POLLS.get(clock);
  const key = keyOf(follower);
  if (polls?.get(key)?.leave(follower) === true) polls.delete(key);
}

function keyOf({ transport, scheduler }: ClusterFollower): string {
  return `${transport.key} ${scheduler.name}`;
}
