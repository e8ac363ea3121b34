import { createReadStream } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';

/** One thing in an archive that is made here. Paths are relative to where it is unpacked. */
export type TarEntry =
  | { readonly kind: 'directory'; readonly path: string }
  | {
      readonly kind: 'file';
      readonly path: string;
      readonly from: string;
      readonly executable: boolean;
      readonly readOnly: boolean;
    }
  | { readonly kind: 'text'; readonly path: string; readonly text: string }
  /** A second name of a file that is there; `target` as `path` is. */
  | { readonly kind: 'hard-link'; readonly path: string; readonly target: string }
  | { readonly kind: 'symlink'; readonly path: string; readonly target: string };

/** A file here can't be read, or is not what it was. */
export class SourceError extends Error {
  override readonly name: string = 'SourceError';
}

const BLOCK = 512;
const ZEROES: Buffer = Buffer.alloc(2 * BLOCK);
/** Files up to this are read at once. */
const SMALL_BYTES = 64 * 1024;
const CHUNK_BYTES = 64 * 1024;
const LONGEST_NAME = 100;
/** Eleven octal digits. */
const LARGEST_OCTAL = 0o77777777777;

const TYPES = { directory: '5', file: '0', text: '0', 'hard-link': '1', symlink: '2' } as const;

/**
 * Writes an archive that GNU tar, busybox and libarchive read alike: ustar headers with GNU's way of long names and large
 * sizes (https://www.gnu.org/software/tar/manual/html_node/Standard.html). Times and owners are left to the other side.
 *
 * @throws {SourceError} when a file here can't be read to the size it had
 */
export async function* writeTar(entries: Iterable<TarEntry>): AsyncGenerator<Buffer> {
  const batch = new Batch();
  for (const entry of entries) {
    if (entry.kind === 'file') yield* writeFile(entry, batch);
    else {
      const data = entry.kind === 'text' ? Buffer.from(entry.text) : undefined;
      batch.add(headerOf(entry, data?.length ?? 0));
      if (data !== undefined) batch.addPadded(data);
    }
    if (batch.isFull) yield batch.take();
  }
  batch.add(ZEROES);
  yield batch.take();
}

async function* writeFile(entry: Extract<TarEntry, { readonly kind: 'file' }>, batch: Batch): AsyncGenerator<Buffer> {
  const { size } = await readable(entry.from, () => stat(entry.from));
  if (size <= SMALL_BYTES) {
    const data = await readable(entry.from, () => readFile(entry.from));
    batch.add(headerOf(entry, data.length));
    batch.addPadded(data);
    return;
  }
  batch.add(headerOf(entry, size));
  yield batch.take();
  let left = size;
  // One byte more is asked for, to see that it has grown.
  const stream = createReadStream(entry.from, { end: size, highWaterMark: 4 * CHUNK_BYTES });
  try {
    for await (const chunk of stream as AsyncIterable<Buffer>) {
      left -= chunk.length;
      if (left < 0) break;
      yield chunk;
    }
  } catch (error) {
    throw unreadable(entry.from, error);
  }
  if (left !== 0) throw new SourceError(`'${entry.from}' changed while it was sent`);
  batch.add(paddingOf(size));
}

async function readable<Value>(path: string, read: () => Promise<Value>): Promise<Value> {
  try {
    return await read();
  } catch (error) {
    throw unreadable(path, error);
  }
}

function unreadable(path: string, error: unknown): SourceError {
  return new SourceError(`'${path}' can't be read: ${(error as Error).message}`, { cause: error });
}

function headerOf(entry: TarEntry, size: number): Buffer {
  const path = Buffer.from(entry.kind === 'directory' ? `${entry.path}/` : entry.path);
  const target = 'target' in entry ? Buffer.from(entry.target) : Buffer.alloc(0);
  const parts: Buffer[] = [];
  if (target.length > LONGEST_NAME) parts.push(longName('K', target));
  if (path.length > LONGEST_NAME) parts.push(longName('L', path));
  parts.push(block({ path, target, size, mode: modeOf(entry), type: TYPES[entry.kind] }));
  return parts.length === 1 ? (parts[0] as Buffer) : Buffer.concat(parts);
}

function modeOf(entry: TarEntry): number {
  if (entry.kind === 'directory' || entry.kind === 'symlink') return 0o777;
  if (entry.kind !== 'file') return 0o666;
  return (entry.executable ? 0o777 : 0o666) & (entry.readOnly ? 0o555 : 0o777);
}

/** GNU's: the name is the data of an entry before the one it belongs to. */
function longName(type: 'K' | 'L', name: Buffer): Buffer {
  const data = Buffer.concat([name, Buffer.alloc(1)]);
  const header = block({
    path: Buffer.from('././@LongLink'),
    target: Buffer.alloc(0),
    size: data.length,
    mode: 0,
    type,
  });
  return Buffer.concat([header, data, paddingOf(data.length)]);
}

function block(facts: {
  readonly path: Buffer;
  readonly target: Buffer;
  readonly size: number;
  readonly mode: number;
  readonly type: string;
}): Buffer {
  const header = Buffer.alloc(BLOCK);
  facts.path.copy(header, 0, 0, LONGEST_NAME);
  header.write(octal(facts.mode, 7), 100, 'latin1');
  header.write(octal(0, 7), 108, 'latin1');
  header.write(octal(0, 7), 116, 'latin1');
  if (facts.size <= LARGEST_OCTAL) header.write(octal(facts.size, 11), 124, 'latin1');
  else {
    header[124] = 0x80;
    header.writeBigUInt64BE(BigInt(facts.size), 128);
  }
  header.write(octal(0, 11), 136, 'latin1');
  header.fill(' ', 148, 156);
  header.write(facts.type, 156, 'latin1');
  facts.target.copy(header, 157, 0, LONGEST_NAME);
  header.write('ustar  ', 257, 'latin1');
  let sum = 0;
  for (const byte of header) sum += byte;
  header.write(`${octal(sum, 6)}\0 `, 148, 'latin1');
  return header;
}

function octal(value: number, digits: number): string {
  return value.toString(8).padStart(digits, '0');
}

function paddingOf(size: number): Buffer {
  return ZEROES.subarray(0, (BLOCK - (size % BLOCK)) % BLOCK);
}

/** Small pieces go out in large ones. */
class Batch {
  #pieces: Buffer[] = [];
  #bytes = 0;

  get isFull(): boolean {
    return this.#bytes >= CHUNK_BYTES;
  }

  add(piece: Buffer): void {
    this.#pieces.push(piece);
    this.#bytes += piece.length;
  }

  addPadded(data: Buffer): void {
    this.add(data);
    this.add(paddingOf(data.length));
  }

  take(): Buffer {
    const all = Buffer.concat(this.#pieces);
    this.#pieces = [];
    this.#bytes = 0;
    return all;
  }
}
