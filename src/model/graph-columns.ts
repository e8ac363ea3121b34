import { HeddleError } from './errors.ts';
import type { TextColumn } from './graph.ts';

/** Offsets are 32 bits wide, so no column holds more. */
const MAX_COLUMN_BYTES = 0xffff_ffff;

/** Room for `needed` where there is `capacity`: half as much again, so that appending stays linear and waste small. */
function grown(capacity: number, needed: number): number {
  return Math.max(needed, capacity + (capacity >> 1), 1024);
}

/** A `Uint32Array` that grows. */
export class Uint32Column {
  #values = new Uint32Array(0);
  #size = 0;

  get size(): number {
    return this.#size;
  }

  push(value: number): void {
    if (this.#size === this.#values.length) this.#grow(this.#size + 1);
    this.#values[this.#size] = value;
    this.#size += 1;
  }

  /** Forgets the last value. */
  pop(): void {
    this.#size -= 1;
  }

  at(i: number): number {
    return this.#values[i] as number;
  }

  set(i: number, value: number): void {
    this.#values[i] = value;
  }

  /** Gives up the values, as many as there are; the column is empty afterwards. */
  take(): Uint32Array {
    const values = this.#values.slice(0, this.#size);
    this.#values = new Uint32Array(0);
    this.#size = 0;
    return values;
  }

  #grow(needed: number): void {
    const values = new Uint32Array(grown(this.#values.length, needed));
    values.set(this.#values);
    this.#values = values;
  }
}

/** A `Uint8Array` that grows. */
export class Uint8Column {
  #values = new Uint8Array(0);
  #size = 0;

  get size(): number {
    return this.#size;
  }

  push(value: number): void {
    if (this.#size === this.#values.length) {
      const values = new Uint8Array(grown(this.#values.length, this.#size + 1));
      values.set(this.#values);
      this.#values = values;
    }
    this.#values[this.#size] = value;
    this.#size += 1;
  }

  /** Gives up the values, as many as there are; the column is empty afterwards. */
  take(): Uint8Array {
    const values = this.#values.slice(0, this.#size);
    this.#values = new Uint8Array(0);
    this.#size = 0;
    return values;
  }
}

/** A `Float64Array` that grows. */
export class Float64Column {
  #values = new Float64Array(0);
  #size = 0;

  push(value: number): void {
    if (this.#size === this.#values.length) {
      const values = new Float64Array(grown(this.#values.length, this.#size + 1));
      values.set(this.#values);
      this.#values = values;
    }
    this.#values[this.#size] = value;
    this.#size += 1;
  }

  /** Gives up the values, as many as there are; the column is empty afterwards. */
  take(): Float64Array {
    const values = this.#values.slice(0, this.#size);
    this.#values = new Float64Array(0);
    this.#size = 0;
    return values;
  }
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** A text column that grows. */
export class TextColumnBuilder {
  #bytes = new Uint8Array(0);
  #used = 0;
  readonly #offsets = new Uint32Column();

  constructor() {
    this.#offsets.push(0);
  }

  get size(): number {
    return this.#offsets.size - 1;
  }

  /** All bytes so far; valid until the next `push`. */
  get bytes(): Uint8Array {
    return this.#bytes;
  }

  /** Where text i begins; that of `size` is the end of the last. */
  offset(i: number): number {
    return this.#offsets.at(i);
  }

  textAt(i: number): string {
    return decoder.decode(this.#bytes.subarray(this.#offsets.at(i), this.#offsets.at(i + 1)));
  }

  /** @throws {HeddleError} VALUE_TOO_LARGE when the column would pass 4 GiB. */
  push(text: string): void {
    if (text.length > 0) {
      // At most three bytes of UTF-8 a UTF-16 unit.
      this.#reserve(text.length * 3);
      if (text.length > 40 || !this.#pushAscii(text)) {
        this.#used += encoder.encodeInto(text, this.#bytes.subarray(this.#used)).written;
      }
    }
    this.#offsets.push(this.#used);
  }

  /** Forgets the last text. */
  pop(): void {
    this.#offsets.pop();
    this.#used = this.#offsets.at(this.#offsets.size - 1);
  }

  /** Gives up the texts; the column is empty afterwards. */
  take(): TextColumn {
    const column = { bytes: this.#bytes.slice(0, this.#used), offsets: this.#offsets.take() };
    this.#bytes = new Uint8Array(0);
    this.#used = 0;
    this.#offsets.push(0);
    return column;
  }

  /** Short ASCII texts, which names are, cost less in a loop than in a call out of JavaScript. */
  #pushAscii(text: string): boolean {
    let at = this.#used;
    for (let i = 0; i < text.length; i += 1) {
      const code = text.charCodeAt(i);
      if (code > 0x7f) return false;
      this.#bytes[at] = code;
      at += 1;
    }
    this.#used = at;
    return true;
  }

  #reserve(bytes: number): void {
    const needed = this.#used + bytes;
    if (needed <= this.#bytes.length) return;
    if (needed > MAX_COLUMN_BYTES) {
      throw new HeddleError('VALUE_TOO_LARGE', 'the texts of one graph pass 4 GiB', {
        hint: 'append the graph in segments, or put large inputs into files',
      });
    }
    const bytesNow = new Uint8Array(Math.min(grown(this.#bytes.length, needed), MAX_COLUMN_BYTES));
    bytesNow.set(this.#bytes.subarray(0, this.#used));
    this.#bytes = bytesNow;
  }
}

/** Many texts as one column. */
export function textColumn(texts: Iterable<string>): TextColumn {
  const builder = new TextColumnBuilder();
  for (const text of texts) builder.push(text);
  return builder.take();
}
