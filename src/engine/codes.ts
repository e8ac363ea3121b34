import {
  CANCELLED_CAUSES,
  type Detail,
  FAILED_CAUSES,
  type FinalStatus,
  PENDING_REASONS,
  PHASES,
  STATUSES,
  type Status,
} from '../model/index.ts';

/** Statuses as the numbers they are kept as in memory: positions in `STATUSES`. */
export const CREATED = 0;
export const PENDING = 1;
export const RUNNING = 2;
/** `done` is 3; nothing asks for it by number. */
export const FAILED = 4;
export const CANCELLED = 5;
/** No branch chose it, or what it needs: it never becomes a job. To the store and to whoever asks it stays `created`. */
export const SKIPPED = 6;

/** How a node stands: the status of its job, or that it has none and never will. */
export type Standing = Status | 'skipped';
const STANDINGS: readonly Standing[] = [...STATUSES, 'skipped'];
const STATUS_NAMES: readonly Status[] = [...STATUSES, 'created'];

export function standingOf(code: number): Standing {
  return STANDINGS[code] as Standing;
}

/** Nothing more becomes of it by itself. */
export function isOver(standing: Standing): standing is FinalStatus | 'skipped' {
  return standing !== 'pending' && standing !== 'running' && standing !== 'created';
}

/** Details as numbers: positions here. */
const DETAILS: readonly Detail[] = ['', ...PENDING_REASONS, ...PHASES, ...FAILED_CAUSES, ...CANCELLED_CAUSES];
const DETAIL_CODES: ReadonlyMap<Detail, number> = new Map(DETAILS.map((detail, code) => [detail, code]));
const STATUS_CODES: ReadonlyMap<Status, number> = new Map(STATUSES.map((status, code) => [status, code]));

export function statusOf(code: number): Status {
  return STATUS_NAMES[code] as Status;
}

export function statusCode(status: Status): number {
  return STATUS_CODES.get(status) as number;
}

export function detailOf(code: number): Detail {
  return DETAILS[code] as Detail;
}

export function detailCode(detail: Detail): number {
  return DETAIL_CODES.get(detail) ?? 0;
}

/** Bits of `JobTable.flags`. Those of `KEPT_FLAGS` are also those of `JobRow.flags`. */
export const HELD = 1;
export const CANCEL_REQUESTED = 2;
/** In a ready queue. An entry of a queue counts only while this is set. */
export const QUEUED = 4;
/** Running on paper: its attempt is gone and given back, its successor not granted yet. */
export const SUCCESSOR = 8;
/** An order edge can no longer be satisfied. */
export const DOOMED = 16;
/** Waits for its condition, though its edges are satisfied. */
export const GATED = 32;
/** Its end has been told to every dependent: counted anew, its edges are judged by its status. */
export const TOLD = 64;
/** The attempt is being ended because the engine stops. */
export const STOP_REQUESTED = 128;
/** The flags that a row keeps: they are those of `JobRow.flags`. */
export const KEPT_FLAGS: number = HELD | CANCEL_REQUESTED | STOP_REQUESTED;
