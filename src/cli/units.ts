const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** A length of time in at most eight characters: `0.3s`, `12s`, `3m05s`, `2h10m`, `4d02h`. */
export function formatDuration(ms: number): string {
  const value = Math.max(0, ms);
  if (value < 9_950) return `${(value / SECOND).toFixed(1)}s`;
  if (value < MINUTE - SECOND / 2) return `${Math.round(value / SECOND)}s`;
  if (value < HOUR - SECOND / 2) return two(value, { unit: MINUTE, letter: 'm', part: SECOND, partLetter: 's' });
  if (value < DAY - MINUTE / 2) return two(value, { unit: HOUR, letter: 'h', part: MINUTE, partLetter: 'm' });
  return two(value, { unit: DAY, letter: 'd', part: HOUR, partLetter: 'h' });
}

interface Parts {
  readonly unit: number;
  readonly letter: string;
  readonly part: number;
  readonly partLetter: string;
}

function two(ms: number, { unit, letter, part, partLetter }: Parts): string {
  const parts = Math.round(ms / part);
  const perUnit = unit / part;
  return `${Math.floor(parts / perUnit)}${letter}${String(parts % perUnit).padStart(2, '0')}${partLetter}`;
}

const SIZES = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'] as const;

/** Bytes as people say them: `512 B`, `1.5 MiB`. */
export function formatBytes(bytes: number): string {
  let value = bytes;
  let step = 0;
  while (value >= 1024 && step < SIZES.length - 1) {
    value /= 1024;
    step += 1;
  }
  return `${step === 0 ? value : value.toFixed(1)} ${SIZES[step] as string}`;
}

/** Local time to the second: `2026-11-20 14:03:22`. */
export function formatTime(epochMs: number): string {
  if (epochMs === 0) return '-';
  const at = new Date(epochMs);
  const pad = (value: number): string => String(value).padStart(2, '0');
  const date = `${at.getFullYear()}-${pad(at.getMonth() + 1)}-${pad(at.getDate())}`;
  return `${date} ${pad(at.getHours())}:${pad(at.getMinutes())}:${pad(at.getSeconds())}`;
}
