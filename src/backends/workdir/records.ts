import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { AttemptId } from '../../model/index.ts';
import { CLAIM_FILE, EXIT_FILE, FENCED_FILE, type ProcessIdentity } from '../../process/index.ts';

/** Who took an attempt, from `claim`. */
export interface Claim {
  readonly attempt: string;
  readonly launcher: ProcessIdentity;
  /** The kernel's id of the boot all this belongs to. */
  readonly boot: string;
  /** The job's own process, where its launcher could say it. */
  readonly pid?: number;
  /** Epoch milliseconds. */
  readonly startedAt: number;
  readonly host: string;
}

/** How an attempt ended, from `exit.json`. */
export interface ExitRecord {
  readonly attempt: string;
  /** Exit code, or the name of the signal it died by. */
  readonly status: number | string;
  /** Epoch milliseconds. */
  readonly startedAt: number;
  readonly endedAt: number;
  readonly pid: number;
  /** Bytes at the end of its stderr that its launcher's shell has said. */
  readonly said: number;
}

/** `taken`: claimed, but by whom cannot be read: the disk was full, or the machine went down. */
export type ClaimState =
  | { readonly kind: 'none' }
  | { readonly kind: 'taken' }
  | { readonly kind: 'claimed'; readonly claim: Claim };

/** Reads who claimed the attempt of a directory. */
export function readClaim(directory: string): ClaimState {
  const text = read(join(directory, CLAIM_FILE));
  if (text === undefined) return { kind: 'none' };
  const [first, second] = text.split('\n');
  const claim = parse(first);
  if (!text.includes('\n') || claim === undefined) return { kind: 'taken' };
  const pid = parse(second)?.['pid'];
  return {
    kind: 'claimed',
    claim: {
      attempt: String(claim['attempt']),
      launcher: { pid: Number(claim['launcher']), start: Number(claim['start']) },
      boot: String(claim['boot']),
      startedAt: Number(claim['started']),
      host: String(claim['host']),
      ...(typeof pid === 'number' ? { pid } : {}),
    },
  };
}

/**
 * Reads how the attempt of a directory ended; undefined when it left no whole record. A record is whole when it ends
 * in a newline, and counts for the attempt it names only.
 */
export function readExitRecord(directory: string, attempt: AttemptId): ExitRecord | undefined {
  const text = read(join(directory, EXIT_FILE));
  if (text === undefined || !text.endsWith('\n')) return undefined;
  const record = parse(text);
  if (record === undefined || record['attempt'] !== attempt) return undefined;
  const { code, signal, started, ended, pid, said = 0 } = record;
  const status = typeof signal === 'string' ? signal : code;
  if (typeof status !== 'number' && typeof status !== 'string') return undefined;
  return { attempt, status, startedAt: Number(started), endedAt: Number(ended), pid: Number(pid), said: Number(said) };
}

/**
 * Forbids an attempt: from now on it will not start, and if it runs, its end will not be published. Look at the claim
 * only after this. A directory that is not there needs no fence: nothing can start in it.
 */
export function writeFence(directory: string): void {
  try {
    writeFileSync(join(directory, FENCED_FILE), '', { flag: 'wx' });
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code !== 'EEXIST' && code !== 'ENOENT') throw error;
  }
}

/** Says whether an attempt is forbidden. */
export function isFenced(directory: string): boolean {
  return existsSync(join(directory, FENCED_FILE));
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw error;
  }
}

function parse(text: string | undefined): { readonly [key: string]: unknown } | undefined {
  try {
    const value: unknown = JSON.parse(text ?? '');
    return typeof value === 'object' && value !== null ? (value as { readonly [key: string]: unknown }) : undefined;
  } catch {
    return undefined;
  }
}
