import { hash } from 'node:crypto';
import { mkdirSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type AttemptId, type BackendContext, type Clock, HeddleError, type SubmissionId } from '../../model/index.ts';
import { readClaim, readExitRecord, WorkDirectories, wrapperScript, writeFence } from '../workdir/index.ts';
import type { RemoteAttempt } from './remote-attempt.ts';
import { inTurns } from './turns.ts';
import { writeWhole } from './whole-file.ts';
import type { Preparation, Site, SiteAnswer, Trace, Unfit } from './site.ts';

export interface SharedSiteOptions {
  /** Of the target: its folder in the store. */
  readonly name: string;
  readonly context: BackendContext;
  /** The project's directory, over there. */
  readonly project: string;
}

/** By its content: a shell that runs it reads on in it, so it is never written over. */
export const WRAPPER_NAME: string = `wrapper-${hash('sha256', wrapperScript(), 'hex').slice(0, 12)}.sh`;

/** A target that sees the store's own directory at the same path. */
export class SharedSite implements Site {
  readonly #directories: WorkDirectories;
  readonly #root: string;
  readonly #clock: Clock;

  constructor({ name, context, project }: SharedSiteOptions) {
    this.#clock = context.clock;
    this.#root = join(context.directory, 'targets', name);
    this.#directories = new WorkDirectories({ store: context.directory, project });
  }

  get marks(): string {
    return join(this.#root, 'ended');
  }

  get wrapper(): string {
    return join(this.#root, WRAPPER_NAME);
  }

  async open(): Promise<SiteAnswer> {
    mkdirSync(this.marks, { recursive: true });
    if (statSync(this.wrapper, { throwIfNoEntry: false }) === undefined) writeWhole(this.wrapper, wrapperScript());
    return { kind: 'done' };
  }

  homeOf(submission: SubmissionId): string {
    return join(this.#root, submission);
  }

  directoryOf(directory: string): string {
    return directory;
  }

  async prepare({ orders, home, files }: Preparation): Promise<{ answer: SiteAnswer; unfit: readonly Unfit[] }> {
    const unfit: Unfit[] = [];
    try {
      await inTurns(this.#clock, orders, ({ order, work }) => {
        try {
          this.#directories.prepare(order, work);
        } catch (error) {
          if (!HeddleError.is(error)) throw error;
          unfit.push({ order, why: error.message });
        }
      });
      if (files.length > 0) mkdirSync(home, { recursive: true });
      for (const { name, text } of files) writeFileSync(join(home, name), text);
      return { answer: { kind: 'done' }, unfit };
    } catch (error) {
      return { answer: { kind: 'refused', why: (error as Error).message, retryable: true }, unfit };
    }
  }

  lookText(): string {
    return '';
  }

  async ended(
    _said: string,
    find: (attempt: AttemptId) => RemoteAttempt | undefined,
  ): Promise<readonly RemoteAttempt[]> {
    const ended: RemoteAttempt[] = [];
    await inTurns(this.#clock, readdirSync(this.marks), (name) => {
      const attempt = find(name as AttemptId);
      // Marks of whom nobody knows here are another engine's on this store.
      if (attempt === undefined || readExitRecord(attempt.here, attempt.attempt) === undefined) return;
      rmSync(join(this.marks, name), { force: true });
      ended.push(attempt);
    });
    return ended;
  }

  async traces(
    attempts: readonly RemoteAttempt[],
    { fence }: { readonly fence: boolean },
  ): Promise<{ kind: 'done'; traces: readonly Trace[] }> {
    const traces: Trace[] = [];
    await inTurns(this.#clock, attempts, (attempt) => {
      traces.push(traceOf(attempt, fence));
    });
    return { kind: 'done', traces };
  }

  async bring(): Promise<{ answer: SiteAnswer; spoilt: readonly RemoteAttempt[] }> {
    return { answer: { kind: 'done' }, spoilt: [] };
  }

  release(attempts: readonly string[]): void {
    for (const attempt of attempts) rmSync(join(this.marks, attempt), { force: true });
  }

  async close(): Promise<void> {
    this.#directories.close(false);
  }
}

function traceOf({ here, attempt }: RemoteAttempt, fence: boolean): Trace {
  refresh(here);
  if (fence) {
    // Also where nothing was made yet: who was stopped before the launch may go on with it at any time.
    mkdirSync(here, { recursive: true });
    writeFence(here);
  }
  if (readExitRecord(here, attempt) !== undefined) return { kind: 'ended' };
  const state = readClaim(here);
  if (state.kind === 'none') return { kind: 'none' };
  return { kind: 'claimed', startedAt: state.kind === 'claimed' ? state.claim.startedAt : undefined };
}

/** A network file system may answer from its memory; reading the directory anew makes it ask the server. */
function refresh(directory: string): void {
  try {
    readdirSync(directory);
  } catch {
    // Nothing is there: what is asked next says so.
  }
}
