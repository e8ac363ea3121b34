import { crc32 } from 'node:zlib';
import type { Detail, Status, Transition } from '../model/index.ts';
import { corrupt } from './sqlite-errors.ts';

/**
 * The transitions of one commit and run in one binary row, little-endian.
 *
 *     header, 8 bytes:   version u8 (1) · 3 bytes 0 · CRC-32 of the records u32
 *     record, 20 bytes:  job u32 · fence u32 · from u8 · to u8 · detail u8 · 0 u8 · at f64
 *
 * Words are written by their place in the two lists below. The lists are part of the format:
 * append only, whatever the order of the model's own.
 */
const VERSION = 1;
const HEADER_BYTES = 8;
const RECORD_BYTES = 20;

const STATUS_CODES: readonly Status[] = ['created', 'pending', 'running', 'done', 'failed', 'cancelled'];

const DETAIL_CODES: readonly Detail[] = [
  '',
  'blocked',
  'condition',
  'time',
  'queued',
  'reserved',
  'paused',
  'held',
  'backoff',
  'interrupted',
  'login',
  'staging-in',
  'starting',
  'active',
  'ready',
  'streaming',
  'staging-out',
  'cancelling',
  'unreachable',
  'error',
  'exit',
  'signal',
  'timeout',
  'memory',
  'lost',
  'preempted',
  'output-missing',
  'unsatisfiable',
  'user',
  'upstream',
  'run-abort',
  'validating',
];

const statusCode = new Map<Status, number>(STATUS_CODES.map((status, code) => [status, code]));
const detailCode = new Map<Detail, number>(DETAIL_CODES.map((detail, code) => [detail, code]));

/** Packs transitions into one row of the journal. */
export function packTransitions(transitions: readonly Transition[]): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(HEADER_BYTES + transitions.length * RECORD_BYTES);
  const view = new DataView(bytes.buffer);
  let at = HEADER_BYTES;
  for (const transition of transitions) {
    view.setUint32(at, transition.job, true);
    view.setUint32(at + 4, transition.fence, true);
    bytes[at + 8] = codeOf(statusCode, transition.from);
    bytes[at + 9] = codeOf(statusCode, transition.to);
    bytes[at + 10] = codeOf(detailCode, transition.detail);
    view.setFloat64(at + 12, transition.at, true);
    at += RECORD_BYTES;
  }
  bytes[0] = VERSION;
  view.setUint32(4, crc32(bytes.subarray(HEADER_BYTES)), true);
  return bytes;
}

/**
 * Reads the transitions of one row that follow `afterSeq`, at most `limit`.
 *
 * @throws {HeddleError} STORE_CORRUPT naming the row
 */
export function unpackTransitions(
  row: { readonly run: string; readonly firstSeq: number; readonly count: number; readonly data: Uint8Array },
  afterSeq: number,
  limit: number,
): (Transition & { readonly seq: number })[] {
  const { data, firstSeq, count } = row;
  const key = `(${row.run}, ${firstSeq})`;
  if (data.length !== HEADER_BYTES + count * RECORD_BYTES)
    throw corrupt('journal', key, `${data.length} bytes for ${count}`);
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  if (data[0] !== VERSION) throw corrupt('journal', key, `format ${data[0]}`);
  if (view.getUint32(4, true) !== crc32(data.subarray(HEADER_BYTES)))
    throw corrupt('journal', key, 'checksum does not fit');
  const first = Math.max(0, afterSeq + 1 - firstSeq);
  const end = Math.min(count, first + limit);
  const found: (Transition & { readonly seq: number })[] = [];
  for (let i = first; i < end; i += 1) {
    const at = HEADER_BYTES + i * RECORD_BYTES;
    found.push({
      seq: firstSeq + i,
      job: view.getUint32(at, true),
      from: wordOf(STATUS_CODES, data[at + 8], key),
      to: wordOf(STATUS_CODES, data[at + 9], key),
      detail: wordOf(DETAIL_CODES, data[at + 10], key),
      fence: view.getUint32(at + 4, true),
      at: view.getFloat64(at + 12, true),
    });
  }
  return found;
}

function codeOf<Word>(codes: ReadonlyMap<Word, number>, word: Word): number {
  const code = codes.get(word);
  if (code === undefined) throw new RangeError(`the journal has no code for ${String(word)}`);
  return code;
}

function wordOf<Word>(words: readonly Word[], code: number | undefined, key: string): Word {
  const word = code === undefined ? undefined : words[code];
  if (word === undefined) throw corrupt('journal', key, `no word has code ${code}`);
  return word;
}
