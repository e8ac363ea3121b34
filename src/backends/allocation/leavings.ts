import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { deserialize, serialize } from 'node:v8';
import { FileHasher } from '../../files/index.ts';
import type { AttemptId, AttemptLimits, BackendEvent, Outcome, Redactor, ResolvedWork } from '../../model/index.ts';
import {
  badEnd,
  CaptureGuard,
  collectOrError,
  EMPTY_VALUE,
  type ExitRecord,
  judgeContained,
  readClaim,
  readExitRecord,
  redactCapture,
  stderrTail,
} from '../workdir/index.ts';

/** In the directory of an attempt: which agent has it. Taken exclusively before anything else is done there. */
const NOTE = 'agent';
/** In the directory of an attempt that is a call, which leaves no record of its own: how it ended. */
const CALL_END = 'call-end';

/** Which agent an attempt is with. */
export interface AgentNote {
  readonly allocation: string;
  readonly node: string;
  readonly agent: string;
}

export type Ended = Extract<BackendEvent, { readonly kind: 'ended' }>;

/** True where the attempt of this directory is this agent's alone. @throws the system's error, say of a full disk */
export function takeNote(directory: string, note: AgentNote): boolean {
  mkdirSync(directory, { recursive: true });
  try {
    writeFileSync(join(directory, NOTE), `${JSON.stringify(note)}\n`, { flag: 'wx' });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    return readNote(directory)?.agent === note.agent;
  }
}

/** It never began here: another agent may take it. */
export function dropNote(directory: string): void {
  rmSync(join(directory, NOTE), { force: true });
}

/** Undefined where no agent has taken it; a note that can't be read is of one that died over it. */
export function readNote(directory: string): AgentNote | undefined {
  const text = read(join(directory, NOTE))?.toString();
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text) as AgentNote;
  } catch {
    return { allocation: '', node: '', agent: '' };
  }
}

/** Keeps how a call ended, for an engine that comes when its agent is gone. @throws the system's error */
export function keepCallEnd(directory: string, event: Ended): void {
  const draft = join(directory, `.${CALL_END}`);
  writeFileSync(draft, serialize(event), { mode: 0o600 });
  renameSync(draft, join(directory, CALL_END));
}

export function dropCallEnd(directory: string): void {
  rmSync(join(directory, CALL_END), { force: true });
}

/** Whether anything of it was begun, as far as its directory tells. */
export function wasTaken(directory: string): boolean {
  return readNote(directory) !== undefined || readClaim(directory).kind !== 'none';
}

/** What is needed to judge how an attempt ended from what it left. */
export interface Leaver {
  readonly attempt: AttemptId;
  readonly directory: string;
  readonly work: ResolvedWork;
  readonly limits: AttemptLimits;
  readonly redactor?: Redactor;
  /** It was asked to end. */
  readonly isCancelled: boolean;
}

/** How it ended, by what lies in its directory; undefined where no end does. Nothing of it may live any more. */
export async function collectEnd(
  leaver: Leaver,
  places: { readonly store: string; readonly project: string; readonly nowMs: number },
): Promise<Ended | undefined> {
  const { attempt, directory, work } = leaver;
  if (work.kind === 'call') {
    const kept = read(join(directory, CALL_END));
    const event = kept === undefined ? undefined : (deserialize(kept) as Ended);
    return event?.attempt === attempt ? event : undefined;
  }
  const record = readExitRecord(directory, attempt);
  if (record === undefined) return undefined;
  const outcome = await judge(leaver, record, places);
  return { kind: 'ended', attempt, outcome, startedAt: record.startedAt, endedAt: record.endedAt };
}

async function judge(
  { attempt, directory, work, limits, redactor, isCancelled }: Leaver,
  { status }: ExitRecord,
  { store, project, nowMs }: { readonly store: string; readonly project: string; readonly nowMs: number },
): Promise<Outcome> {
  new CaptureGuard(directory, limits.outputBytes, 0).finish();
  if (redactor !== undefined) await redactCapture(directory, redactor);
  // Told to end, it may have done so with good manners: that proves no work done.
  if (isCancelled) return { kind: 'cancelled', by: 'user' };
  if (status !== 0) return judgeContained(directory, attempt) ?? badEnd(status, stderrTail(directory));
  if (work.kind !== 'command' || work.outputs.length === 0) return { kind: 'ok', value: EMPTY_VALUE };
  const hasher = new FileHasher(() => nowMs);
  return await collectOrError({ directory, outputs: work.outputs, store, project, tag: attempt, hasher });
}

function read(path: string): Buffer | undefined {
  try {
    return readFileSync(path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw error;
  }
}
