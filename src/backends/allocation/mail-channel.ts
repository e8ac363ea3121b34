import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { deserialize, serialize } from 'node:v8';
import { asError, type Clock, type Timer } from '../../model/index.ts';
import type { Channel } from './protocol.ts';

/** Looks are this far apart while something comes, and up to the second while nothing does. */
const QUICK_MS = 10;
const SLOW_MS = 500;
const SLOWER = 1.3;

/** The last letter of a conversation: it sorts behind all others. */
const BYE = 'bye';

/** Which folder is written into, and which is read. */
export interface MailFolders {
  readonly out: string;
  readonly in: string;
}

/**
 * Lists of messages as files on a disk that both sides see, where there is no other way: written beside, put there by rename, in
 * order of their names, and taken by removal. What can't be written yet (the disk is full) is written when it can. The folders
 * are for their user alone, and for one conversation.
 */
export class MailChannel<Out, In> implements Channel<Out, In> {
  readonly #folders: MailFolders;
  readonly #clock: Clock;
  readonly #unwritten: (readonly Out[])[] = [];
  #written = 0;
  #timer: Timer | undefined;
  #pauseMs = QUICK_MS;
  #isClosed = false;
  #listener: { heard(messages: readonly In[]): void; closed(why: string): void } | undefined;

  /** @throws the system's error where the folders can't be made */
  constructor(folders: MailFolders, clock: Clock) {
    this.#folders = folders;
    this.#clock = clock;
    for (const folder of [folders.out, folders.in]) mkdirSync(folder, { recursive: true, mode: 0o700 });
  }

  send(messages: readonly Out[]): void {
    if (this.#isClosed) return;
    this.#unwritten.push(messages);
    this.#write();
    this.#hurry();
  }

  listen(listener: { heard(messages: readonly In[]): void; closed(why: string): void }): void {
    this.#listener = listener;
    this.#look();
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#write();
    this.#isClosed = true;
    this.#timer?.cancel();
    try {
      writeFileSync(join(this.#folders.out, BYE), '', { mode: 0o600 });
    } catch {
      // The other side finds out by waiting.
    }
  }

  /** In order, as far as the disk takes them. */
  #write(): void {
    for (let [messages] = this.#unwritten; messages !== undefined; [messages] = this.#unwritten) {
      const name = String(this.#written).padStart(9, '0');
      const draft = join(this.#folders.out, `.${name}`);
      try {
        writeFileSync(draft, serialize(messages), { mode: 0o600 });
        renameSync(draft, join(this.#folders.out, name));
      } catch {
        return;
      }
      this.#written += 1;
      this.#unwritten.shift();
    }
  }

  /** An answer may come soon. */
  #hurry(): void {
    this.#pauseMs = QUICK_MS;
    if (this.#timer === undefined) return;
    this.#timer.cancel();
    this.#later();
  }

  #later(): void {
    if (!this.#isClosed) this.#timer = this.#clock.after(this.#pauseMs, () => this.#look());
  }

  #look(): void {
    if (this.#isClosed) return;
    this.#write();
    try {
      const names = readdirSync(this.#folders.in).filter((name) => !name.startsWith('.'));
      this.#pauseMs = names.length > 0 ? QUICK_MS : Math.min(SLOW_MS, this.#pauseMs * SLOWER);
      for (const name of names.sort()) {
        if (this.#isClosed) return;
        if (name === BYE) return this.#over('it was ended by the other side');
        const path = join(this.#folders.in, name);
        const messages = deserialize(readFileSync(path)) as readonly In[];
        rmSync(path, { force: true });
        this.#listener?.heard(messages);
      }
    } catch (error) {
      // A disk that stumbles is looked at again; a folder that is not there any more has no more mail.
      if ((error as NodeJS.ErrnoException).code === 'ENOENT')
        return this.#over(`its mail is gone: ${asError(error).message}`);
      this.#pauseMs = SLOW_MS;
    }
    this.#later();
  }

  #over(why: string): void {
    this.#isClosed = true;
    this.#listener?.closed(why);
  }
}
