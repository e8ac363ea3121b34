import type { HeddleError, Json } from '../model/index.ts';

export interface JsonElementsOptions {
  /** Long lists by the way to them (`workflow.tasks`), and who takes each element as it ends. */
  readonly lists: Readonly<Record<string, (element: unknown, index: number) => void>>;
  /** Makes the error for text that is no JSON or too large; `place` is line and byte. */
  readonly refuse: (place: string, problem: string) => HeddleError;
}

/** One element, and all that is outside the lists, may be this large. */
export const MAX_PIECE_BYTES: number = 64 * 1024 * 1024;

const TAB = 0x09;
const NEWLINE = 0x0a;
const RETURN = 0x0d;
const SPACE = 0x20;
const QUOTE = 0x22;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPEN_LIST = 0x5b;
const BACKSLASH = 0x5c;
const CLOSE_LIST = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;

/**
 * Reads JSON that is too large to hold: cuts it at the elements of a few long lists, and gives each element to `JSON.parse`
 * and its taker; what is left, the lists empty, goes to `JSON.parse` at the end and is returned. So all of it is
 * checked by the platform's own parser, at about its pace, and no more than one element and what is left is ever held.
 * A list that is there twice is refused.
 *
 * @throws {HeddleError} what `refuse` makes; whatever a taker throws
 */
export async function streamElements(
  chunks: AsyncIterable<Uint8Array | string> | Iterable<Uint8Array | string>,
  options: JsonElementsOptions,
): Promise<Json> {
  const splitter = new Splitter(options);
  const encoder = new TextEncoder();
  for await (const chunk of chunks) splitter.write(typeof chunk === 'string' ? encoder.encode(chunk) : chunk);
  return splitter.end();
}

/** Bytes gathered one after the other. */
class Piece {
  #bytes: Uint8Array = new Uint8Array(4096);
  size = 0;

  get bytes(): Uint8Array {
    return this.#bytes.subarray(0, this.size);
  }

  push(byte: number): void {
    if (this.size === this.#bytes.length) this.#grow(this.size + 1);
    this.#bytes[this.size] = byte;
    this.size += 1;
  }

  append(bytes: Uint8Array): void {
    if (this.size + bytes.length > this.#bytes.length) this.#grow(this.size + bytes.length);
    this.#bytes.set(bytes, this.size);
    this.size += bytes.length;
  }

  #grow(needed: number): void {
    const grown = new Uint8Array(Math.max(needed, this.#bytes.length * 2));
    grown.set(this.bytes);
    this.#bytes = grown;
  }
}

/** Where a place in the rest was in the text: behind a list, all places have moved. */
interface Mark {
  readonly rest: number;
  readonly byte: number;
  readonly line: number;
}

/**
 * The state between two pieces of text. Outside lists (`#list` undefined) every byte goes into `#rest`, and
 * `#path` says which container is being read. Inside a list, `#expect` says what may come next, unless an
 * element has begun (`#inElement`): then only brackets and strings are followed until it is over.
 */
class Splitter {
  readonly #options: JsonElementsOptions;
  readonly #decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  readonly #rest = new Piece();
  readonly #marks: Mark[] = [{ rest: 0, byte: 0, line: 1 }];
  readonly #entered = new Set<string>();
  readonly #path: { readonly name: string; readonly isList: boolean }[] = [];
  /** The latest string outside lists, from quote to quote in the rest: a key, if a colon follows. */
  #stringStart = 0;
  #key = '';
  #list: string | undefined;
  #index = 0;
  #expect: 'element or end' | 'element' | 'comma or end' = 'element or end';
  #inElement = false;
  /** What of the element came in earlier chunks. */
  #begun = new Piece();
  #depth = 0;
  #inString = false;
  #escaped = false;
  /** Bytes before this chunk, and the line that is being read. */
  #before = 0;
  #line = 1;

  constructor(options: JsonElementsOptions) {
    this.#options = options;
  }

  write(chunk: Uint8Array): void {
    let i = 0;
    while (i < chunk.length) {
      if (this.#inElement) i = this.#element(chunk, i);
      else if (this.#list === undefined) i = this.#outside(chunk, i);
      else i = this.#between(chunk, i);
    }
    this.#before += chunk.length;
  }

  end(): Json {
    const text = this.#decode(this.#rest.bytes, 0);
    if (this.#list !== undefined || text.trim() === '')
      throw this.#refuse(this.#before, this.#line, 'it ends too early');
    try {
      return JSON.parse(text) as Json;
    } catch (cause) {
      const message = (cause as Error).message;
      const position = positionIn(message, text);
      const at = this.#placeInRest(Buffer.byteLength(text.slice(0, position)));
      throw this.#refuse(at.byte, at.line, position === text.length ? 'it ends too early' : plainMessage(message));
    }
  }

  #refuse(byte: number, line: number, problem: string): HeddleError {
    return this.#options.refuse(`line ${line} (byte ${byte})`, problem);
  }

  /** Copies what is outside the lists, and watches for one to begin. Gives where to go on. */
  #outside(chunk: Uint8Array, start: number): number {
    for (let i = start; i < chunk.length; i += 1) {
      const byte = chunk[i] as number;
      this.#rest.push(byte);
      if (byte === NEWLINE) this.#line += 1;
      if (this.#inString) {
        if (this.#escaped) this.#escaped = false;
        else if (byte === BACKSLASH) this.#escaped = true;
        else if (byte === QUOTE) this.#inString = false;
      } else if (byte === QUOTE) {
        this.#inString = true;
        this.#stringStart = this.#rest.size - 1;
      } else if (byte === COLON) this.#key = this.#keyText(this.#before + i);
      else if (byte === OPEN_OBJECT || byte === OPEN_LIST) {
        this.#open(byte === OPEN_LIST, this.#before + i);
        if (this.#list !== undefined) return i + 1;
      } else if (byte === CLOSE_OBJECT || byte === CLOSE_LIST) this.#path.pop();
    }
    if (this.#rest.size > MAX_PIECE_BYTES)
      throw this.#refuse(this.#before, this.#line, `more than ${MAX_PIECE_BYTES} bytes are outside its lists`);
    return chunk.length;
  }

  #keyText(byte: number): string {
    const raw = this.#rest.bytes.subarray(this.#stringStart, this.#rest.size - 1);
    try {
      return String(JSON.parse(this.#decoder.decode(raw)));
    } catch {
      throw this.#refuse(byte, this.#line, "a ':' follows what is no key");
    }
  }

  #open(isList: boolean, byte: number): void {
    const name = this.#path.at(-1)?.isList ? '*' : this.#key;
    this.#path.push({ name, isList });
    const path = this.#path
      .slice(1)
      .map((step) => step.name)
      .join('.');
    if (!isList || !Object.hasOwn(this.#options.lists, path)) return;
    if (this.#entered.has(path)) throw this.#refuse(byte, this.#line, `'${path}' is there twice`);
    this.#entered.add(path);
    this.#list = path;
    this.#index = 0;
    this.#expect = 'element or end';
  }

  /** Between two elements of a list. */
  #between(chunk: Uint8Array, start: number): number {
    for (let i = start; i < chunk.length; i += 1) {
      const byte = chunk[i] as number;
      if (byte === SPACE || byte === NEWLINE || byte === RETURN || byte === TAB) {
        if (byte === NEWLINE) this.#line += 1;
      } else if (this.#expect === 'comma or end' ? byte === COMMA : byte !== COMMA && byte !== CLOSE_LIST) {
        if (byte === COMMA) this.#expect = 'element';
        else {
          this.#inElement = true;
          this.#depth = 0;
          return i;
        }
      } else if (byte === CLOSE_LIST && this.#expect !== 'element') {
        this.#close(this.#before + i);
        return i + 1;
      } else {
        throw this.#refuse(
          this.#before + i,
          this.#line,
          `'${String.fromCharCode(byte)}' where ${this.#expect} of a list belongs`,
        );
      }
    }
    return chunk.length;
  }

  #close(byte: number): void {
    this.#list = undefined;
    this.#path.pop();
    this.#marks.push({ rest: this.#rest.size, byte, line: this.#line });
    this.#rest.push(CLOSE_LIST);
  }

  /** Follows an element to its end, or to the end of the chunk. */
  #element(chunk: Uint8Array, start: number): number {
    const line = this.#line;
    const end = this.#endOfElement(chunk, start);
    const here = chunk.subarray(start, end);
    if (this.#inElement) {
      if (this.#begun.size + here.length > MAX_PIECE_BYTES) {
        throw this.#refuse(this.#before + start, line, `an element has more than ${MAX_PIECE_BYTES} bytes`);
      }
      this.#begun.append(here);
      return end;
    }
    let bytes = here;
    if (this.#begun.size > 0) {
      this.#begun.append(here);
      bytes = this.#begun.bytes;
      this.#begun = new Piece();
    }
    this.#take(bytes, this.#before + end);
    this.#expect = 'comma or end';
    return end;
  }

  /** The hot loop: where the element ends in this chunk, with `#inElement` false if it does. */
  #endOfElement(chunk: Uint8Array, start: number): number {
    let depth = this.#depth;
    let inString = this.#inString;
    let escaped = this.#escaped;
    let end = -1;
    for (let i = start; i < chunk.length; i += 1) {
      const byte = chunk[i] as number;
      if (inString) {
        if (escaped) escaped = false;
        else if (byte === BACKSLASH) escaped = true;
        else if (byte === QUOTE) {
          inString = false;
          if (depth === 0) end = i + 1;
        }
      } else if (byte === QUOTE) inString = true;
      else if (byte === OPEN_OBJECT || byte === OPEN_LIST) depth += 1;
      else if (byte === CLOSE_OBJECT || byte === CLOSE_LIST) {
        // A number or a word ends before the bracket that closes the list.
        end = depth <= 1 ? i + depth : -1;
        depth -= 1;
      } else if (byte === NEWLINE && depth > 0) this.#line += 1;
      else if (depth === 0 && (byte <= SPACE || byte === COMMA)) end = i;
      if (end !== -1) break;
    }
    this.#depth = depth;
    this.#inString = inString;
    this.#escaped = escaped;
    this.#inElement = end === -1;
    return end === -1 ? chunk.length : end;
  }

  #take(bytes: Uint8Array, endByte: number): void {
    const text = this.#decode(bytes, endByte - bytes.length);
    let element: unknown;
    try {
      element = JSON.parse(text);
    } catch (cause) {
      const message = (cause as Error).message;
      // Counted from the end, where byte and line are known.
      const tail = text.slice(positionIn(message, text));
      throw this.#refuse(endByte - Buffer.byteLength(tail), this.#line - countNewlines(tail), plainMessage(message));
    }
    const index = this.#index;
    this.#index += 1;
    this.#options.lists[this.#list as string]?.(element, index);
  }

  #decode(bytes: Uint8Array, startByte: number): string {
    try {
      return this.#decoder.decode(bytes);
    } catch {
      throw this.#refuse(startByte, this.#line, 'what begins here is no UTF-8');
    }
  }

  #placeInRest(rest: number): { readonly byte: number; readonly line: number } {
    const mark = this.#marks.findLast((candidate) => candidate.rest <= rest) as Mark;
    const between = this.#rest.bytes.subarray(mark.rest, rest);
    return { byte: mark.byte + between.length, line: mark.line + between.filter((byte) => byte === NEWLINE).length };
  }
}

function countNewlines(text: string): number {
  return text.split('\n').length - 1;
}

/** Where the parser stopped: it says so in some of its messages, and means the end in others. */
function positionIn(message: string, text: string): number {
  const found = /at position (\d+)/.exec(message);
  if (found !== null) return Number(found[1]);
  return message.startsWith(UNEXPECTED_TOKEN) ? unexpectedTokenIn(text) : text.length;
}

const UNEXPECTED_TOKEN = 'Unexpected token';

/** Of an unexpected token V8 tells the character, not the place. A text that ends before it only ends too early. */
function unexpectedTokenIn(text: string): number {
  let before = 0;
  let behind = text.length;
  while (behind - before > 1) {
    const middle = (before + behind) >> 1;
    if (hasUnexpectedToken(text.slice(0, middle))) behind = middle;
    else before = middle;
  }
  return before;
}

function hasUnexpectedToken(text: string): boolean {
  try {
    JSON.parse(text);
    return false;
  } catch (error) {
    return (error as Error).message.startsWith(UNEXPECTED_TOKEN);
  }
}

function plainMessage(message: string): string {
  const plain = message.replace(/(?: in JSON)? at position.*$/s, '').replace(/, (?:\.\.\.)?".*is not valid JSON$/s, '');
  return plain.slice(0, 1).toLowerCase() + plain.slice(1);
}
