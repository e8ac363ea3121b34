import { closeSync, fstatSync, openSync, readSync, statSync, truncateSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { STDERR_FILE, STDOUT_FILE } from '../../process/index.ts';

const STREAMS = [STDOUT_FILE, STDERR_FILE];

/** How long until the next look at what an attempt says, in milliseconds. */
const CALM_MS = 1000;
const FLOOD_MS = 25;

/**
 * Holds the captured output of one attempt to its bound. The streams are files opened for appending, so one that is
 * cut while it is written to goes on at its new end: what was said first is kept, what comes above the bound is cut
 * away again and again. Disk in use stays near the bound, whatever is said.
 */
export class CaptureGuard {
  readonly #directory: string;
  readonly #limit: number;
  readonly #cut = new Set<string>();
  readonly #sizes = [0, 0];
  #lookedAt: number;

  constructor(directory: string, limit: number, now: number) {
    this.#directory = directory;
    this.#limit = limit;
    this.#lookedAt = now;
  }

  /** Looks at both streams, and says after how many milliseconds to look again: sooner the faster they grow. */
  look(now: number): number {
    let next = CALM_MS;
    const passed = Math.max(1, now - this.#lookedAt);
    this.#lookedAt = now;
    for (const [index, stream] of STREAMS.entries()) {
      const path = join(this.#directory, stream);
      const size = statSync(path, { throwIfNoEntry: false })?.size ?? 0;
      const rate = (size - (this.#sizes[index] ?? 0)) / passed;
      if (size > this.#limit) {
        this.#cut.add(stream);
        truncateSync(path, this.#limit);
      }
      this.#sizes[index] = Math.min(size, this.#limit);
      // Half of what time is left to the bound at this rate; once there, as often as is cheap.
      if (this.#cut.has(stream)) next = FLOOD_MS;
      else if (rate > 0) next = Math.min(next, Math.max(FLOOD_MS, (this.#limit - size) / rate / 2));
    }
    return next;
  }

  /** Cuts for the last time, when nothing writes any more, and leaves a mark at the end of what was cut. */
  finish(): void {
    for (const stream of STREAMS) {
      const path = join(this.#directory, stream);
      const size = statSync(path, { throwIfNoEntry: false })?.size ?? 0;
      if (size <= this.#limit && !this.#cut.has(stream)) continue;
      if (size > this.#limit) truncateSync(path, this.#limit);
      append(path, truncationMark(this.#limit));
    }
  }
}

/**
 * Cuts off what a launcher's shell has said last on an attempt's stderr: one line of so many bytes on the signal it died
 * by. Where something was said after it, by what the job left behind, it stays.
 */
export function cutShellsWord(directory: string, bytes: number): void {
  const path = join(directory, STDERR_FILE);
  const word = stderrTail(directory, bytes);
  if (word.length !== bytes || word.indexOf('\n') !== bytes - 1) return;
  truncateSync(path, statSync(path).size - bytes);
}

/** What stands at the end of a stream that said too much. */
export function truncationMark(limit: number): string {
  return `\n[heddle: output above ${limit} bytes is cut off here]\n`;
}

function append(path: string, text: string): void {
  const fd = openSync(path, 'a');
  try {
    writeSync(fd, text);
  } finally {
    closeSync(fd);
  }
}

/** The last bytes of what an attempt said on stderr, as text: what is no UTF-8 is replaced. Empty when it said nothing. */
export function stderrTail(directory: string, maxBytes = 4096): string {
  let fd: number;
  try {
    fd = openSync(join(directory, STDERR_FILE), 'r');
  } catch {
    return '';
  }
  try {
    const { size } = fstatSync(fd);
    const bytes = Buffer.alloc(Math.min(size, maxBytes));
    const read = readSync(fd, bytes, 0, bytes.length, size - bytes.length);
    return bytes.toString('utf8', 0, read);
  } finally {
    closeSync(fd);
  }
}
