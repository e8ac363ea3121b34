import type { AttemptId, Clock } from '../model/index.ts';
import type { FromWorker } from './protocol.ts';

/** How a worker's words get to its host. */
export type PostMessages = (messages: readonly FromWorker[], transfer: readonly ArrayBuffer[]) => void;

type StreamName = 'stdout' | 'stderr';

/** What has been written and not been sent: joined when it is. */
interface PendingOutput {
  readonly kind: 'output';
  readonly attempt: AttemptId;
  readonly stream: StreamName;
  readonly parts: Uint8Array[];
}

/** A body that keeps its thread busy lets nobody else send: what it says goes out itself when this has passed. */
const LIVE_MS = 20;
/** Ends go out before the queue is empty when calls have taken this: time for the host to send what comes next. */
const REFILL_MS = 0.25;
/** A list of calls that take less is over before the host could do anything about it. */
export const BRISK_MS = 0.02;
/** Output that has gathered to this goes out at once. */
const CHUNK_BYTES = 64 * 1024;
/** Buffers from this on change hands instead of being copied. */
const TRANSFER_BYTES = 16 * 1024;

/** What a worker is about to say: gathered for a turn of the event loop, sent as one list, in order. */
export class Outbox {
  readonly #post: PostMessages;
  readonly #clock: Clock;
  #messages: (FromWorker | PendingOutput)[] = [];
  #outputBytes = 0;
  /** What calls have taken since something was sent. */
  #calledMs = 0;
  #isScheduled = false;
  #sentAt = Number.NEGATIVE_INFINITY;

  constructor(post: PostMessages, clock: Clock) {
    this.#post = post;
    this.#clock = clock;
  }

  /** Says something, when the turn ends at the latest. */
  push(message: FromWorker): void {
    this.#messages.push(message);
    this.#schedule();
  }

  /** Says something with the next `flush`, which whoever calls has in mind. */
  hold(message: FromWorker): void {
    this.#messages.push(message);
  }

  /**
   * A call took so long, and others wait: sends what is held, if it is time that the host heard of it. One long call among
   * ones that take no time was only interrupted: it takes several in a row.
   */
  refill(tookMs: number): void {
    this.#calledMs = tookMs < BRISK_MS ? 0 : this.#calledMs + Math.min(tookMs, REFILL_MS / 2);
    if (this.#calledMs >= REFILL_MS) this.flush();
  }

  output(attempt: AttemptId, stream: StreamName, bytes: Uint8Array): void {
    const last = this.#messages.at(-1);
    if (last?.kind === 'output' && 'parts' in last && last.stream === stream && last.attempt === attempt) {
      last.parts.push(bytes);
    } else {
      this.#messages.push({ kind: 'output', attempt, stream, parts: [bytes] });
    }
    this.#outputBytes += bytes.length;
    this.#say();
  }

  /** A sign of life or of progress, of which only the newest counts. */
  sign(message: Extract<FromWorker, { kind: 'heartbeat' | 'progress' }>): void {
    if (this.#messages.at(-1)?.kind === message.kind) this.#messages.pop();
    this.#messages.push(message);
    this.#say();
  }

  flush(): void {
    if (this.#messages.length === 0) return;
    const messages = this.#messages;
    this.#messages = [];
    this.#outputBytes = 0;
    this.#calledMs = 0;
    this.#sentAt = this.#clock.now().mono;
    const transfer: ArrayBuffer[] = [];
    this.#post(
      messages.map((message) => ready(message, transfer)),
      transfer,
    );
  }

  #say(): void {
    const isDue = this.#outputBytes >= CHUNK_BYTES || this.#clock.now().mono - this.#sentAt >= LIVE_MS;
    if (isDue) this.flush();
    else this.#schedule();
  }

  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    this.#clock.soon(() => {
      this.#isScheduled = false;
      this.flush();
    });
  }
}

function ready(message: FromWorker | PendingOutput, transfer: ArrayBuffer[]): FromWorker {
  if (message.kind === 'output') return 'parts' in message ? joined(message, transfer) : message;
  if (message.kind === 'ended' && message.outcome.kind === 'ok' && message.outcome.value?.codec === 'v8') {
    handOver(message.outcome.value.bytes, transfer);
  }
  return message;
}

/** Bytes of a buffer of their own: a small Buffer lies in a pool, which would be copied as a whole. */
function joined({ attempt, stream, parts }: PendingOutput, transfer: ArrayBuffer[]): FromWorker {
  let length = 0;
  for (const part of parts) length += part.length;
  const chunk = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    chunk.set(part, at);
    at += part.length;
  }
  handOver(chunk, transfer);
  return { kind: 'output', attempt, stream, chunk };
}

function handOver({ buffer, byteLength }: Uint8Array, transfer: ArrayBuffer[]): void {
  const isOwn = buffer instanceof ArrayBuffer && buffer.byteLength === byteLength;
  if (isOwn && byteLength >= TRANSFER_BYTES) transfer.push(buffer);
}
