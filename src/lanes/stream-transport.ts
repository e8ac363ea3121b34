import type { Readable, Writable } from 'node:stream';
import { encodeFrame, FrameReader, PREAMBLE } from './frames.ts';
import type { FromWorker, ToWorker } from './protocol.ts';
import type { CallFate, LaneEnd, LaneShape, OpenTransport, Transport, TransportListener } from './transport.ts';

/** A worker somewhere else, as the two streams that lead there. */
export interface LaneStreams {
  readonly input: Writable;
  readonly output: Readable;
  /** Resolves when nothing more comes from there, with what that means for the call in hand; never rejects. */
  readonly ended: Promise<LaneEnd>;
  /** Ends the way there: its worker finds its input at an end, and ends itself with all it started. */
  close(): void;
}

/**
 * Workers on other hosts, behind any two streams of bytes that reach `heddle lane` there. Nothing is taken back once it was
 * sent. The bytes are v8's: only for peers that are ours.
 */
export function streamTransport(connect: (shape: LaneShape) => LaneStreams): OpenTransport {
  return (shape, listener) => new StreamTransport(connect(shape), listener);
}

class StreamTransport implements Transport {
  readonly identity: undefined = undefined;
  readonly #streams: LaneStreams;
  readonly #listener: TransportListener;
  /** Slots whose calls were sent and have not ended, oldest first: that one is at its turn. */
  readonly #sent = new Set<number>();
  #next = 0;

  constructor(streams: LaneStreams, listener: TransportListener) {
    this.#streams = streams;
    this.#listener = listener;
    const { input, output, ended } = streams;
    const reader = new FrameReader<FromWorker>(PREAMBLE);
    // What can't be written or read any more is told by the end.
    input.on('error', () => undefined);
    output.on('error', () => undefined);
    output.on('data', (chunk: Uint8Array) => {
      try {
        for (const messages of reader.read(chunk)) this.#listener.heard(messages);
      } catch {
        // Whoever answers there is no lane.
        streams.close();
      }
    });
    void ended.then((end) => this.#listener.ended(end));
  }

  send(messages: readonly ToWorker[]): void {
    this.#streams.input.write(encodeFrame(messages));
  }

  takeSlot(): number {
    const slot = this.#next;
    this.#next += 1;
    this.#sent.add(slot);
    return slot;
  }

  free(slot: number): void {
    this.#sent.delete(slot);
  }

  recall(slots: readonly number[], answer: (taken: readonly boolean[]) => void): void {
    answer(slots.map(() => false));
  }

  fateOf(slot: number): CallFate {
    return slot === this.#sent.values().next().value ? 'begun' : 'sent';
  }

  heldBytes(): Promise<undefined> {
    return Promise.resolve(undefined);
  }

  terminate(): void {
    this.#streams.close();
  }

  hold(isHeld: boolean): void {
    for (const stream of [this.#streams.input, this.#streams.output]) {
      const held = stream as { ref?(): void; unref?(): void };
      if (isHeld) held.ref?.();
      else held.unref?.();
    }
  }
}
