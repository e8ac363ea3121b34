import { type ChildProcess, spawn } from 'node:child_process';
import {
  appendFileSync,
  closeSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { constants, homedir } from 'node:os';
import { join } from 'node:path';
import { type Job, jobId } from './jobs.ts';

const OF_SIGNALS = 128;

/** Starts a job in a session of its own. `ended` hears how, once. */
export function startJob(job: Job, directory: string, ended: (status: number) => void): ChildProcess {
  const { wish, index } = job;
  mkdirSync(directory, { recursive: true });
  const script = join(directory, `${job.number}.SC`);
  // Once for all elements: a shell reads on in it while it runs.
  if (statSync(script, { throwIfNoEntry: false }) === undefined) writeFileSync(script, wish.script);
  const log = outputOf(job);
  const fd = openSync(log, 'a');
  const child = spawn(wish.shell, [script], {
    cwd: homedir(),
    detached: true,
    stdio: ['ignore', fd, fd],
    env: {
      HOME: homedir(),
      PATH: '/usr/local/bin:/usr/bin:/bin',
      TMPDIR: directory,
      PBS_ENVIRONMENT: 'PBS_BATCH',
      PBS_JOBID: jobId(job),
      PBS_JOBNAME: wish.name,
      PBS_QUEUE: wish.queue,
      PBS_O_WORKDIR: wish.directory,
      ...(index === undefined ? {} : { PBS_ARRAY_INDEX: String(index) }),
    },
  });
  closeSync(fd);
  child.once('error', () => ended(-1));
  child.once('exit', (code, signal) => ended(signal === null ? (code ?? 0) : OF_SIGNALS + constants.signals[signal]));
  return child;
}

/** Where what it prints goes, and what PBS says of it. */
export function outputOf({ wish, number, index }: Job): string {
  const path = wish.output ?? `${wish.directory}/`;
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory() !== true) return path;
  return join(path, `${wish.name}.o${number}${index === undefined ? '' : `.${index}`}`);
}

export function tellOverTime(job: Job): void {
  const { walltime = 0 } = job.wish;
  appendFileSync(outputOf(job), `=>> PBS: job killed: walltime ${walltime + 1} exceeded limit ${walltime}\n`);
}

/** Signals every process of the job's session, and no other. */
export function signalSession(session: number, signal: NodeJS.Signals): void {
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name) || sessionOf(name) !== session) continue;
    try {
      process.kill(Number(name), signal);
    } catch {
      // It is over.
    }
  }
}

const SESSION_FIELD = 3;

function sessionOf(pid: string): number | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // Behind the name, which may hold anything: state, parent, group, session.
    return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[SESSION_FIELD]);
  } catch {
    return undefined;
  }
}
