import { randomBytes } from 'node:crypto';
import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import type { Server } from 'node:net';
import { hostname } from 'node:os';
import { join } from 'node:path';
import type {
  AttemptId,
  Backend,
  BackendEvent,
  Clock,
  LaunchAnswer,
  Logger,
  Outcome,
  Place,
  RecoverAnswer,
  Timer,
} from '../../model/index.ts';
import { MailChannel } from './mail-channel.ts';
import {
  type AgentCard,
  CARDS,
  type Channel,
  type FromAgent,
  MAIL,
  type ToAgent,
  type WireOrder,
  type WireQuery,
} from './protocol.ts';
import { addressesHere, listenTcp } from './tcp-channel.ts';

export interface AgentOptions {
  /** The allocation's directory, on a disk that the engine sees too. */
  readonly directory: string;
  /** Of this machine in the allocation. */
  readonly node: string;
  /** Runs the work here: commands, calls. Opened and disposed of by the agent. */
  readonly backend: Backend;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly store: string;
  readonly project: string;
  /** Cpus that attempts may take. */
  readonly slots: number;
  /** Epoch milliseconds. */
  readonly endsAt?: number;
  /** It listens nowhere: where connections between machines are forbidden. @default false */
  readonly byMail?: boolean;
  /** Without work it leaves after so long. */
  readonly idleMs: number;
}

/** Before the end of its time it takes no more, and what still runs is asked to end. */
const CLOSE_BEFORE_MS = 20_000;
const LAST_GRACE_MS = 5000;
const LOOK_MS = 250;

/**
 * What stands in an allocation and does work there for an engine. It outlives the engine: what runs goes on, results lie in their
 * directories, and the next engine is told what became of everything. It leaves when it has had nothing to do for a while, or its
 * time is over.
 */
export class Agent {
  readonly #options: AgentOptions;
  /** Given to it, and not released. */
  readonly #known = new Set<AttemptId>();
  readonly #live = new Set<AttemptId>();
  readonly #left = Promise.withResolvers<string>();
  #channel: Channel<FromAgent, ToAgent> | undefined;
  #mail: MailChannel<FromAgent, ToAgent> | undefined;
  #server: Server | undefined;
  #card = '';
  #timer: Timer | undefined;
  #idleSince = 0;
  #closing: string | undefined;

  constructor(options: AgentOptions) {
    this.#options = options;
  }

  /** Resolves when it has left, with why. */
  async run(): Promise<string> {
    const { backend, clock, logger, store, project, slots } = this.#options;
    const [place] = await backend.open({
      clock,
      logger,
      directory: store,
      project,
      slots,
      report: (event) => this.#report(event),
    });
    await this.#introduce(place);
    this.#idleSince = clock.now().mono;
    this.#look();
    const why = await this.#left.promise;
    this.#timer?.cancel();
    rmSync(this.#card, { force: true });
    this.#channel?.close();
    this.#mail?.close();
    this.#server?.close();
    await backend[Symbol.asyncDispose]();
    return why;
  }

  /** It was told to end: by its batch system, or by hand. What runs is asked to end, and is not to blame for it. */
  end(why: string): void {
    if (this.#closing === undefined) this.#close(why);
    for (const attempt of this.#live) this.#options.backend.cancel(attempt, LAST_GRACE_MS);
    if (this.#live.size === 0) this.#left.resolve(why);
  }

  async #introduce(place: Place | undefined): Promise<void> {
    const { directory, node, slots, endsAt, clock, byMail = false } = this.#options;
    const token = randomBytes(24).toString('base64url');
    const met = (channel: Channel<FromAgent, ToAgent>): void => this.#meet(channel);
    const listening = byMail ? undefined : await listenTcp<FromAgent, ToAgent>(token, met).catch(() => undefined);
    this.#server = listening?.server;
    const card: AgentCard = {
      format: 'heddle-agent/1',
      node,
      host: hostname(),
      port: listening?.port ?? 0,
      addresses: addressesHere(),
      token,
      pid: process.pid,
      cpus: slots,
      ...(place?.memoryBytes === undefined ? {} : { memoryBytes: place.memoryBytes }),
      ...(place?.gpus === undefined ? {} : { gpus: place.gpus }),
      ...(endsAt === undefined ? {} : { endsAt }),
    };
    const mail = join(directory, MAIL, node);
    this.#mail = new MailChannel<FromAgent, ToAgent>({ out: join(mail, 'from'), in: join(mail, 'to') }, clock);
    this.#mail.listen({
      // The first letter says that there is no other way.
      heard: (messages) => {
        if (this.#channel !== this.#mail) this.#meet(this.#mail as Channel<FromAgent, ToAgent>, false);
        this.#heard(messages);
      },
      closed: (why) => this.end(why),
    });
    mkdirSync(join(directory, CARDS), { recursive: true, mode: 0o700 });
    this.#card = join(directory, CARDS, `${node}.json`);
    writeFileSync(`${this.#card}.part`, JSON.stringify(card), { mode: 0o600 });
    renameSync(`${this.#card}.part`, this.#card);
  }

  /** Whoever comes last is the engine: one before it is dead, or has lost its run. */
  #meet(channel: Channel<FromAgent, ToAgent>, isNew = true): void {
    if (this.#channel !== undefined && this.#channel !== this.#mail) this.#channel.close();
    this.#channel = channel;
    this.#idleSince = this.#options.clock.now().mono;
    if (this.#closing !== undefined) channel.send([{ kind: 'closing', why: this.#closing }]);
    if (!isNew) return;
    channel.listen({
      heard: (messages) => {
        if (this.#channel === channel) this.#heard(messages);
      },
      closed: () => {
        if (this.#channel === channel) this.#channel = undefined;
      },
    });
  }

  #heard(messages: readonly ToAgent[]): void {
    const { backend } = this.#options;
    this.#idleSince = this.#options.clock.now().mono;
    for (const message of messages) {
      switch (message.kind) {
        case 'launch':
          void this.#launch(message.orders);
          break;
        case 'cancel':
          backend.cancel(message.attempt, message.graceMs);
          break;
        case 'release':
          for (const attempt of message.attempts) this.#known.delete(attempt);
          backend.release(message.attempts);
          break;
        case 'recover':
          void this.#recover(message.id, message.queries);
          break;
        case 'leave':
          this.#close('it was told to leave');
          if (this.#live.size === 0) this.#left.resolve('it was told to leave');
          break;
      }
    }
  }

  async #launch(orders: readonly WireOrder[]): Promise<void> {
    const fresh = orders.filter(({ attempt }) => !this.#known.has(attempt));
    const isClosing = this.#closing !== undefined;
    if (!isClosing) for (const { attempt } of fresh) this.#remember(attempt);
    const answers: readonly LaunchAnswer[] = isClosing
      ? fresh.map(() => ({ kind: 'refused', retryable: true, why: this.#closing ?? '' }))
      : await this.#options.backend.launch(fresh);
    fresh.forEach(({ attempt }, i) => {
      if (answers[i]?.kind === 'refused') this.#forget(attempt);
    });
    const told = fresh.map(({ attempt }, i) => [attempt, answers[i] ?? { kind: 'unknown', why: 'no answer' }] as const);
    // What is accepted goes without saying.
    const worth = told.filter(([, answer]) => answer.kind !== 'accepted');
    if (worth.length > 0) this.#say({ kind: 'answers', answers: worth });
  }

  async #recover(id: number, queries: readonly WireQuery[]): Promise<void> {
    const mine = queries.filter(({ attempt }) => this.#known.has(attempt));
    const answers: readonly RecoverAnswer[] = await this.#options.backend.recover(mine);
    const told = mine.map(({ attempt }, i) => [attempt, answers[i] ?? { kind: 'unknown', why: 'no answer' }] as const);
    this.#say({ kind: 'recovered', id, answers: told });
  }

  #remember(attempt: AttemptId): void {
    this.#known.add(attempt);
    this.#live.add(attempt);
  }

  #forget(attempt: AttemptId): void {
    this.#known.delete(attempt);
    this.#live.delete(attempt);
  }

  #report(event: BackendEvent): void {
    if (event.kind === 'places' || event.kind === 'access') return;
    const isEnd = event.kind === 'ended' || event.kind === 'gone';
    if (isEnd) this.#live.delete(event.attempt);
    const told = event.kind === 'ended' && this.#closing !== undefined ? blameless(event, this.#closing) : event;
    this.#say({ kind: 'event', event: told });
    if (!isEnd || this.#live.size > 0) return;
    this.#idleSince = this.#options.clock.now().mono;
    if (this.#closing !== undefined) this.#left.resolve(this.#closing);
  }

  /** Nobody there: the next one who comes asks. */
  #say(message: FromAgent): void {
    this.#channel?.send([message]);
  }

  #close(why: string): void {
    this.#closing = why;
    this.#say({ kind: 'closing', why });
  }

  #look(): void {
    const { clock, idleMs, endsAt } = this.#options;
    const { mono, wall } = clock.now();
    if (this.#closing === undefined && endsAt !== undefined && wall >= endsAt - CLOSE_BEFORE_MS)
      this.end('the time of its allocation is over');
    else if (this.#live.size === 0 && mono - this.#idleSince >= idleMs)
      return this.#left.resolve('it had nothing to do');
    this.#timer = clock.after(LOOK_MS, () => this.#look());
  }
}

type Ended = Extract<BackendEvent, { readonly kind: 'ended' }>;

/** Ended by us, since its place goes away: that is no failure of its own. */
function blameless(event: Ended, why: string): Ended {
  const kinds: ReadonlySet<Outcome['kind']> = new Set(['cancelled', 'signal']);
  return kinds.has(event.outcome.kind) ? { ...event, outcome: { kind: 'preempted', why } } : event;
}
