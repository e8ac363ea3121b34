import { extname } from 'node:path';
import { Worker } from 'node:worker_threads';
import { asError } from '../model/index.ts';
import { threadFlags } from '../process/index.ts';
import { threadLimits } from './heap-limits.ts';
import { laneEnvironment } from './lane-environment.ts';
import { type OnPort, PackerToWorker, unpackFromWorker } from './plain-text.ts';
import {
  IS_ASLEEP,
  SENT,
  SLOT_ENDED,
  SLOT_FREE,
  SLOT_RECALLED,
  SLOT_SENT,
  type FromWorker,
  type ToWorker,
} from './protocol.ts';
import type { CallFate, LaneEnd, LaneShape, OpenTransport, Transport, TransportListener } from './transport.ts';
import type { ThreadData } from './thread-lane.ts';

const MIB = 1024 * 1024;
/** More than are ever sent ahead, since the word of a call that was taken back is free only once its worker has passed it. */
const WORDS = 64;

/**
 * Workers in threads of this process. What is on its way is told apart from what has begun by words both sides share.
 *
 * @param places directories, absolute: from which packages are looked for, and where the store is
 */
export function threadTransport(places: ThreadPlaces): OpenTransport {
  return (shape, listener) => new ThreadTransport(shape, listener, places);
}

type ThreadPlaces = Required<Pick<ThreadData, 'project' | 'store'>>;

class ThreadTransport implements Transport {
  readonly identity: undefined = undefined;
  readonly #worker: Worker;
  readonly #words: Int32Array;
  /** Counts what was sent: a worker at rest waits for it to change, and says whether it has to be woken. */
  readonly #sent: Int32Array;
  readonly #packer = new PackerToWorker();
  #next = 0;
  #error: unknown;

  constructor({ memoryBytes }: LaneShape, listener: TransportListener, places: ThreadPlaces) {
    const words = new SharedArrayBuffer(WORDS * Int32Array.BYTES_PER_ELEMENT);
    this.#words = new Int32Array(words);
    const sent = new SharedArrayBuffer(2 * Int32Array.BYTES_PER_ELEMENT);
    this.#sent = new Int32Array(sent);
    const workerData: ThreadData = { words, sent, ...places };
    // The extension is this file's own: the package ships .js, the sources run as .ts.
    const entry = new URL(`./thread.entry${extname(import.meta.url)}`, import.meta.url);
    const execArgv = threadFlags();
    this.#worker = new Worker(entry, {
      workerData,
      env: laneEnvironment(),
      ...(execArgv === undefined ? {} : { execArgv: [...execArgv] }),
      // What a call writes comes as messages, in order. These streams, which would go to ours, are never read: one that
      // is holds this process alive.
      stdout: true,
      stderr: true,
      ...(memoryBytes === undefined ? {} : { resourceLimits: threadLimits(memoryBytes) }),
    });
    this.#worker.on('message', (received: OnPort<FromWorker>) => listener.heard(unpackFromWorker(received)));
    // Told again, with 'exit', when it is really over.
    this.#worker.on('error', (error: unknown) => {
      this.#error = error;
    });
    this.#worker.once('exit', (code) => listener.ended(endOf(code, this.#error, memoryBytes)));
  }

  send(messages: readonly ToWorker[]): void {
    this.#worker.postMessage(this.#packer.pack(messages));
    Atomics.add(this.#sent, SENT, 1);
    if (Atomics.load(this.#sent, IS_ASLEEP) === 1) Atomics.notify(this.#sent, SENT);
  }

  takeSlot(): number {
    for (let tried = 0; tried < WORDS; tried += 1) {
      const slot = this.#next;
      this.#next = (slot + 1) % WORDS;
      if (Atomics.compareExchange(this.#words, slot, SLOT_FREE, SLOT_SENT) === SLOT_FREE) return slot;
    }
    return -1;
  }

  free(slot: number): void {
    Atomics.store(this.#words, slot, SLOT_FREE);
  }

  recall(slots: readonly number[], answer: (taken: readonly boolean[]) => void): void {
    answer(slots.map((slot) => Atomics.compareExchange(this.#words, slot, SLOT_SENT, SLOT_RECALLED) === SLOT_SENT));
  }

  fateOf(slot: number): CallFate {
    const word = Atomics.load(this.#words, slot);
    return word === SLOT_SENT ? 'sent' : word === SLOT_ENDED ? 'ended' : 'begun';
  }

  async heldBytes(): Promise<number | undefined> {
    try {
      // Answered in the midst of a call too. What native code takes for itself is not told by thread.
      const { used_heap_size: heap, external_memory: external } = await this.#worker.getHeapStatistics();
      return heap + external;
    } catch {
      // It has ended.
      return undefined;
    }
  }

  terminate(): void {
    void this.#worker.terminate();
  }

  hold(isHeld: boolean): void {
    if (isHeld) this.#worker.ref();
    else this.#worker.unref();
  }
}

function endOf(code: number, thrown: unknown, memoryBytes: number | undefined): LaneEnd {
  if (thrown === undefined) {
    const why = `process.exit(${code}) was called`;
    return { why, outcome: { kind: 'exit', code, stderr: why } };
  }
  const error = asError(thrown) as Error & { readonly code?: unknown };
  if (error.code === 'ERR_WORKER_OUT_OF_MEMORY') {
    const limit = memoryBytes === undefined ? '' : ` of ${Math.round(memoryBytes / MIB)} MiB`;
    const why = `the JavaScript heap${limit} was full`;
    return { why, outcome: { kind: 'memory', note: why } };
  }
  const { name, message, stack } = error;
  return {
    why: `uncaught ${name}: ${message}`,
    outcome: {
      kind: 'error',
      error: {
        name,
        message,
        ...(typeof error.code === 'string' ? { code: error.code } : {}),
        ...(stack === undefined ? {} : { stack }),
      },
    },
  };
}
