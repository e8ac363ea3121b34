import { randomBytes, randomUUID } from 'node:crypto';
import { mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import type { Server } from 'node:net';
import { hostname } from 'node:os';
import { join } from 'node:path';
import type { Clock, Place } from '../../model/index.ts';
import { MailChannel } from './mail-channel.ts';
import { type AgentCard, CARDS, type Channel, type FromAgent, LEFT, MAIL, type ToAgent } from './protocol.ts';
import { addressesHere, listenTcp } from './tcp-channel.ts';

export interface DoorOptions {
  /** The allocation's directory. */
  readonly directory: string;
  readonly node: string;
  readonly slots: number;
  readonly endsAt: number | undefined;
  readonly byMail: boolean;
  readonly clock: Clock;
  readonly met: (channel: Channel<FromAgent, ToAgent>) => void;
}

/** How engines come to an agent: by connection, or by mail; and the card that says so. */
export class AgentDoor {
  readonly id: string = randomUUID();
  readonly #options: DoorOptions;
  readonly #card: string;
  readonly #mail: string;
  #server: Server | undefined;
  /** The last conversation by mail that was begun. */
  #session = '';

  constructor(options: DoorOptions) {
    this.#options = options;
    this.#card = join(options.directory, CARDS, `${options.node}.json`);
    this.#mail = join(options.directory, MAIL, options.node);
  }

  async open(place: Place | undefined): Promise<void> {
    const { directory, node, slots, endsAt, byMail, clock, met } = this.#options;
    const token = randomBytes(32).toString('base64url');
    const listening = byMail
      ? undefined
      : await listenTcp<FromAgent, ToAgent>(token, { clock, met }).catch(() => undefined);
    this.#server = listening?.server;
    const card: AgentCard = {
      format: 'heddle-agent/2',
      id: this.id,
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
    mkdirSync(this.#mail, { recursive: true, mode: 0o700 });
    mkdirSync(join(directory, CARDS), { recursive: true, mode: 0o700 });
    // Whole, or not at all; and never readable by others, not even while it is written.
    rmSync(`${this.#card}.part`, { force: true });
    writeFileSync(`${this.#card}.part`, JSON.stringify(card), { mode: 0o600, flag: 'wx' });
    renameSync(`${this.#card}.part`, this.#card);
  }

  /** Meets who has begun to write; conversations before the last are over. False: the allocation's directory is gone. */
  look(): boolean {
    let sessions: readonly string[];
    try {
      sessions = readdirSync(this.#mail).sort();
    } catch (error) {
      return (error as NodeJS.ErrnoException).code !== 'ENOENT';
    }
    const last = sessions.at(-1);
    if (last === undefined || last === this.#session) return true;
    for (const old of sessions.slice(0, -1)) rmSync(join(this.#mail, old), { recursive: true, force: true });
    const folder = join(this.#mail, last);
    try {
      const folders = { out: join(folder, 'from'), in: join(folder, 'to') };
      const channel = new MailChannel<FromAgent, ToAgent>(folders, this.#options.clock);
      this.#session = last;
      this.#options.met(channel);
    } catch {
      // A full disk: with the next look.
    }
    return true;
  }

  /** Nothing of it lives any more: whoever looks for it is told so. */
  close(): void {
    this.#server?.close();
    try {
      renameSync(this.#card, this.#card.replace(/\.json$/, LEFT));
    } catch {
      // The directory is gone.
    }
  }
}
