import { mkdirSync } from 'node:fs';
import type { AttemptId, BackendEvent, RecoverAnswer } from '../../model/index.ts';
import { signalProcess } from '../../process/index.ts';
import {
  type Claim,
  type ExitRecord,
  isFenced,
  isLauncherAlive,
  readClaim,
  readExitRecord,
  writeFence,
} from '../workdir/index.ts';

/** What the directory of an attempt tells of it. */
export type Found =
  | { readonly kind: 'ended'; readonly record: ExitRecord }
  | { readonly kind: 'running'; readonly claim: Claim }
  /** Fenced; it never started. */
  | { readonly kind: 'never'; readonly why: string }
  /** Fenced; it started and left no record. What lives of it is still to be ended. */
  | { readonly kind: 'lost'; readonly why: string };

/**
 * Reads what became of an attempt from its directory and the process table alone. When it can no longer be saved it
 * is fenced first and looked at again, so that the answer holds from then on.
 */
export function lookInto(directory: string, attempt: AttemptId): Found {
  const record = readExitRecord(directory, attempt);
  if (record !== undefined) return { kind: 'ended', record };
  const state = readClaim(directory);
  if (state.kind === 'claimed' && isLauncherAlive(state.claim) && !isFenced(directory)) {
    // A stopped launcher could not finish; nobody else would wake it.
    signalProcess(state.claim.launcher.pid, 'SIGCONT');
    return { kind: 'running', claim: state.claim };
  }
  // Also where nothing was made yet: an engine that was stopped before the launch may go on with it at any time.
  mkdirSync(directory, { recursive: true });
  writeFence(directory);
  // The launcher takes the claim and then looks for the fence; we write the fence and then look for the claim.
  const late = readExitRecord(directory, attempt);
  if (late !== undefined) return { kind: 'ended', record: late };
  const now = readClaim(directory);
  if (now.kind === 'none') return { kind: 'never', why: 'nobody took it' };
  return { kind: 'lost', why: 'whoever ran it is dead, and left no record' };
}

export type Ended = Extract<BackendEvent, { readonly kind: 'ended' }>;

/** An end that was reported, told again to who asks. */
export function endedAnswer({ outcome, startedAt, endedAt }: Ended): RecoverAnswer {
  return {
    kind: 'ended',
    outcome,
    ...(startedAt === undefined ? {} : { startedAt }),
    ...(endedAt === undefined ? {} : { endedAt }),
  };
}
