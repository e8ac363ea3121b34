import {
  asAttemptId,
  asRunId,
  asSubmissionId,
  DEFAULT_GRACE_MS,
  DEFAULT_REQUEST,
  DEFAULT_RETRY,
  type Definition,
  type Graph,
  GraphBuilder,
  type JobRow,
  type NewRun,
  type RunCommit,
  type RunId,
  type Store,
  type Transition,
} from '../model/index.ts';

/** A moment in the samples: epoch milliseconds. */
export const SAMPLE_TIME = 1_790_000_000_000;

const noop: Definition = {
  name: 'noop',
  kind: 'call',
  resources: DEFAULT_REQUEST,
  retry: DEFAULT_RETRY,
  timeouts: {},
  graceMs: DEFAULT_GRACE_MS,
  priority: 0,
};

/** A graph of no-ops in which each node needs the values of up to `degree` nodes before it. */
export function sampleGraph(size: number, degree = 1, after?: Graph): Graph {
  const builder = new GraphBuilder('sample', after === undefined ? {} : { after });
  const base = after === undefined ? 0 : after.base + after.size;
  const definition = builder.definition(noop);
  for (let i = 0; i < size; i += 1) {
    const edges: number[] = [];
    for (let step = 1; step <= degree && step <= i; step += 1) edges.push(base + i - step);
    builder.add(`node-${base + i}`, { definition, edges, expectedMs: i % 7 });
  }
  return builder.build();
}

/** A run as it is first stored. */
export function sampleRun(id: string, changes: Partial<NewRun> = {}): NewRun {
  return {
    id: asRunId(id),
    name: 'sample',
    status: 'pending',
    detail: 'validating',
    size: 10,
    createdAt: SAMPLE_TIME,
    startedAt: 0,
    endedAt: 0,
    fingerprint: 'f'.repeat(64),
    settings: '{"parameters":{"temperature":1.5}}',
    experiment: '',
    point: '',
    ...changes,
  };
}

/** A job that has just been granted its first attempt. */
export function grantedRow(job: number, changes: Partial<JobRow> = {}): JobRow {
  return {
    job,
    status: 'running',
    detail: 'starting',
    fence: 1,
    charged: 0,
    losses: 0,
    attempt: asAttemptId(`a-0123456789abcdef${job.toString(36)}`),
    backend: 'commands',
    grant: '{"place":"local","cpus":1}',
    submission: asSubmissionId('hs0123456789abcd'),
    element: job,
    handle: '',
    grantedAt: SAMPLE_TIME + job,
    startedAt: 0,
    endedAt: 0,
    wakeAt: 0,
    flags: 0,
    outcome: '',
    ...changes,
  };
}

/** The same job when that attempt has ended well. */
export function doneRow(job: number, changes: Partial<JobRow> = {}): JobRow {
  const times = { startedAt: SAMPLE_TIME + job + 1, endedAt: SAMPLE_TIME + job + 2 };
  return grantedRow(job, { status: 'done', detail: '', grant: '', outcome: '{"kind":"ok"}', ...times, ...changes });
}

/** The transition of a job that is granted. */
export function grantedTransition(job: number): Transition {
  return { job, from: 'pending', to: 'running', detail: 'starting', fence: 1, at: SAMPLE_TIME + job };
}

/** A commit of this opening's, at epoch 1, of what is given. */
export function sampleCommit(store: Store, run: RunId, changes: Partial<RunCommit> = {}): RunCommit {
  return {
    run,
    owner: store.owner,
    epoch: 1,
    jobs: [],
    values: [],
    submissions: [],
    firstSeq: 1,
    transitions: [],
    segments: [],
    ...changes,
  };
}

/** Adds a run of ten jobs, owned by the opening. */
export async function addSample(store: Store, id = 'r-sample'): Promise<RunId> {
  const run = sampleRun(id);
  await store.createRun(run, sampleGraph(run.size));
  return run.id;
}

/** All batches of an iterable, joined. */
export async function gathered<Item>(batches: AsyncIterable<readonly Item[]>): Promise<readonly Item[]> {
  const items: Item[] = [];
  for await (const batch of batches) for (const item of batch) items.push(item);
  return items;
}
