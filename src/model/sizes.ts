import { HeddleError } from './errors.ts';

/** A span of time: milliseconds as a number, or text such as `'90s'`, `'1h30m'`, `'2d'`, `'250ms'`. */
export type DurationInput = number | string;
/** A number of bytes: as a number, or text such as `'8GiB'`, `'500MB'`, `'64 KiB'`. */
export type BytesInput = number | string;

const DURATION_UNITS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  min: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
};

/** `K`, `M`, ... alone mean what `KiB`, `MiB` mean, as they do to schedulers; `kB` and `MB` are decimal. */
const BYTE_UNITS: Readonly<Record<string, number>> = {
  b: 1,
  kb: 1e3,
  mb: 1e6,
  gb: 1e9,
  tb: 1e12,
  pb: 1e15,
  kib: 2 ** 10,
  mib: 2 ** 20,
  gib: 2 ** 30,
  tib: 2 ** 40,
  pib: 2 ** 50,
  k: 2 ** 10,
  m: 2 ** 20,
  g: 2 ** 30,
  t: 2 ** 40,
};

const DURATION_PART = /(\d+(?:\.\d+)?)\s*([a-z]+)\s*/iy;
const BYTES = /^\s*(\d+(?:\.\d+)?)\s*([a-z]+)?\s*$/i;

function unreadable(field: string, value: unknown, hint: string): HeddleError {
  const shown = typeof value === 'string' ? `'${value}'` : String(value);
  return new HeddleError('INPUT_INVALID', `${field}: can't read ${shown}`, { details: { field, value }, hint });
}

/**
 * Reads a span of time, in milliseconds.
 *
 * @throws {HeddleError} INPUT_INVALID, naming `field` and the value
 */
export function parseDuration(value: DurationInput, field = 'duration'): number {
  const hint = "write milliseconds as a number, or text such as '90s', '1h30m' or '2d'";
  if (typeof value === 'number') {
    if (Number.isFinite(value) && value >= 0) return value;
    throw unreadable(field, value, hint);
  }
  if (typeof value !== 'string') throw unreadable(field, value, hint);
  let ms = 0;
  DURATION_PART.lastIndex = value.length - value.trimStart().length;
  let read = 0;
  for (let part = DURATION_PART.exec(value); part !== null; part = DURATION_PART.exec(value)) {
    const unit = DURATION_UNITS[(part[2] as string).toLowerCase()];
    if (unit === undefined) throw unreadable(field, value, hint);
    ms += Number(part[1]) * unit;
    read = DURATION_PART.lastIndex;
  }
  if (read === 0 || read !== value.length || !Number.isFinite(ms)) throw unreadable(field, value, hint);
  return ms;
}

/**
 * Reads a number of bytes; a fraction of a byte is rounded up.
 *
 * @throws {HeddleError} INPUT_INVALID, naming `field` and the value
 */
export function parseBytes(value: BytesInput, field = 'size'): number {
  const hint = "write bytes as a number, or text such as '8GiB' or '500MB'";
  if (typeof value === 'number') {
    if (Number.isSafeInteger(value) && value >= 0) return value;
    throw unreadable(field, value, hint);
  }
  if (typeof value !== 'string') throw unreadable(field, value, hint);
  const read = BYTES.exec(value);
  const unit = BYTE_UNITS[(read?.[2] ?? 'b').toLowerCase()];
  const bytes = read === null || unit === undefined ? Number.NaN : Math.ceil(Number(read[1]) * unit);
  if (!Number.isSafeInteger(bytes)) throw unreadable(field, value, hint);
  return bytes;
}

/** Writes a span of time in the units people use: exact, so that reading it gives the same whole milliseconds. */
export function formatDuration(ms: number): string {
  let rest = Math.round(ms);
  let text = '';
  for (const unit of ['d', 'h', 'm', 's', 'ms']) {
    const size = DURATION_UNITS[unit] as number;
    const count = Math.floor(rest / size);
    if (count > 0) text += `${count}${unit}`;
    rest -= count * size;
  }
  return text === '' ? '0ms' : text;
}

/** Writes a number of bytes in the largest binary unit that says it exactly. */
export function formatBytes(bytes: number): string {
  for (const unit of ['PiB', 'TiB', 'GiB', 'MiB', 'KiB']) {
    const size = BYTE_UNITS[unit.toLowerCase()] as number;
    if (bytes >= size && bytes % size === 0) return `${bytes / size}${unit}`;
  }
  return `${bytes}B`;
}
