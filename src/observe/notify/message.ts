import { createHash } from 'node:crypto';
import { describeOutcome, type EngineEvent, type FinalStatus, type RunId } from '../../model/index.ts';
import type { Redact } from '../redact.ts';

/** `end`: the run has ended. `failure`: the first job of it has failed; others that fail are told with the end. */
export type NotifyEvent = 'end' | 'failure';
export const NOTIFY_EVENTS: readonly NotifyEvent[] = ['end', 'failure'];

/** A job that failed, for people. */
export interface ToldFailure {
  readonly job: string;
  readonly cause: string;
  /** How its last attempt ended, on one line. */
  readonly how: string;
}

/** What is sent: one JSON document. Fields may come, none goes. */
export interface NotifyMessage {
  readonly schema: 'heddle.notification/1';
  /** The same for each time this message is sent: who has seen it may leave it. */
  readonly key: string;
  readonly event: NotifyEvent;
  /** When it happened, ISO 8601. */
  readonly at: string;
  readonly run: {
    readonly id: string;
    readonly name: string;
    readonly status: string;
    /** Of a run that has ended. */
    readonly wallSeconds?: number;
    readonly counts?: Readonly<Record<string, number>>;
  };
  /** The first failed jobs. */
  readonly failed: readonly ToldFailure[];
}

/** Failed jobs a message names. */
export const TOLD_FAILURES = 10;
const LONGEST_TEXT = 500;

/** One key for an event of a run and a target, whoever makes it: after a crash it is made again, and is the same. */
export function messageKey(
  of: { readonly run: RunId; readonly event: NotifyEvent; readonly at: number },
  target: string,
): string {
  return createHash('sha256')
    .update(`${of.run}\0${of.event}\0${Math.round(of.at)}\0${target}`)
    .digest('hex')
    .slice(0, 32);
}

/** A failed job as it is told. */
export function toldFailure(event: Extract<EngineEvent, { kind: 'job' }>): ToldFailure {
  const how = event.outcome === undefined ? event.detail : describeOutcome(event.outcome);
  return { job: event.job, cause: event.detail, how };
}

export interface MessageFacts {
  readonly run: RunId;
  readonly name: string;
  readonly event: NotifyEvent;
  readonly at: number;
  readonly status: FinalStatus | 'running';
  readonly startedAt: number;
  readonly counts?: Readonly<Record<string, number>>;
  readonly failed: readonly ToldFailure[];
}

/** The message, with nothing in it that nobody outside may read, and of bounded size. */
export function messageOf(facts: MessageFacts, key: string, redact: Redact): NotifyMessage {
  const { run, name, event, at, status, startedAt, counts, failed } = facts;
  const text = (value: string): string => {
    const clean = redact(value);
    return clean.length <= LONGEST_TEXT ? clean : `${clean.slice(0, LONGEST_TEXT - 1)}…`;
  };
  const hasEnded = event === 'end' && startedAt > 0;
  return {
    schema: 'heddle.notification/1',
    key,
    event,
    at: new Date(at).toISOString(),
    run: {
      id: run,
      name: text(name),
      status,
      ...(hasEnded ? { wallSeconds: Math.max(0, Math.round(at - startedAt) / 1000) } : {}),
      ...(counts === undefined ? {} : { counts }),
    },
    failed: failed.slice(0, TOLD_FAILURES).map(({ job, cause, how }) => ({ job: text(job), cause, how: text(how) })),
  };
}
