import type { Random } from './clock.ts';

declare const brand: unique symbol;
type Branded<Name extends string> = string & { readonly [brand]: Name };

/** Names one execution of a graph: `r-` and time-sortable base32, so that newer runs sort later. */
export type RunId = Branded<'RunId'>;
/** Names a job inside its run: the node's name in the graph, unique there. */
export type JobId = Branded<'JobId'>;
/** Names one try of one job. Random, and never used twice, so that a late report is known for what it is. */
export type AttemptId = Branded<'AttemptId'>;
/** Names who owns runs: one open engine. */
export type OwnerId = Branded<'OwnerId'>;
/** Marks what the outside world was given, so that it can be found again when the answer was lost. */
export type SubmissionId = Branded<'SubmissionId'>;

/** Crockford's base32, lower case: sorts like the number it writes, and has no i, l, o, u. */
const ALPHABET = '0123456789abcdefghjkmnpqrstvwxyz';

function base32(value: number, digits: number): string {
  let text = '';
  let rest = value;
  for (let i = 0; i < digits; i += 1) {
    text = (ALPHABET[rest % 32] as string) + text;
    rest = Math.floor(rest / 32);
  }
  return text;
}

function randomBase32(random: Random, digits: number): string {
  let text = '';
  while (text.length < digits) text += base32(Math.floor(random.next() * 0x40000000), 6);
  return text.slice(0, digits);
}

/** Makes a run id from the wall clock (milliseconds, good until the year 37648) and 50 random bits. */
export function newRunId(wallMs: number, random: Random): RunId {
  return `r-${base32(wallMs, 10)}${randomBase32(random, 10)}` as RunId;
}

/** Makes the id of an engine that owns runs: 80 random bits. */
export function newOwnerId(random: Random): OwnerId {
  return `o-${randomBase32(random, 16)}` as OwnerId;
}

/**
 * Makes attempt ids that never recur: 80 random bits drawn once, then a counter.
 * Drawing once keeps an id at some tens of nanoseconds.
 */
export function attemptIds(random: Random): () => AttemptId {
  const prefix = `a-${randomBase32(random, 16)}`;
  let counter = 0;
  return () => {
    counter += 1;
    return (prefix + counter.toString(36)) as AttemptId;
  };
}

/** Makes a submission marker: letters and digits only, since schedulers put it into job names. */
export function newSubmissionId(random: Random): SubmissionId {
  return `hs${randomBase32(random, 14)}` as SubmissionId;
}

/** Takes text from outside as a run id; whether such a run exists is the store's to say. */
export function asRunId(text: string): RunId {
  return text as RunId;
}

/** Takes a node's name as the id of its job. */
export function asJobId(name: string): JobId {
  return name as JobId;
}

/** Takes recorded text back as an attempt id. */
export function asAttemptId(text: string): AttemptId {
  return text as AttemptId;
}

/** Takes recorded text back as an owner id. */
export function asOwnerId(text: string): OwnerId {
  return text as OwnerId;
}

/** Takes recorded text back as a submission id. */
export function asSubmissionId(text: string): SubmissionId {
  return text as SubmissionId;
}
