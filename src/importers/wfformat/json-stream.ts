import { Tokenizer, TokenParser } from '@streamparser/json';
import type { HeddleError } from '../../model/index.ts';
import { traceError } from './trace-error.ts';

/** One value found in the stream: its key (an index, in a list) and the value. */
export interface FoundValue {
  readonly key: string | number;
  readonly value: unknown;
  readonly inList: boolean;
}

export interface JsonStreamOptions {
  /** What is wanted, as `$.a.b.*`, and who takes it. Whatever else the text holds is read over and forgotten. */
  readonly wanted: Readonly<Record<string, (found: FoundValue) => void>>;
  /** What to call the text in errors. */
  readonly source: string;
}

const encoder = new TextEncoder();
const NEWLINE = 0x0a;

/**
 * Reads JSON piece by piece and hands out the wanted values as they end, so that no text and no tree
 * of the whole is ever held.
 *
 * @throws {HeddleError} TRACE_INVALID with line and offset for what is no JSON; whatever a taker throws
 */
export async function streamJson(
  chunks: AsyncIterable<Uint8Array | string> | Iterable<Uint8Array | string>,
  { wanted, source }: JsonStreamOptions,
): Promise<void> {
  const tokenizer = new Tokenizer();
  const parser = new TokenParser({ paths: Object.keys(wanted), keepStack: false });
  const place = new PlaceInText();
  let failure: Error | undefined;
  let lastToken = 0;
  let ended = false;
  const fail = (error: Error, offset: number): void => {
    // A taker's own error comes through the parser too, and says more than a place in the text would.
    failure ??= isTakersError(error) ? error : syntaxError(error.message, { source, place, offset });
  };
  tokenizer.onToken = (token) => {
    lastToken = token.offset;
    parser.write(token);
  };
  tokenizer.onError = (error) => fail(error, offsetIn(error.message) ?? lastToken);
  parser.onError = (error) => fail(error, lastToken);
  parser.onEnd = () => {
    ended = true;
  };
  parser.onValue = ({ key, value, parent, stack }) => {
    if (failure !== undefined) return;
    const path = `$${stack
      .slice(1)
      .map(({ key: step }) => `.${String(step)}`)
      .join('')}`;
    const taker = wanted[`${path}.${String(key)}`] ?? wanted[`${path}.*`];
    taker?.({ key: key ?? '', value, inList: Array.isArray(parent) });
  };
  for await (const chunk of chunks) {
    const bytes = typeof chunk === 'string' ? encoder.encode(chunk) : chunk;
    place.enter(bytes);
    tokenizer.write(bytes);
    if (failure !== undefined) throw failure;
  }
  if (!ended) throw syntaxError('it ends too early', { source, place, offset: place.end });
}

function isTakersError(error: unknown): boolean {
  return (error as HeddleError).code !== undefined;
}

/** The tokenizer says where only in its message. */
function offsetIn(message: string): number | undefined {
  const found = /absolute position "(\d+)"/.exec(message);
  return found === null ? undefined : Number(found[1]);
}

function syntaxError(
  message: string,
  { source, place, offset }: { readonly source: string; readonly place: PlaceInText; readonly offset: number },
): HeddleError {
  const plain = message.replace(/ at chunk position.*$/s, '').replace(/ in state .*$/s, '');
  return traceError(
    `${source}, line ${place.lineOf(offset)} (byte ${offset})`,
    `no valid JSON: ${lowerFirst(plain)}`,
    'the file is damaged or no trace: get it again',
  );
}

function lowerFirst(text: string): string {
  return text.slice(0, 1).toLowerCase() + text.slice(1);
}

/** Counts lines as pieces go by; knows places in the latest piece. */
class PlaceInText {
  #chunk: Uint8Array = new Uint8Array(0);
  #start = 0;
  #linesBefore = 0;

  /** Offset of what comes next. */
  get end(): number {
    return this.#start + this.#chunk.length;
  }

  enter(chunk: Uint8Array): void {
    this.#linesBefore += countNewlines(this.#chunk);
    this.#start += this.#chunk.length;
    this.#chunk = chunk;
  }

  lineOf(offset: number): number {
    return this.#linesBefore + countNewlines(this.#chunk.subarray(0, Math.max(0, offset - this.#start))) + 1;
  }
}

function countNewlines(bytes: Uint8Array): number {
  let count = 0;
  for (let at = bytes.indexOf(NEWLINE); at !== -1; at = bytes.indexOf(NEWLINE, at + 1)) count += 1;
  return count;
}
