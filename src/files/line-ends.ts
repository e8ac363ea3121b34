const CR = 0x0d;
const LF = 0x0a;

/** Makes one `\n` of every `\r\n` and of every `\r` that stands alone, in bytes that come in pieces. */
export class LineEnds {
  /** The last piece ended with a carriage return: what it means the next one says. */
  #open = false;

  push(bytes: Uint8Array): Uint8Array {
    if (!this.#open && !bytes.includes(CR)) return bytes;
    const out = Buffer.allocUnsafe(bytes.length + 1);
    let size = 0;
    for (const byte of bytes) {
      if (this.#open) out[size++] = LF;
      const isPair = this.#open && byte === LF;
      this.#open = byte === CR;
      if (!this.#open && !isPair) out[size++] = byte;
    }
    return out.subarray(0, size);
  }

  /** What is left when nothing more comes. */
  end(): Uint8Array {
    const rest = this.#open ? Uint8Array.of(LF) : new Uint8Array();
    this.#open = false;
    return rest;
  }
}
