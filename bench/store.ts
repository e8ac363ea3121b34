/**
 * What the store costs: `node bench/store.ts [steps]`.
 *
 * A step of a no-op job is two rows (granted, ended) and two transitions; steps are committed 200 at a time, as
 * the engine does under load, in `full`. Beside it, in the same run and on the same disk: bare updates of the same
 * table's statuses in transactions of 200, and lone commits, both by `node:sqlite` with nothing around.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  asAttemptId,
  asRunId,
  asSubmissionId,
  type JobRow,
  type RunCommit,
  type RunId,
  type Store,
  type Transition,
} from '../src/model/index.ts';
import { systemClock, systemRandom } from '../src/process/index.ts';
import { openStore } from '../src/store/index.ts';
import { sampleGraph } from '../src/testing/store-samples.ts';
import { bareUpdates } from './sqlite-floor.ts';

const STEPS = Number(process.argv[2] ?? 200_000);
const A_COMMIT = 200;
const GRANT = '{"place":"inline","cpus":1}';
const EPOCH = 1_700_000_000_000;
const submission = asSubmissionId('hs0123456789abcd');

function row(job: number, ended: boolean, now: number): JobRow {
  const grantedAt = EPOCH + job - (job % A_COMMIT);
  return {
    job,
    status: ended ? 'done' : 'running',
    detail: ended ? '' : 'starting',
    fence: 1,
    charged: 0,
    losses: 0,
    attempt: asAttemptId(`a-0123456789abcdef${job.toString(36)}`),
    backend: 'inline',
    grant: ended ? '' : GRANT,
    submission,
    element: job % A_COMMIT,
    handle: '',
    grantedAt,
    startedAt: ended ? now : 0,
    endedAt: ended ? now : 0,
    wakeAt: 0,
    flags: 0,
    outcome: ended ? '{"kind":"ok"}' : '',
  };
}

function transition(job: number, ended: boolean, at: number): Transition {
  return ended
    ? { job, from: 'running', to: 'done', detail: '', fence: 1, at }
    : { job, from: 'pending', to: 'running', detail: 'starting', fence: 1, at };
}

/** Grants `count` jobs from `first`, and ends those before them. */
function commitOf(store: Store, run: RunId, first: number, count: number): RunCommit {
  const jobs: JobRow[] = [];
  const transitions: Transition[] = [];
  const now = EPOCH + first;
  for (let job = first; job < first + count; job += 1) {
    if (job < STEPS) {
      jobs.push(row(job, false, now));
      transitions.push(transition(job, false, now));
    }
    if (job < count) continue;
    jobs.push(row(job - count, true, now));
    transitions.push(transition(job - count, true, now));
  }
  const firstSeq = first === 0 ? 1 : 1 + count + (first / count - 1) * 2 * count;
  return { run, owner: store.owner, epoch: 1, jobs, values: [], submissions: [], firstSeq, transitions, segments: [] };
}

/** What a run that has not been started says of itself. */
const NOTHING_YET = {
  startedAt: 0,
  endedAt: 0,
  fingerprint: '',
  settings: '{}',
  detail: '',
  experiment: '',
  point: '',
} as const;

async function newRun(store: Store, size: number): Promise<RunId> {
  const run = asRunId(`r-${Math.random().toString(36).slice(2)}`);
  await store.createRun(
    { id: run, name: 'bench', status: 'running', size, createdAt: 1, ...NOTHING_YET },
    sampleGraph(size, 3),
  );
  return run;
}

async function steps(store: Store): Promise<readonly [perSecond: number, p99Ms: number, run: RunId]> {
  const run = await newRun(store, STEPS);
  const commits: RunCommit[] = [];
  for (let first = 0; first <= STEPS; first += A_COMMIT) commits.push(commitOf(store, run, first, A_COMMIT));
  const took: number[] = [];
  const begin = performance.now();
  for (const commit of commits) {
    const before = performance.now();
    await store.commit([commit]);
    took.push(performance.now() - before);
  }
  const seconds = (performance.now() - begin) / 1000;
  took.sort((a, b) => a - b);
  return [STEPS / seconds, took[Math.floor(took.length * 0.99)] as number, run];
}

async function timed<Answer>(
  work: () => Promise<Answer>,
): Promise<readonly [ms: number, longestGapMs: number, Answer]> {
  let longest = 0;
  let last = performance.now();
  let watching = true;
  const tick = (): void => {
    longest = Math.max(longest, performance.now() - last);
    last = performance.now();
    if (watching) setImmediate(tick);
  };
  setImmediate(tick);
  const begin = performance.now();
  const answer = await work();
  const ms = performance.now() - begin;
  longest = Math.max(longest, performance.now() - last);
  watching = false;
  return [ms, longest, answer];
}

const directory = mkdtempSync(join(tmpdir(), 'heddle-bench-store-'));
const say = (what: string, figure: string): void => console.log(`${what.padEnd(58)} ${figure}`);
try {
  const bareRate = await bareUpdates(STEPS, A_COMMIT);
  const loneRate = await bareUpdates(2000, 1);
  say('bare updates in transactions of 200, full', `${Math.round(bareRate)} /s`);
  say('lone bare updates, full', `${Math.round(loneRate)} /s`);
  for (const writer of ['main', 'thread'] as const) {
    const options = { clock: systemClock, random: systemRandom, durability: 'full', writer } as const;
    await using store = await openStore(join(directory, writer), options);
    const [perSecond, p99, run] = await steps(store);
    say(
      `durable no-op steps, full, writer on ${writer}`,
      `${Math.round(perSecond)} /s, p99 of a commit ${p99.toFixed(1)} ms`,
    );
    say('  ratio to bare updates', (perSecond / bareRate).toFixed(2));
    const [jobsMs, jobsGap, rows] = await timed(async () => {
      let n = 0;
      for await (const batch of store.jobs(run)) n += batch.length;
      return n;
    });
    say(`  reading ${rows} job rows`, `${jobsMs.toFixed(0)} ms, longest gap ${jobsGap.toFixed(0)} ms`);
  }
  await using store = await openStore(join(directory, 'main'), {
    clock: systemClock,
    random: systemRandom,
    durability: 'full',
  });
  const graph = sampleGraph(1_000_000, 3);
  const run = asRunId('r-large');
  const [createMs, createGap] = await timed(() =>
    store.createRun(
      { id: run, name: 'large', status: 'pending', size: graph.size, createdAt: 1, ...NOTHING_YET },
      graph,
    ),
  );
  say(
    'adding a run of 1,000,000 nodes and 3,000,000 edges',
    `${createMs.toFixed(0)} ms, longest gap ${createGap.toFixed(0)} ms`,
  );
  const [graphMs, graphGap] = await timed(() => store.graph(run));
  say('  reading its graph', `${graphMs.toFixed(0)} ms, longest gap ${graphGap.toFixed(0)} ms`);
} finally {
  rmSync(directory, { recursive: true, force: true });
}
