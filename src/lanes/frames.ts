import { writeSync } from 'node:fs';
import { DefaultSerializer, deserialize } from 'node:v8';

/**
 * Messages over a stream of bytes. A frame is its length (4 bytes, little end first) and a list of messages in v8's
 * format. What a worker writes begins with `PREAMBLE`: a login shell may have said something before it.
 */

export const PREAMBLE: Buffer = Buffer.from('\0heddle lane\n');

/** Above this it is no frame, but somebody's text. */
const MAX_FRAME = 0x40000000;
const HEADER = 4;
const NO_LENGTH: Uint8Array = new Uint8Array(HEADER);
/** Between two tries to write to a pipe that is full and may not be waited for. */
const RETRY_MS = 2;

/** A list of messages as a frame. Throws when something in it can't be copied. */
export function encodeFrame(messages: readonly unknown[]): Buffer {
  const serializer = new DefaultSerializer();
  // Room for the length, in the same buffer: a second one would cost the collector more than all the rest.
  serializer.writeRawBytes(NO_LENGTH);
  serializer.writeHeader();
  serializer.writeValue(messages);
  const frame = serializer.releaseBuffer();
  frame.writeUInt32LE(frame.length - HEADER, 0);
  return frame;
}

/** Takes bytes as they come and gives the lists in them. */
export class FrameReader<Message> {
  #chunks: Uint8Array[] = [];
  #length = 0;
  #awaited: Uint8Array | undefined;

  /** @param awaited everything before it, and it itself, is skipped */
  constructor(awaited?: Uint8Array) {
    this.#awaited = awaited;
  }

  /** @throws {RangeError} when this is no stream of frames */
  read(chunk: Uint8Array): readonly (readonly Message[])[] {
    this.#chunks.push(chunk);
    this.#length += chunk.length;
    if (this.#awaited !== undefined && !this.#skip(this.#awaited)) return [];
    const lists: (readonly Message[])[] = [];
    for (let body = this.#next(); body !== undefined; body = this.#next()) {
      lists.push(deserialize(body) as readonly Message[]);
    }
    return lists;
  }

  /** Whether a frame has begun that has not ended. */
  get isWithin(): boolean {
    return this.#length > 0;
  }

  #skip(awaited: Uint8Array): boolean {
    const all = this.#join();
    const at = all.indexOf(awaited);
    // Its first bytes may be the last of what is there.
    this.#keep(
      at === -1 ? all.subarray(Math.max(0, all.length - awaited.length + 1)) : all.subarray(at + awaited.length),
    );
    if (at !== -1) this.#awaited = undefined;
    return at !== -1;
  }

  #next(): Uint8Array | undefined {
    if (this.#length < HEADER) return undefined;
    if ((this.#chunks[0] as Uint8Array).length < HEADER) this.#join();
    const size = Buffer.from(
      (this.#chunks[0] as Uint8Array).buffer,
      (this.#chunks[0] as Uint8Array).byteOffset,
      HEADER,
    ).readUInt32LE(0);
    if (size > MAX_FRAME) throw new RangeError(`no frame of a lane: it would have ${size} bytes`);
    if (this.#length < HEADER + size) return undefined;
    const all = this.#join();
    this.#keep(all.subarray(HEADER + size));
    return all.subarray(HEADER, HEADER + size);
  }

  #join(): Buffer {
    const all = this.#chunks.length === 1 ? asBuffer(this.#chunks[0] as Uint8Array) : Buffer.concat(this.#chunks);
    this.#chunks = [all];
    return all;
  }

  #keep(rest: Uint8Array): void {
    this.#chunks = rest.length === 0 ? [] : [rest];
    this.#length = rest.length;
  }
}

function asBuffer({ buffer, byteOffset, byteLength }: Uint8Array): Buffer {
  return Buffer.from(buffer, byteOffset, byteLength);
}

/** Writes all of it before it returns, so that nothing is lost however this process ends. */
export function writeWhole(descriptor: number, bytes: Uint8Array): void {
  let done = 0;
  while (done < bytes.length) {
    try {
      done += writeSync(descriptor, bytes, done);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, RETRY_MS);
    }
  }
}
