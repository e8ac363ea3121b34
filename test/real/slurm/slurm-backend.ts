import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  EMPTY_VALUE,
  type ExitRecord,
  readExitRecord,
  WorkDirectories,
  writeFence,
} from '../../../src/backends/workdir/index.ts';
import { quoteWord } from '../../../src/model/index.ts';
import type {
  AttemptId,
  AttemptOrder,
  Backend,
  BackendCapabilities,
  BackendContext,
  LaunchAnswer,
  Outcome,
  Place,
  RecoverAnswer,
  RecoverQuery,
  ResolvedWork,
  SubmissionId,
  Timer,
} from '../../../src/model/index.ts';
import { type ArrayElement, listArrays, runTool, submitArray } from './slurm-client.ts';
import { isLive, outcomeOfState } from './slurm-states.ts';
import { takeClaim, WRAPPER } from './work-directory.ts';

const POLL_MS = 250;

const CANCELLED: Outcome = { kind: 'cancelled', by: 'user' };

/** A submitted attempt whose end has not been reported. */
interface Watched {
  readonly attempt: AttemptId;
  readonly directory: string;
  readonly submission: SubmissionId;
  readonly element: number;
  isActive: boolean;
  isCancelled: boolean;
  /** Ended by the scheduler's word, without a record: believed at the second look, since files may arrive late. */
  isDoubtful: boolean;
}

/**
 * Commands on Slurm, as small as the contract allows: one array a submission, whose job name is the submission's
 * marker, so that it is found again when the answer to `sbatch` was lost; one `squeue` for all attempts at once; and
 * the work directory's `exit.json` as the truth about an end.
 */
export class SlurmBackend implements Backend {
  readonly name: string = 'slurm';
  readonly capabilities: BackendCapabilities = {
    commands: true,
    calls: false,
    recoverable: true,
    batches: true,
    local: false,
  };
  readonly #watched = new Map<AttemptId, Watched>();
  readonly #onSubmit: (moment: 'before' | 'after') => void;
  #context: BackendContext | undefined;
  #timer: Timer | undefined;
  #looking: Promise<void> = Promise.resolve();

  /** `onSubmit` is called around `sbatch`: where a test kills the process. */
  constructor(onSubmit: (moment: 'before' | 'after') => void = () => undefined) {
    this.#onSubmit = onSubmit;
  }

  async open(context: BackendContext): Promise<readonly Place[]> {
    this.#context = context;
    const answer = await runTool('sinfo', ['--noheader', '--format=%C']);
    if (answer.kind !== 'ok') throw new Error(`sinfo: ${answer.why}`);
    const cpus = Number(answer.stdout.trim().split('/')[3]);
    return [{ name: 'slurm', cpus }];
  }

  async launch(orders: readonly AttemptOrder[]): Promise<readonly LaunchAnswer[]> {
    const [first] = orders;
    if (first === undefined) return [];
    const script = await this.#writeScript(first.submission, orders);
    const directories = new WorkDirectories({ store: this.#directory, project: this.#context?.project ?? '' });
    for (const order of orders) directories.prepare(order, commandOf(order));
    this.#onSubmit('before');
    const answer = await submitArray(first.submission, orders.length, script);
    this.#onSubmit('after');
    if (answer.kind === 'refused') return orders.map(() => ({ kind: 'refused', retryable: false, why: answer.why }));
    if (answer.kind === 'unknown') return orders.map(() => ({ kind: 'unknown', why: answer.why }));
    for (const order of orders) this.#watch(order);
    return orders.map((order) => ({ kind: 'accepted', handle: `${answer.stdout}_${order.element}` }));
  }

  cancel(attempt: AttemptId): void {
    const watched = this.#watched.get(attempt);
    if (watched === undefined) return;
    watched.isCancelled = true;
    // Found by its marker: the handle may never have been told. Slurm itself goes from TERM to KILL.
    this.#looking = this.#looking.then(async () => {
      const listed = await listArrays([watched.submission]);
      const found = listed.kind === 'ok' ? find(listed.elements, watched) : undefined;
      if (found !== undefined) await runTool('scancel', [found.id]);
    });
  }

  async recover(queries: readonly RecoverQuery[]): Promise<readonly RecoverAnswer[]> {
    const listed = await listArrays(new Set(queries.map((query) => query.submission)));
    const answers: RecoverAnswer[] = [];
    for (const query of queries) {
      answers.push(listed.kind === 'ok' ? await this.#recoverOne(query, find(listed.elements, query)) : listed);
    }
    return answers;
  }

  release(): void {}

  get #directory(): string {
    return this.#context?.directory ?? '';
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#context = undefined;
    await this.#looking;
  }

  async #recoverOne(query: RecoverQuery, found: ArrayElement | undefined): Promise<RecoverAnswer> {
    const known = await this.#known(query, found);
    if (known !== undefined) return known;
    if (await takeClaim(query.directory)) {
      // A submission still on its way (an sbatch that outlived us) will find the claim taken.
      return { kind: 'gone', why: 'Slurm has no such job, and it can start no more' };
    }
    // It has started: after we asked, or so long ago that Slurm has forgotten it.
    const again = await listArrays([query.submission]);
    if (again.kind === 'unknown') return again;
    const knownNow = await this.#known(query, find(again.elements, query));
    if (knownNow !== undefined) return knownNow;
    writeFence(query.directory);
    return { kind: 'gone', why: 'it started, left no record, and Slurm has no such job' };
  }

  /** What the record or, where there is none, the scheduler says. */
  async #known(query: RecoverQuery, found: ArrayElement | undefined): Promise<RecoverAnswer | undefined> {
    const record = readExitRecord(query.directory, query.attempt);
    if (record !== undefined) {
      return { kind: 'ended', outcome: outcomeOf(record), startedAt: record.startedAt, endedAt: record.endedAt };
    }
    if (found === undefined) return undefined;
    if (isLive(found.state)) {
      this.#watch(query);
      return { kind: 'running', handle: found.id };
    }
    const outcome = outcomeOfState(found.state, found.reason);
    return outcome === undefined ? undefined : { kind: 'ended', outcome };
  }

  #watch(of: Pick<Watched, 'attempt' | 'directory' | 'submission' | 'element'>): void {
    const { attempt, directory, submission, element } = of;
    this.#watched.set(attempt, {
      attempt,
      directory,
      submission,
      element,
      isActive: false,
      isCancelled: false,
      isDoubtful: false,
    });
    this.#lookLater();
  }

  #lookLater(): void {
    if (this.#timer !== undefined || this.#watched.size === 0) return;
    this.#timer = this.#context?.clock.after(POLL_MS, () => {
      this.#looking = this.#looking
        .then(() => this.#look())
        .catch((error: unknown) => this.#context?.logger.error({ error }, 'a look at Slurm failed'))
        .then(() => {
          this.#timer = undefined;
          this.#lookLater();
        });
    });
  }

  /** One look for all: who has a record has ended; of the others the scheduler is asked, once for all of them. */
  async #look(): Promise<void> {
    const listed = await listArrays(new Set([...this.#watched.values()].map((watched) => watched.submission)));
    for (const watched of this.#watched.values()) {
      const record = readExitRecord(watched.directory, watched.attempt);
      if (record !== undefined) {
        const { startedAt, endedAt } = record;
        const outcome = watched.isCancelled && record.status !== 0 ? CANCELLED : outcomeOf(record);
        this.#end(watched, { kind: 'ended', attempt: watched.attempt, outcome, startedAt, endedAt });
      } else if (listed.kind === 'ok') {
        this.#judge(watched, find(listed.elements, watched));
      }
    }
  }

  #judge(watched: Watched, found: ArrayElement | undefined): void {
    const { attempt } = watched;
    if (found !== undefined && isLive(found.state)) {
      if (found.state === 'RUNNING' && !watched.isActive) {
        watched.isActive = true;
        this.#context?.report({ kind: 'phase', attempt, phase: 'active', handle: found.id });
      }
      return;
    }
    if (!watched.isDoubtful) {
      watched.isDoubtful = true;
      return;
    }
    const told = found === undefined ? undefined : outcomeOfState(found.state, found.reason);
    const outcome = watched.isCancelled ? CANCELLED : told;
    if (outcome !== undefined) return this.#end(watched, { kind: 'ended', attempt, outcome });
    writeFence(watched.directory);
    this.#end(watched, {
      kind: 'gone',
      attempt,
      why: `Slurm says ${found?.state ?? 'nothing'}, and it left no record`,
    });
  }

  #end(watched: Watched, event: Parameters<BackendContext['report']>[0]): void {
    this.#watched.delete(watched.attempt);
    this.#context?.report(event);
  }

  /** The array's script: element n runs the n-th line of a list of directories. */
  async #writeScript(submission: SubmissionId, orders: readonly AttemptOrder[]): Promise<string> {
    const home = join(this.#directory, 'slurm', submission);
    await mkdir(home, { recursive: true });
    await writeFile(join(home, 'wrapper.sh'), WRAPPER);
    const elements = orders.toSorted((a, b) => a.element - b.element);
    await writeFile(
      join(home, 'elements'),
      elements.map((order) => `${order.directory}\t${order.attempt}\t${order.fence}\n`).join(''),
    );
    const script = join(home, 'array.sh');
    await writeFile(script, arrayScript(home));
    return script;
  }
}

function arrayScript(home: string): string {
  return `#!/bin/sh
home=${quoteWord(home)}
line=$(sed -n "$((SLURM_ARRAY_TASK_ID + 1))p" "$home/elements")
directory=$(printf '%s\\n' "$line" | cut -f 1)
exec sh "$home/wrapper.sh" "$directory" "$(printf '%s\\n' "$line" | cut -f 2)" "$(printf '%s\\n' "$line" | cut -f 3)"
`;
}

function commandOf(order: AttemptOrder): Extract<ResolvedWork, { readonly kind: 'command' }> {
  if (order.work.kind !== 'command') throw new Error('the slurm backend runs commands only');
  return order.work;
}

function outcomeOf({ status }: ExitRecord): Outcome {
  if (typeof status === 'string') return { kind: 'signal', signal: status };
  return status === 0 ? { kind: 'ok', value: EMPTY_VALUE } : { kind: 'exit', code: status };
}

function find(
  elements: readonly ArrayElement[],
  wanted: { readonly submission: SubmissionId; readonly element: number },
): ArrayElement | undefined {
  return elements.find((one) => one.marker === wanted.submission && one.element === wanted.element);
}
