import { spawn } from 'node:child_process';
import { resolve } from 'node:path';
import { type AttemptContext, attemptContext } from '../calls/index.ts';
import { parseDuration } from '../model/index.ts';
import { baseEnvironment, escalate, groupTarget, systemClock } from '../process/index.ts';
import type { CommandSequence } from './command-template.ts';
import type { SubprocessJobOptions } from './subprocess-job.ts';

const DEFAULT_GRACE_MS = 2000;

/** How the commands of a sequence are run. */
export type SequenceOptions = Pick<SubprocessJobOptions, 'targetDirectory' | 'environment' | 'grace'>;

/**
 * Runs the commands of a sequence one after the other, inside the call it is made in, each exit code handed back to what
 * makes them. They are one job together: a job each would wait for the slot this one holds. Gives what the sequence
 * returns, 0 where that is nothing.
 *
 * @throws {Error} when a command can't be started, or is ended by a signal
 */
export async function runSequence(
  sequence: CommandSequence<unknown>,
  wrap: (command: string | readonly string[]) => readonly string[],
  options: SequenceOptions,
): Promise<unknown> {
  const context = attemptContext();
  // Generators take no value at their first step.
  let step = sequence.next(0);
  while (step.done !== true) step = sequence.next(await runOne(wrap(step.value), context, options));
  return step.value ?? 0;
}

/** The exit code of one command, which has a process group of its own; nothing of it outlives the call. */
async function runOne(argv: readonly string[], context: AttemptContext, options: SequenceOptions): Promise<number> {
  const { targetDirectory, environment, grace } = options;
  const { signal, directory, run, job, attempt } = context;
  signal.throwIfAborted();
  const [program = '', ...args] = argv;
  const child = spawn(program, args, {
    detached: true,
    cwd: targetDirectory === undefined ? directory : resolve(targetDirectory),
    env: { ...baseEnvironment(), HEDDLE_RUN_ID: run, HEDDLE_JOB_ID: job, HEDDLE_ATTEMPT: attempt, ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  // Where what this call writes is redirected, what the command writes goes there too.
  child.stdout.on('data', (chunk: Buffer) => process.stdout.write(chunk));
  child.stderr.on('data', (chunk: Buffer) => process.stderr.write(chunk));
  const { promise: dead, resolve: whenDead } = Promise.withResolvers<void>();
  const graceMs = grace === undefined ? DEFAULT_GRACE_MS : parseDuration(grace, 'grace');
  const end = (): void => {
    if (child.pid === undefined) whenDead();
    else escalate(groupTarget(child.pid), { clock: systemClock, graceMs, whenDead });
  };
  signal.addEventListener('abort', end, { once: true });
  try {
    const { code, by } = await endOf(child);
    if (signal.aborted) {
      await dead;
      throw signal.reason;
    }
    if (code !== null) return code;
    throw new Error(`'${argv.join(' ')}' was killed by ${String(by)}`);
  } finally {
    signal.removeEventListener('abort', end);
  }
}

function endOf(
  child: ReturnType<typeof spawn>,
): Promise<{ readonly code: number | null; readonly by: NodeJS.Signals | null }> {
  const {
    promise,
    resolve: ended,
    reject,
  } = Promise.withResolvers<{ code: number | null; by: NodeJS.Signals | null }>();
  child.once('error', reject);
  child.once('close', (code, by) => ended({ code, by }));
  return promise;
}
