import { extname } from 'node:path';
import { Worker } from 'node:worker_threads';
import { buffersOf, type PackedCommit } from './commit-packing.ts';
import { type Port, type PortCall, portedError } from './port.ts';
import { uncertain } from './sqlite-errors.ts';
import type { WriterOptions } from './sqlite-writer.ts';
import type { FromWriter, ToWriter } from './writer.entry.ts';

interface Waiting {
  readonly resolve: (answer: unknown) => void;
  readonly reject: (error: unknown) => void;
}

/** The call that stands for the opening itself. */
const OPENING = 0;

/**
 * Writes on a thread of its own: dearer for each call, but a slow disk no longer holds the loop. The thread keeps
 * the process alive only while it is asked something.
 *
 * States: opening, open, closed; or dead, when the thread ended by itself: then nobody knows what became of
 * what was under way (`STORE_UNCERTAIN`).
 */
export class ThreadPort implements Port {
  readonly place = 'thread';
  readonly #worker: Worker;
  readonly #database: string;
  readonly #waiting = new Map<number, Waiting>();
  readonly #closed = Promise.withResolvers<void>();
  #calls = OPENING;
  /** Failed commits heard of. */
  #heard = 0;
  #isClosing = false;
  #death: Error | undefined;

  private constructor(options: WriterOptions) {
    this.#database = options.connection.path;
    // The extension is this file's own: the package ships .js, the sources run as .ts.
    const entry = new URL(`./writer.entry${extname(import.meta.url)}`, import.meta.url);
    this.#worker = new Worker(entry, { workerData: options });
    this.#worker.on('message', (message: FromWriter) => this.#hear(message));
    this.#worker.on('error', (error: unknown) => this.#die(error));
    this.#worker.on('exit', () => this.#die(new Error('the writer thread ended')));
  }

  static async open(options: WriterOptions): Promise<ThreadPort> {
    const port = new ThreadPort(options);
    await port.#answered(OPENING);
    return port;
  }

  carry(call: PortCall): Promise<unknown> {
    if (this.#death !== undefined) return Promise.reject(uncertain(this.#database, this.#death));
    this.#calls += 1;
    const id = this.#calls;
    const answer = this.#answered(id);
    try {
      this.#send(id, call);
    } catch (error) {
      this.#take(id)?.reject(error);
    }
    return answer;
  }

  async close(): Promise<void> {
    if (this.#death !== undefined) return;
    this.#isClosing = true;
    this.#worker.ref();
    this.#post({ kind: 'close' });
    await this.#closed.promise;
    await this.#worker.terminate();
  }

  #send(id: number, call: PortCall): void {
    if (call.method !== 'commit') return this.#post({ kind: 'call', id, call });
    const commits = call.args[0] as readonly PackedCommit[];
    this.#post({ kind: 'commit', id, commits, heard: this.#heard }, buffersOf(commits));
  }

  #post(message: ToWriter, moved: readonly ArrayBuffer[] = []): void {
    this.#worker.postMessage(message, moved);
  }

  #answered(id: number): Promise<unknown> {
    this.#worker.ref();
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    this.#waiting.set(id, { resolve, reject });
    return promise;
  }

  #take(id: number): Waiting | undefined {
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    // While it closes, an answer that was under way must not let the process end before the thread has.
    if (this.#waiting.size === 0 && !this.#isClosing) this.#worker.unref();
    return waiting;
  }

  #hear(message: FromWriter): void {
    switch (message.kind) {
      case 'open':
        this.#take(OPENING)?.resolve(undefined);
        break;
      case 'answer':
        this.#take(message.id)?.resolve(message.answer);
        break;
      case 'error':
        this.#take(message.id)?.reject(portedError(message.error));
        break;
      case 'committed':
        for (const id of message.ids) this.#take(id)?.resolve(undefined);
        break;
      case 'failed':
        this.#heard = message.failures;
        for (const id of message.ids) this.#take(id)?.reject(portedError(message.error));
        break;
      case 'closed':
        this.#death = new Error('the writer thread is closed');
        this.#closed.resolve();
        break;
    }
  }

  #die(error: unknown): void {
    this.#death ??= error instanceof Error ? error : new Error(String(error));
    for (const { reject } of this.#waiting.values()) reject(uncertain(this.#database, this.#death));
    this.#waiting.clear();
    this.#closed.resolve();
  }
}
