import { closeSync, existsSync, openSync, readSync } from 'node:fs';
import { isDead, LAST_PID_FILE, readProcess } from './identity.ts';
import { isSessionAlive } from './members.ts';

/** Beyond these a walk through all processes costs less, or the pids may have come round. */
const MAX_PIDS = 200;
const MAX_MS = 500;

/**
 * Tells whether anything of a session is left, for the price of a look at the pids that were given since a mark: two,
 * for a job that started nothing, where there may be hundreds of processes. The kernel gives pids in order, and each
 * process namespace says which it gave last; whoever was started since the mark has one from then to now. After long
 * jobs, and those that started many processes, everybody is looked at.
 */
export class PidWindow {
  readonly #session: number;
  readonly #fd: number;
  readonly #text: Buffer = Buffer.alloc(16);
  #mark = 0;
  #at = 0;
  #isClosed = false;

  /** @throws an error of the file system where the kernel does not say which pid it gave last */
  constructor(session: number) {
    this.#session = session;
    this.#fd = openSync(LAST_PID_FILE, 'r');
  }

  /** Nothing of the session but its leader lives, from here on is looked at. Times are monotonic milliseconds. */
  mark(now: number): void {
    this.#mark = this.#last();
    this.#at = now;
  }

  /** Says whether something of the session, its leader apart, was started since the mark and lives. */
  isInhabited(now: number): boolean {
    let from = this.#mark;
    for (;;) {
      const last = this.#last();
      if (last < from || last - this.#mark > MAX_PIDS || now - this.#at > MAX_MS) return isSessionAlive(this.#session);
      for (let pid = from + 1; pid <= last; pid += 1) if (this.#isMember(pid)) return true;
      // Who was not there any more may have left children in between: they came after him.
      if (last === from) return false;
      from = last;
    }
  }

  close(): void {
    if (!this.#isClosed) closeSync(this.#fd);
    this.#isClosed = true;
  }

  #isMember(pid: number): boolean {
    // Most are gone, and a question costs less than an error.
    if (!existsSync(`/proc/${pid}`)) return false;
    const stat = readProcess(pid);
    return stat !== undefined && stat.session === this.#session && !isDead(stat);
  }

  #last(): number {
    const length = readSync(this.#fd, this.#text, 0, this.#text.length, 0);
    return Number(this.#text.toString('latin1', 0, length));
  }
}

/** Says whether the kernel tells which pid it gave last. */
export function canMarkPids(): boolean {
  return existsSync(LAST_PID_FILE);
}
