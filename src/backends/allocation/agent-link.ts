import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { AttemptId, AttemptOrder, Clock, RecoverAnswer, ResourceRequest, Timer } from '../../model/index.ts';
import { MailChannel } from './mail-channel.ts';
import { type AgentCard, CARDS, type Channel, type FromAgent, MAIL, type ToAgent, type WireQuery } from './protocol.ts';
import { connectTcp } from './tcp-channel.ts';

/** What an attempt holds of a machine. */
export interface Held {
  readonly attempt: AttemptId;
  readonly cpus: number;
  readonly memoryBytes: number;
  /** Its own directory: where its record will be. */
  readonly directory: string;
}

export interface LinkListener {
  heard(message: FromAgent): void;
  closed(why: string): void;
}

/** A recovery that is not answered by then is asked again. */
const RECOVER_MS = 20_000;
/** Rounding of fractions of a cpu keeps nobody out. */
const SLACK = 1e-9;

/** One agent, as its engine has it: the way to it, and what of its machine is held. */
export class AgentLink {
  readonly card: AgentCard;
  readonly held: Map<AttemptId, Held> = new Map();
  /** Why it takes no more. */
  closing: string | undefined;
  freeCpus: number;
  freeMemory: number;
  readonly #channel: Channel<ToAgent, FromAgent>;
  readonly #clock: Clock;
  readonly #asked = new Map<number, (answers: ReadonlyMap<AttemptId, RecoverAnswer> | undefined) => void>();
  #asking = 0;
  /** What one turn of the loop has for it goes as one. */
  #outbox: ToAgent[] = [];

  private constructor(card: AgentCard, channel: Channel<ToAgent, FromAgent>, clock: Clock) {
    this.card = card;
    this.#channel = channel;
    this.#clock = clock;
    this.freeCpus = card.cpus;
    this.freeMemory = card.memoryBytes ?? Infinity;
  }

  /** By connection where there is a way, else by mail on the shared disk. */
  static async open(directory: string, card: AgentCard, clock: Clock): Promise<AgentLink> {
    const mail = join(directory, MAIL, card.node);
    const channel =
      (await connectTcp<ToAgent, FromAgent>(card, clock)) ??
      new MailChannel<ToAgent, FromAgent>({ out: join(mail, 'to'), in: join(mail, 'from') }, clock);
    return new AgentLink(card, channel, clock);
  }

  listen(listener: LinkListener): void {
    this.#channel.listen({
      heard: (messages) => {
        for (const message of messages) this.#heard(message, listener);
      },
      closed: (why) => {
        for (const answer of this.#asked.values()) answer(undefined);
        this.#asked.clear();
        listener.closed(why);
      },
    });
  }

  /** Whether there is room for it now, and time. */
  fits({ grant, request }: Pick<AttemptOrder, 'grant' | 'request'>, wallMs: number): boolean {
    if (this.closing !== undefined || grant.cpus > this.freeCpus + SLACK) return false;
    if ((grant.memoryBytes ?? 0) > this.freeMemory) return false;
    const { endsAt } = this.card;
    return endsAt === undefined || wallMs + (timeOf(grant, request) ?? 0) < endsAt;
  }

  hold(held: Held): void {
    this.held.set(held.attempt, held);
    this.freeCpus -= held.cpus;
    this.freeMemory -= held.memoryBytes;
  }

  letGo(attempt: AttemptId): Held | undefined {
    const held = this.held.get(attempt);
    if (held === undefined) return undefined;
    this.held.delete(attempt);
    this.freeCpus += held.cpus;
    this.freeMemory += held.memoryBytes;
    return held;
  }

  send(message: ToAgent): void {
    this.#outbox.push(message);
    if (this.#outbox.length === 1) this.#clock.soon(() => this.#flush());
  }

  /** What it knows of these; undefined when it does not answer. */
  recover(queries: readonly WireQuery[]): Promise<ReadonlyMap<AttemptId, RecoverAnswer> | undefined> {
    const id = this.#asking;
    this.#asking += 1;
    const { promise, resolve } = Promise.withResolvers<ReadonlyMap<AttemptId, RecoverAnswer> | undefined>();
    const timer: Timer = this.#clock.after(RECOVER_MS, () => {
      this.#asked.delete(id);
      resolve(undefined);
    });
    this.#asked.set(id, (answers) => {
      timer.cancel();
      resolve(answers);
    });
    this.send({ kind: 'recover', id, queries });
    return promise;
  }

  close(): void {
    this.#flush();
    this.#channel.close();
  }

  #flush(): void {
    const messages = this.#outbox;
    this.#outbox = [];
    if (messages.length > 0) this.#channel.send(joined(messages));
  }

  #heard(message: FromAgent, listener: LinkListener): void {
    if (message.kind !== 'recovered') return listener.heard(message);
    const answer = this.#asked.get(message.id);
    this.#asked.delete(message.id);
    answer?.(new Map(message.answers));
  }
}

/** Orders of one turn are one order. */
function joined(messages: readonly ToAgent[]): readonly ToAgent[] {
  const orders = messages.flatMap((message) => (message.kind === 'launch' ? message.orders : []));
  if (orders.length === 0) return messages;
  return [{ kind: 'launch', orders }, ...messages.filter(({ kind }) => kind !== 'launch')];
}

/** How long it may run, in milliseconds, as far as anybody said. */
export function timeOf(grant: AttemptOrder['grant'], request: ResourceRequest | undefined): number | undefined {
  return grant.timeMs ?? request?.timeMs;
}

/** Cards of the agents that have introduced themselves. */
export function readCards(directory: string): readonly AgentCard[] {
  let names: readonly string[];
  try {
    names = readdirSync(join(directory, CARDS));
  } catch {
    return [];
  }
  return names
    .filter((name) => name.endsWith('.json'))
    .flatMap((name) => {
      try {
        const card = JSON.parse(readFileSync(join(directory, CARDS, name), 'utf8')) as AgentCard;
        return card.format === 'heddle-agent/1' ? card : [];
      } catch {
        // It has left meanwhile.
        return [];
      }
    });
}
