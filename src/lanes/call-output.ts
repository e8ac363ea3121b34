import { closeSync, mkdirSync, openSync, writeSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import type { RedactingStream, Redactor } from '../model/index.ts';
import { STDERR_FILE, STDOUT_FILE } from '../process/index.ts';

type StreamName = 'stdout' | 'stderr';

export interface CallOutputOptions {
  /** The attempt's own, where its streams go; made with the first byte. Empty: nothing is kept. */
  readonly directory: string;
  /** Instead of there; relative to `project`. The same path twice: one file, in order. Empty: there after all. */
  readonly redirect?: { readonly stdout: string; readonly stderr: string } | undefined;
  readonly project: string;
  /** Bytes a stream; what comes above is dropped, and a mark says so. */
  readonly limit: number;
  /** Takes secrets out of what is kept. */
  readonly redactor?: Redactor | undefined;
}

interface Stream {
  readonly descriptor: number;
  /** What a secret could begin with waits in here. */
  readonly redacting: RedactingStream | undefined;
  written: number;
  isCut: boolean;
}

/**
 * What one call says, into its files, in the order in which it comes. Writes are done when `write` returns, so that
 * whoever is told of the end finds them there.
 */
export class CallOutput {
  readonly #options: CallOutputOptions;
  readonly #open = new Map<string, Stream>();
  #tail = '';

  constructor(options: CallOutputOptions) {
    this.#options = options;
  }

  /** @throws the system's error when there is no room or no right to write */
  write(name: StreamName, chunk: Uint8Array): void {
    if (name === 'stderr')
      this.#tail = (this.#tail + Buffer.from(chunk.subarray(-TAIL_BYTES)).toString()).slice(-TAIL_BYTES);
    const path = this.#pathOf(name);
    if (path === '') return;
    const stream = this.#open.get(path) ?? this.#openStream(path);
    this.#keep(stream, stream.redacting?.push(chunk) ?? chunk);
  }

  #keep(stream: Stream, chunk: Uint8Array): void {
    const room = this.#options.limit - stream.written;
    if (chunk.length <= room) {
      writeAll(stream, chunk);
      return;
    }
    if (stream.isCut) return;
    stream.isCut = true;
    if (room > 0) writeAll(stream, chunk.subarray(0, room));
    writeSync(stream.descriptor, `\n[heddle: output above ${this.#options.limit} bytes is cut off here]\n`);
  }

  /** The last that was said on stderr, for whoever reads of a bad end. */
  get stderrTail(): string {
    return this.#tail;
  }

  close(): void {
    for (const stream of this.#open.values()) {
      try {
        if (stream.redacting !== undefined) this.#keep(stream, stream.redacting.end());
      } finally {
        closeSync(stream.descriptor);
      }
    }
    this.#open.clear();
  }

  #pathOf(name: StreamName): string {
    const { directory, redirect, project } = this.#options;
    if (redirect !== undefined && redirect[name] !== '') return resolve(project, redirect[name]);
    return directory === '' ? '' : join(directory, name === 'stdout' ? STDOUT_FILE : STDERR_FILE);
  }

  #openStream(path: string): Stream {
    mkdirSync(dirname(path), { recursive: true });
    const redacting = this.#options.redactor?.stream();
    const stream = { descriptor: openSync(path, 'a'), redacting, written: 0, isCut: false };
    this.#open.set(path, stream);
    return stream;
  }
}

const TAIL_BYTES = 4096;

function writeAll(stream: Stream, bytes: Uint8Array): void {
  let done = 0;
  while (done < bytes.length) {
    const count = writeSync(stream.descriptor, bytes, done);
    done += count;
    stream.written += count;
  }
}
