import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { deserialize, serialize } from 'node:v8';
import { asError, type Clock, type Timer } from '../../model/index.ts';
import type { Channel } from './protocol.ts';

/** Looks are this far apart while something comes, and up to the second while nothing does. */
const QUICK_MS = 10;
const SLOW_MS = 500;
const SLOWER = 1.3;

/** Which folder is written into, and which is read. */
export interface MailFolders {
  readonly out: string;
  readonly in: string;
}

/**
 * Lists of messages as files on a disk that both sides see, where there is no other way: written beside, put there by rename, in
 * order of their names, and taken by removal. The folders are for their user alone.
 */
export class MailChannel<Out, In> implements Channel<Out, In> {
  readonly #folders: MailFolders;
  readonly #clock: Clock;
  /** Letters of one writer sort by time, also behind those of one before it. */
  readonly #prefix: string;
  #written = 0;
  #timer: Timer | undefined;
  #pauseMs = QUICK_MS;
  #isClosed = false;
  #listener: { heard(messages: readonly In[]): void; closed(why: string): void } | undefined;

  constructor(folders: MailFolders, clock: Clock) {
    this.#folders = folders;
    this.#clock = clock;
    this.#prefix = String(clock.now().wall).padStart(15, '0');
    for (const folder of [folders.out, folders.in]) mkdirSync(folder, { recursive: true, mode: 0o700 });
  }

  send(messages: readonly Out[]): void {
    if (this.#isClosed) return;
    const name = `${this.#prefix}-${String(this.#written).padStart(9, '0')}`;
    this.#written += 1;
    const draft = join(this.#folders.out, `.${name}`);
    writeFileSync(draft, serialize(messages), { mode: 0o600 });
    renameSync(draft, join(this.#folders.out, name));
    this.#hurry();
  }

  listen(listener: { heard(messages: readonly In[]): void; closed(why: string): void }): void {
    this.#listener = listener;
    this.#look();
  }

  close(): void {
    this.#isClosed = true;
    this.#timer?.cancel();
  }

  /** An answer may come soon. */
  #hurry(): void {
    this.#pauseMs = QUICK_MS;
    if (this.#timer === undefined) return;
    this.#timer.cancel();
    this.#later();
  }

  #later(): void {
    this.#timer = this.#clock.after(this.#pauseMs, () => this.#look());
  }

  #look(): void {
    if (this.#isClosed) return;
    try {
      const names = readdirSync(this.#folders.in).filter((name) => !name.startsWith('.'));
      this.#pauseMs = names.length > 0 ? QUICK_MS : Math.min(SLOW_MS, this.#pauseMs * SLOWER);
      for (const name of names.sort()) {
        const path = join(this.#folders.in, name);
        const messages = deserialize(readFileSync(path)) as readonly In[];
        rmSync(path, { force: true });
        this.#listener?.heard(messages);
      }
    } catch (error) {
      this.#isClosed = true;
      this.#listener?.closed(`mail can't be read: ${asError(error).message}`);
      return;
    }
    this.#later();
  }
}

/** What nobody has read: of an engine that is dead, or to it. */
export function emptyMail({ out, in: inbox }: MailFolders): void {
  for (const folder of [out, inbox]) rmSync(folder, { recursive: true, force: true });
}
