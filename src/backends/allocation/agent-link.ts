import { randomUUID } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type {
  AttemptId,
  AttemptOrder,
  Clock,
  RecoverAnswer,
  RecoverQuery,
  ResourceRequest,
  Timer,
} from '../../model/index.ts';
import { MailChannel } from './mail-channel.ts';
import {
  type AgentCard,
  CARDS,
  type Channel,
  type FromAgent,
  type KnownAttempt,
  LEFT,
  MAIL,
  type ToAgent,
  type WireQuery,
} from './protocol.ts';
import { connectTcp } from './tcp-channel.ts';

export interface LinkListener {
  /** It answers: these attempts it has, of others it never heard. */
  met(known: readonly KnownAttempt[]): void;
  heard(message: FromAgent): void;
  closed(why: string): void;
}

/** What an attempt holds of a machine. */
type Held = Pick<KnownAttempt, 'cpus' | 'memoryBytes'>;

/** A recovery that is not answered by then is asked again. */
const RECOVER_MS = 20_000;
/** Rounding of fractions of a cpu keeps nobody out. */
const SLACK = 1e-9;
const NOBODY: ReadonlyMap<AttemptId, RecoverAnswer> = new Map();

/** One agent, as its engine has it: the way to it, and what of its machine is held. */
export class AgentLink {
  readonly card: AgentCard;
  readonly held: Map<AttemptId, Held> = new Map();
  /** It has answered, and its way is open. */
  isMet = false;
  /** Why it takes no more. */
  closing: string | undefined;
  freeCpus: number;
  freeMemory: number;
  readonly #channel: Channel<ToAgent, FromAgent>;
  readonly #clock: Clock;
  readonly #asked = new Map<number, (answers: ReadonlyMap<AttemptId, RecoverAnswer>) => void>();
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

  /** By connection where there is a way, else by mail on the shared disk. Rejects with the system's error where neither is. */
  static async open(directory: string, card: AgentCard, clock: Clock): Promise<AgentLink> {
    const tcp = await connectTcp<ToAgent, FromAgent>(card, clock);
    if (tcp !== undefined) return new AgentLink(card, tcp, clock);
    // A conversation of its own: what an engine before had written to it, or it to them, is no part of this one.
    const session = `${String(clock.now().wall).padStart(15, '0')}-${randomUUID()}`;
    const mail = join(directory, MAIL, card.node, session);
    const folders = { out: join(mail, 'to'), in: join(mail, 'from') };
    return new AgentLink(card, new MailChannel<ToAgent, FromAgent>(folders, clock), clock);
  }

  listen(listener: LinkListener): void {
    this.#channel.listen({
      heard: (messages) => {
        for (const message of messages) this.#heard(message, listener);
      },
      closed: (why) => {
        this.isMet = false;
        for (const answer of this.#asked.values()) answer(NOBODY);
        this.#asked.clear();
        listener.closed(why);
      },
    });
  }

  /** Whether there is room for it now, and time. */
  fits({ grant, request }: Pick<AttemptOrder, 'grant' | 'request'>, wallMs: number): boolean {
    if (!this.isMet || this.closing !== undefined || grant.cpus > this.freeCpus + SLACK) return false;
    if ((grant.memoryBytes ?? 0) > this.freeMemory) return false;
    const { endsAt } = this.card;
    return endsAt === undefined || wallMs + (timeOf(grant, request) ?? 0) < endsAt;
  }

  /** Whether its machine could hold it with nothing else there. */
  couldHold({ grant }: Pick<AttemptOrder, 'grant'>): boolean {
    const { cpus, memoryBytes = Infinity } = this.card;
    return grant.cpus <= cpus + SLACK && (grant.memoryBytes ?? 0) <= memoryBytes;
  }

  hold(attempt: AttemptId, held: Held): void {
    this.letGo(attempt);
    this.held.set(attempt, held);
    this.freeCpus -= held.cpus;
    this.freeMemory -= held.memoryBytes;
  }

  letGo(attempt: AttemptId): void {
    const held = this.held.get(attempt);
    if (held === undefined) return;
    this.held.delete(attempt);
    this.freeCpus += held.cpus;
    this.freeMemory += held.memoryBytes;
  }

  send(message: ToAgent): void {
    this.#outbox.push(message);
    if (this.#outbox.length === 1) this.#clock.soon(() => this.#flush());
  }

  /** What it knows of these; nothing when it does not answer. */
  recover(queries: readonly RecoverQuery[]): Promise<ReadonlyMap<AttemptId, RecoverAnswer>> {
    if (queries.length === 0 || !this.isMet) return Promise.resolve(NOBODY);
    const id = this.#asking;
    this.#asking += 1;
    const { promise, resolve } = Promise.withResolvers<ReadonlyMap<AttemptId, RecoverAnswer>>();
    const timer: Timer = this.#clock.after(RECOVER_MS, () => {
      this.#asked.delete(id);
      resolve(NOBODY);
    });
    this.#asked.set(id, (answers) => {
      timer.cancel();
      resolve(answers);
    });
    this.send({ kind: 'recover', id, queries: queries.map(forWire) });
    return promise;
  }

  close(): void {
    this.isMet = false;
    this.#flush();
    void this.#channel.close();
  }

  #flush(): void {
    const messages = this.#outbox;
    this.#outbox = [];
    if (messages.length > 0) this.#channel.send(joined(messages));
  }

  #heard(message: FromAgent, listener: LinkListener): void {
    if (message.kind === 'hello') {
      for (const { attempt, isLive, cpus, memoryBytes } of message.known)
        if (isLive) this.hold(attempt, { cpus, memoryBytes });
      this.isMet = true;
      return listener.met(message.known);
    }
    if (message.kind !== 'recovered') return listener.heard(message);
    const answer = this.#asked.get(message.id);
    this.#asked.delete(message.id);
    answer?.(new Map(message.answers));
  }
}

function forWire(query: RecoverQuery): WireQuery {
  const { redactor: _, ...rest } = query;
  return rest;
}

/** Orders that follow each other are one order; nothing overtakes another. */
function joined(messages: readonly ToAgent[]): readonly ToAgent[] {
  const all: ToAgent[] = [];
  let orders: AttemptOrder[] | undefined;
  for (const message of messages) {
    if (message.kind !== 'launch') {
      orders = undefined;
      all.push(message);
    } else if (orders === undefined) {
      orders = [...message.orders];
      all.push({ kind: 'launch', orders });
    } else orders.push(...message.orders);
  }
  return all;
}

/** How long it may run, in milliseconds, as far as anybody said. */
export function timeOf(grant: AttemptOrder['grant'], request: ResourceRequest | undefined): number | undefined {
  return grant.timeMs ?? request?.timeMs;
}

/** Who has introduced himself, and who has left. */
export interface Cards {
  readonly here: readonly AgentCard[];
  readonly left: readonly AgentCard[];
}

/** Cards of the agents of an allocation. */
export function readCards(directory: string): Cards {
  const folder = join(directory, CARDS);
  let names: readonly string[];
  try {
    names = readdirSync(folder);
  } catch {
    return { here: [], left: [] };
  }
  const read = (ending: string): readonly AgentCard[] =>
    names.filter((name) => name.endsWith(ending)).flatMap((name) => readCard(join(folder, name)));
  return { here: read('.json'), left: read(LEFT) };
}

function readCard(path: string): readonly AgentCard[] {
  try {
    const card = JSON.parse(readFileSync(path, 'utf8')) as AgentCard;
    return card.format === 'heddle-agent/2' ? [card] : [];
  } catch {
    // It has left meanwhile.
    return [];
  }
}
