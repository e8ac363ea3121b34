import { join } from 'node:path';
import { indicesOf, isOver, type Job, jobId, SERVER, type Submission, submissionId } from './jobs.ts';
import { signalSession, startJob, tellOverTime } from './job-runner.ts';
import { notObserved, readQsub, Refusal } from './qsub-options.ts';
import { attributesOf, jobAttributes, jsonAnswer } from './qstat-answer.ts';

/** How this server is set up. */
export interface ServerOptions {
  readonly directory: string;
  readonly ncpus?: number;
  /** `job_history_enable`. */
  readonly history?: boolean;
  /** From a job's end to its state F. */
  readonly endLagMs?: number;
  /** Until a walltime is noticed. */
  readonly walltimeLagMs?: number;
  readonly killDelayMs?: number;
  /** Jobs a user may have in the queue. */
  readonly maxQueued?: number;
  /** Lines put into every `Variable_List`, as they are. */
  readonly rawVariables?: readonly string[];
}

export interface Question {
  readonly command: string;
  readonly args: readonly string[];
  readonly user: string;
  readonly directory: string;
}

export interface Answer {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

const UNKNOWN_ID = 153;
const HAS_FINISHED = 35;
const SUBSTATES = { queued: 10, held: 20, running: 42, exiting: 51, deleted: 91, ok: 92, failed: 93 } as const;
const OVER_TIME = -29;

/** Submissions, who of them runs, and what the commands say of them. */
export class StandInServer {
  readonly #options: Required<ServerOptions>;
  readonly #submissions: Submission[] = [];
  #next = 1;

  constructor(options: ServerOptions) {
    const defaults = {
      ncpus: 16,
      history: true,
      endLagMs: 150,
      walltimeLagMs: 300,
      killDelayMs: 4000,
      maxQueued: Infinity,
    };
    this.#options = { ...defaults, rawVariables: [], ...options };
  }

  answer({ command, args, user, directory }: Question): Answer {
    try {
      switch (command) {
        case 'qsub':
          return said(`${this.#submit(args, user, directory)}\n`);
        case 'qselect':
          return said(this.#select(args));
        case 'qstat':
          return this.#stat(args);
        case 'qdel':
          return this.#onEach(command, args, (job) => this.#delete(job));
        case 'qhold':
          return this.#onEach(command, args, (job) => hold(job));
        case 'qrls':
          return this.#onEach(command, args, (job) => this.#release(job));
        default:
          return notObserved(command);
      }
    } catch (error) {
      if (error instanceof Refusal) return { code: error.code, stdout: '', stderr: `${error.message}\n` };
      throw error;
    }
  }

  /** Ends everything at once. */
  close(): void {
    for (const job of this.#jobs()) if (job.pid !== undefined) signalSession(job.pid, 'SIGKILL');
  }

  *#jobs(): Iterable<Job> {
    for (const { jobs } of this.#submissions) yield* jobs;
  }

  #submit(args: readonly string[], user: string, directory: string): string {
    const wish = readQsub(args, { user, directory });
    if (wish.queue !== 'workq') throw new Refusal('qsub: Unknown queue', 170);
    const indices = wish.range === undefined ? [undefined] : indicesOf(wish.range);
    const queued = [...this.#jobs()].filter((job) => job.wish.user === user && !isOver(job)).length;
    if (queued + indices.length > this.#options.maxQueued)
      throw new Refusal(`qsub: would exceed complex's per-user limit of jobs in 'Q' state`, 188);
    const number = this.#next++;
    const jobs = indices.map((index): Job => newJob(number, index, wish));
    const submission = { number, wish, jobs };
    this.#submissions.push(submission);
    setImmediate(() => this.#schedule());
    return submissionId(submission);
  }

  /** In the order they came, while there is room. */
  #schedule(): void {
    let free = this.#options.ncpus;
    for (const { pid, wish } of this.#jobs()) if (pid !== undefined) free -= wish.ncpus;
    for (const job of this.#jobs()) {
      if (job.state !== 'Q') continue;
      const { ncpus } = job.wish;
      const lack = `Insufficient amount of resource: ncpus (R: ${ncpus} A: ${free} T: ${this.#options.ncpus})`;
      if (ncpus > this.#options.ncpus) job.comment = `Can Never Run: ${lack}`;
      else if (ncpus > free) job.comment = `Not Running: ${lack}`;
      else {
        free -= ncpus;
        this.#start(job);
      }
    }
  }

  #start(job: Job): void {
    const { directory, walltimeLagMs } = this.#options;
    job.state = 'R';
    job.substate = SUBSTATES.running;
    job.runCount += 1;
    job.startedAt = Date.now();
    job.comment = `Job run at ${new Date().toString().slice(0, 21)} on (${SERVER}:ncpus=${job.wish.ncpus})`;
    const child = startJob(job, join(directory, 'spool'), (status) => {
      clearTimeout(timer);
      this.#ended(job, status);
    });
    job.pid = child.pid;
    const { walltime } = job.wish;
    const timer =
      walltime === undefined ? undefined : setTimeout(() => this.#outOfTime(job), walltime * 1000 + walltimeLagMs);
  }

  #outOfTime(job: Job): void {
    job.isOverTime = true;
    tellOverTime(job);
    this.#kill(job);
  }

  #kill(job: Job): void {
    const { pid } = job;
    if (pid === undefined) return;
    signalSession(pid, 'SIGTERM');
    setTimeout(() => {
      if (job.pid === pid) signalSession(pid, 'SIGKILL');
    }, this.#options.killDelayMs).unref();
  }

  #ended(job: Job, status: number): void {
    job.pid = undefined;
    job.state = 'E';
    job.substate = SUBSTATES.exiting;
    setTimeout(() => {
      // A job that was deleted while it ran says 0, whatever it ended with.
      job.exitStatus = job.isOverTime ? OVER_TIME : job.isDeleted ? 0 : status;
      this.#finish(job, job.isDeleted && !job.isOverTime ? 'deleted' : job.exitStatus === 0 ? 'ok' : 'failed');
      this.#schedule();
    }, this.#options.endLagMs);
    this.#schedule();
  }

  #finish(job: Job, how: 'deleted' | 'ok' | 'failed'): void {
    job.substate = SUBSTATES[how];
    job.comment += how === 'ok' ? ' and finished' : ' and failed';
    job.state = job.index === undefined ? 'F' : 'X';
    const at = this.#submissions.findIndex(({ number }) => number === job.number);
    const submission = this.#submissions[at];
    if (submission === undefined || !submission.jobs.every(isOver)) return;
    for (const one of submission.jobs) one.state = 'F';
    if (!this.#options.history) this.#submissions.splice(at, 1);
  }

  #delete(job: Job): void {
    if (job.isDeleted) return;
    job.isDeleted = true;
    if (job.pid === undefined && (job.state === 'Q' || job.state === 'H')) this.#finish(job, 'deleted');
    else this.#kill(job);
  }

  #release(job: Job): void {
    if (job.state !== 'H') return;
    job.state = 'Q';
    job.substate = SUBSTATES.queued;
    setImmediate(() => this.#schedule());
  }

  /** The ids of a user's jobs that are not over; arrays by their own. */
  #select(args: readonly string[]): string {
    const [option, user, ...more] = args;
    if (option !== '-u' || user === undefined || more.length > 0) notObserved(`qselect ${args.join(' ')}`);
    return this.#submissions
      .filter(({ wish, jobs }) => wish.user === user && !jobs.every(isOver))
      .map((submission) => `${submissionId(submission)}\n`)
      .join('');
  }

  #stat(args: readonly string[]): Answer {
    if (args.join(' ') === '--version') return said('pbs_version = 23.06.06\n');
    if (args.join(' ') === '-B -f')
      return said(
        `Server: ${SERVER}\n    server_state = Active\n    max_array_size = 10000\n${this.#options.history ? '    job_history_enable = True\n' : ''}    pbs_version = 23.06.06\n`,
      );
    if (args.join(' ') === '-Q')
      return said('Queue              Max   Tot Ena Str   Que   Run   Hld   Wat   Trn   Ext Type\n');
    const ids = args.filter((arg) => /^\d/.test(arg));
    const options = args.filter((arg) => !/^\d/.test(arg)).join(' ');
    const isPast = options.startsWith('-x ');
    if (!/^(?:-x )?(?:-t )?-f -F json$/.test(options) || ids.length === 0) notObserved(`qstat ${args.join(' ')}`);
    const jobs = new Map<string, Readonly<Record<string, unknown>>>();
    const errors: Refusal[] = [];
    for (const id of ids) {
      const found = this.#find(id);
      if (found === undefined) errors.push(new Refusal(`qstat: Unknown Job Id ${id}`, UNKNOWN_ID));
      else if (!isPast && found.jobs.every(isOver))
        errors.push(
          new Refusal(`qstat: ${id} Job has finished, use -x or -H to obtain historical job information`, HAS_FINISHED),
        );
      else {
        const element =
          found.jobs.length === 1 && found.submission.wish.range !== undefined ? found.jobs[0] : undefined;
        const rows =
          isElement(id) && element !== undefined
            ? [[id, jobAttributes(element)] as const]
            : attributesOf(found.submission, options.includes('-t '));
        for (const [key, attributes] of rows) jobs.set(key, attributes);
      }
    }
    return {
      code: errors.at(-1)?.code ?? 0,
      stdout: jobsAnswer(jobs, this.#options.rawVariables),
      stderr: errors.map(({ message }) => `${message}\n`).join(''),
    };
  }

  /** The jobs an id means: all of an array, or one. */
  #find(id: string): { readonly submission: Submission; readonly jobs: readonly Job[] } | undefined {
    for (const submission of this.#submissions) {
      if (submissionId(submission) === id) return { submission, jobs: submission.jobs };
      const job = submission.jobs.find((one) => jobId(one) === id);
      if (job !== undefined) return { submission, jobs: [job] };
    }
    return undefined;
  }

  #onEach(command: string, ids: readonly string[], act: (job: Job) => void): Answer {
    const errors: Refusal[] = [];
    for (const id of ids) {
      if (id.startsWith('-')) notObserved(`${command} ${id}`);
      const found = this.#find(id);
      if (found === undefined) errors.push(new Refusal(`${command}: Unknown Job Id ${id}`, UNKNOWN_ID));
      else if (found.jobs.every(isOver)) errors.push(new Refusal(`${command}: Job has finished ${id}`, HAS_FINISHED));
      else if (command !== 'qdel' && isElement(id)) notObserved(`${command} of one element`);
      else for (const job of found.jobs) if (!isOver(job)) act(job);
    }
    return { code: errors.at(-1)?.code ?? 0, stdout: '', stderr: errors.map(({ message }) => `${message}\n`).join('') };
  }
}

function newJob(number: number, index: number | undefined, wish: Job['wish']): Job {
  return {
    number,
    index,
    wish,
    state: wish.isHeld ? 'H' : 'Q',
    substate: wish.isHeld ? SUBSTATES.held : SUBSTATES.queued,
    exitStatus: undefined,
    runCount: 0,
    comment: '',
    pid: undefined,
    startedAt: undefined,
    isDeleted: false,
    isOverTime: false,
  };
}

function hold(job: Job): void {
  if (job.state !== 'Q') notObserved('a hold of a job that runs');
  job.state = 'H';
  job.substate = SUBSTATES.held;
}

function isElement(id: string): boolean {
  return /\[\d+\]/.test(id);
}

function jobsAnswer(jobs: Parameters<typeof jsonAnswer>[0], raw: readonly string[]): string {
  return jobs.size === 0 ? '' : jsonAnswer(jobs, raw);
}

function said(stdout: string): Answer {
  return { code: 0, stdout, stderr: '' };
}
