/** What an archive that comes in is made of. The data of a `file` must be read before the next entry is asked for. */
export type IncomingEntry =
  | {
      readonly kind: 'file';
      readonly path: string;
      readonly size: number;
      readonly executable: boolean;
      data(): AsyncIterable<Buffer>;
    }
  /** The same file as one that came before. */
  | { readonly kind: 'hard-link'; readonly path: string; readonly target: string };

/** An archive is none, or ends before its end. */
export class TarError extends Error {
  override readonly name: string = 'TarError';
}

const BLOCK = 512;
const LONGEST_META_BYTES = 1024 * 1024;

/**
 * Reads archives, one behind the other, as GNU tar, busybox and libarchive write them: ustar, GNU's long names and large
 * sizes, pax headers for paths and sizes. Entries that are no files are passed over.
 *
 * @throws {TarError} when it breaks off, or is none
 */
export async function* readTar(bytes: Bytes): AsyncGenerator<IncomingEntry> {
  let special: Special = {};
  let isOver = true;
  for (;;) {
    const header = await bytes.take(BLOCK);
    if (header === undefined) {
      if (isOver && bytes.isEmpty) return;
      throw new TarError('the archive breaks off');
    }
    isOver = isZero(header);
    if (isOver) continue;
    const facts = parseHeader(header);
    const size = special.size ?? facts.size;
    if (facts.type === 'L' || facts.type === 'K' || facts.type === 'x' || facts.type === 'g') {
      special = { ...special, ...readSpecial(facts.type, await takeMeta(bytes, size)) };
      continue;
    }
    const path = special.path ?? facts.path;
    const target = special.target ?? facts.target;
    special = {};
    if (facts.type === '1') yield { kind: 'hard-link', path, target };
    if (facts.type !== '0' && facts.type !== '\0' && facts.type !== '7') {
      await bytes.skip(facts.type === '1' ? 0 : padded(size));
      continue;
    }
    const data = new Data(bytes, size);
    yield { kind: 'file', path, size, executable: (facts.mode & 0o111) !== 0, data: () => data.read() };
    await data.finish();
  }
}

/** A stream of bytes that can be asked for so many of them. */
export class Bytes {
  readonly #source: AsyncIterator<Buffer>;
  #held: Buffer = Buffer.alloc(0);

  constructor(source: AsyncIterable<Buffer>) {
    this.#source = source[Symbol.asyncIterator]();
  }

  /** Nothing is held that was not taken. */
  get isEmpty(): boolean {
    return this.#held.length === 0;
  }

  /** Exactly so many; undefined when the stream ends before. */
  async take(count: number): Promise<Buffer | undefined> {
    if (this.#held.length < count) {
      const pieces = [this.#held];
      let have = this.#held.length;
      while (have < count) {
        const next = await this.#next();
        if (next === undefined) {
          this.#held = Buffer.concat(pieces);
          return undefined;
        }
        pieces.push(next);
        have += next.length;
      }
      this.#held = Buffer.concat(pieces);
    }
    const taken = this.#held.subarray(0, count);
    this.#held = this.#held.subarray(count);
    return taken;
  }

  /** At least one and no more than so many; undefined at the end. */
  async takeSome(most: number): Promise<Buffer | undefined> {
    if (this.#held.length === 0) this.#held = (await this.#next()) ?? this.#held;
    if (this.#held.length === 0) return undefined;
    const taken = this.#held.subarray(0, most);
    this.#held = this.#held.subarray(taken.length);
    return taken;
  }

  async skip(count: number): Promise<void> {
    let left = count;
    while (left > 0) {
      const some = await this.takeSome(left);
      if (some === undefined) throw new TarError('the archive breaks off');
      left -= some.length;
    }
  }

  async #next(): Promise<Buffer | undefined> {
    const { done, value } = await this.#source.next();
    return done === true ? undefined : (value as Buffer);
  }
}

/** The content of one file, with the zeroes that fill its last block. */
class Data {
  readonly #bytes: Bytes;
  readonly #padding: number;
  #left: number;

  constructor(bytes: Bytes, size: number) {
    this.#bytes = bytes;
    this.#left = size;
    this.#padding = padded(size) - size;
  }

  async *read(): AsyncGenerator<Buffer> {
    while (this.#left > 0) {
      const some = await this.#bytes.takeSome(this.#left);
      if (some === undefined) throw new TarError('the archive breaks off');
      this.#left -= some.length;
      yield some;
    }
  }

  async finish(): Promise<void> {
    await this.#bytes.skip(this.#left + this.#padding);
  }
}

interface Special {
  readonly path?: string;
  readonly target?: string;
  readonly size?: number;
}

async function takeMeta(bytes: Bytes, size: number): Promise<Buffer> {
  const data = size <= LONGEST_META_BYTES ? await bytes.take(padded(size)) : undefined;
  if (data === undefined) throw new TarError('the archive breaks off');
  return data.subarray(0, size);
}

function readSpecial(type: 'L' | 'K' | 'x' | 'g', data: Buffer): Special {
  if (type === 'L') return { path: untilNul(data) };
  if (type === 'K') return { target: untilNul(data) };
  return type === 'x' ? readPax(data) : {};
}

/** Records `LENGTH KEY=VALUE\n`; the length counts all of it, in bytes. */
function readPax(data: Buffer): Special {
  const found: { path?: string; target?: string; size?: number } = {};
  for (let at = 0; at < data.length; ) {
    const space = data.indexOf(32, at);
    const length = Number(data.subarray(at, space).toString('latin1'));
    if (space < 0 || !Number.isInteger(length) || length <= 0) break;
    const record = data.subarray(space + 1, at + length - 1).toString('utf8');
    const equals = record.indexOf('=');
    const value = record.slice(equals + 1);
    switch (record.slice(0, equals)) {
      case 'path':
        found.path = value;
        break;
      case 'linkpath':
        found.target = value;
        break;
      case 'size':
        found.size = Number(value);
        break;
    }
    at += length;
  }
  return found;
}

function parseHeader(header: Buffer) {
  const sum = parseOctal(header.subarray(148, 156));
  let actual = 8 * 32;
  for (let at = 0; at < BLOCK; at += 1) if (at < 148 || at >= 156) actual += header[at] as number;
  if (sum !== actual) throw new TarError('what came is no archive');
  const isUstar = header.subarray(257, 263).toString('latin1') === 'ustar\0';
  const prefix = isUstar ? untilNul(header.subarray(345, 500)) : '';
  const name = untilNul(header.subarray(0, 100));
  return {
    path: prefix === '' ? name : `${prefix}/${name}`,
    mode: parseOctal(header.subarray(100, 108)),
    size: parseSize(header.subarray(124, 136)),
    type: String.fromCharCode(header[156] as number),
    target: untilNul(header.subarray(157, 257)),
  };
}

function parseSize(field: Buffer): number {
  // GNU's: a set first bit, and a binary number.
  if (((field[0] as number) & 0x80) !== 0) return Number(field.readBigUInt64BE(4));
  return parseOctal(field);
}

function parseOctal(field: Buffer): number {
  return Number.parseInt(untilNul(field).trim() || '0', 8);
}

function untilNul(field: Buffer): string {
  const at = field.indexOf(0);
  return field.subarray(0, at < 0 ? field.length : at).toString('utf8');
}

function isZero(block: Buffer): boolean {
  return block.every((byte) => byte === 0);
}

function padded(size: number): number {
  return Math.ceil(size / BLOCK) * BLOCK;
}
