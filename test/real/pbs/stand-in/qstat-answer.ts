import { isOver, type Job, jobId, SERVER, type Submission, submissionId } from './jobs.ts';

type Attributes = Readonly<Record<string, unknown>>;

/** The JSON of the real one: indented by tabs, a tab behind each colon. */
export function jsonAnswer(jobs: ReadonlyMap<string, Attributes>, rawVariables: readonly string[]): string {
  const answer = {
    timestamp: Math.floor(Date.now() / 1000),
    pbs_version: '23.06.06',
    pbs_server: SERVER,
    ...(jobs.size === 0 ? {} : { Jobs: Object.fromEntries(jobs) }),
  };
  const text = JSON.stringify(answer, null, '\t').replaceAll(/^(\t*"[^"]*"): /gm, '$1:\t');
  if (rawVariables.length === 0) return `${text}\n`;
  // As they are: what stands in quotes there is not escaped.
  const variables = rawVariables.map((line) => `,\n\t\t\t\t${line}`).join('');
  return `${text.replaceAll(/(\t"PBS_O_QUEUE":\t"[^"]*")/g, `$1${variables.replaceAll('$', '$$$$')}`)}\n`;
}

export function jobAttributes(job: Job): Attributes {
  const { wish, state, substate, exitStatus, runCount, comment, startedAt } = job;
  return {
    Job_Name: wish.name,
    Job_Owner: `${wish.user}@${SERVER}`,
    ...(isOver(job)
      ? { resources_used: { cpupercent: 0, cput: '00:00:00', ncpus: wish.ncpus, walltime: '00:00:00' } }
      : {}),
    job_state: state,
    queue: wish.queue,
    server: SERVER,
    ...(startedAt === undefined
      ? {}
      : { exec_host: `${SERVER}/0`, stime: new Date(startedAt).toString().slice(0, 24) }),
    Resource_List: { ncpus: wish.ncpus, ...wish.resources },
    substate,
    Variable_List: { PBS_O_WORKDIR: wish.directory, PBS_O_QUEUE: wish.queue },
    ...(comment === '' ? {} : { comment }),
    ...(runCount === 0 ? {} : { run_count: runCount }),
    ...(exitStatus === undefined ? {} : { Exit_status: exitStatus }),
    ...(job.index === undefined ? {} : { array_id: `${job.number}[].${SERVER}`, array_index: job.index }),
  };
}

export function arrayAttributes({ wish, jobs }: Submission): Attributes {
  const isDone = jobs.every(isOver);
  const count = (states: string): number => jobs.filter(({ state }) => states.includes(state)).length;
  const hasBegun = jobs.some(({ runCount }) => runCount > 0);
  const remaining = jobs.filter(({ state }) => state === 'Q' || state === 'H').map(({ index }) => index);
  const { first = 0, last = 0, step = 1 } = wish.range ?? {};
  return {
    Job_Name: wish.name,
    Job_Owner: `${wish.user}@${SERVER}`,
    job_state: isDone ? 'F' : hasBegun ? 'B' : (jobs[0]?.state ?? 'Q'),
    queue: wish.queue,
    server: SERVER,
    array: 'True',
    array_state_count: `Queued:${count('Q')} Running:${count('R')} Exiting:${count('E')} Expired:${count('XF')} `,
    array_indices_submitted: `${first}-${last}${step === 1 ? '' : `:${step}`}`,
    array_indices_remaining: remaining.length === 0 ? '-' : remaining.join(','),
    Variable_List: { PBS_O_WORKDIR: wish.directory, PBS_O_QUEUE: wish.queue },
    ...(isDone ? { substate: 92, Exit_status: jobs.every(({ exitStatus }) => exitStatus === 0) ? 0 : 1 } : {}),
  };
}

/** What stands for a submission: itself, and with `-t` its elements. */
export function attributesOf(
  submission: Submission,
  withElements: boolean,
): readonly (readonly [string, Attributes])[] {
  const { wish, jobs } = submission;
  const each = jobs.map((job) => [jobId(job), jobAttributes(job)] as const);
  if (wish.range === undefined) return each;
  return [[submissionId(submission), arrayAttributes(submission)], ...(withElements ? each : [])];
}
