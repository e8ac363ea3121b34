import { describe, expect, test } from 'vitest';
import type { NativeJob, StatusAnswer } from '../../../src/backends/scheduler/index.ts';
import { slurmScheduler } from '../../../src/backends/slurm/index.ts';
import { recorded } from './recordings.ts';

const slurm = slurmScheduler();

const cancelled = { kind: 'cancelled', by: 'user' };
const never = { kind: 'error', error: expect.objectContaining({ code: 'RESOURCES_IMPOSSIBLE' }) as unknown };

describe('what sbatch says', () => {
  test('an id', () => {
    expect(slurm.readSubmit(recorded('submit-accepted'))).toEqual({ kind: 'accepted', id: '36' });
    expect(slurm.readSubmit({ code: 0, stdout: '12;cluster2\n', stderr: '' })).toEqual({ kind: 'accepted', id: '12' });
  });

  test.each([
    ['submit-qos-limit', true, 'QOSMaxSubmitJobPerUserLimit; Batch job submission failed: Job violates accounting/QOS'],
    ['submit-maxjobs', true, 'Resource temporarily unavailable'],
    ['submit-drain', true, 'Required partition not available (inactive or drain)'],
    ['submit-down', true, 'Unable to contact slurm controller (connect failure)'],
    ['submit-account', false, 'Invalid account or account/partition combination specified'],
    ['submit-array', false, 'Invalid job array specification'],
    ['submit-feature', false, 'Invalid feature specification'],
    ['submit-gres', false, 'Invalid generic resource (gres) specification'],
    ['submit-memory', false, 'Memory specification can not be satisfied'],
    ['submit-nofile', false, 'Unable to open file'],
    ['submit-option', false, "unrecognized option '--foo'"],
    ['submit-partition', false, 'Invalid partition name specified'],
    ['submit-qos', false, 'Invalid qos specification'],
  ])('%s: refused, to be tried later: %s', (name, wait, why) => {
    expect(slurm.readSubmit(recorded(name))).toEqual({
      kind: 'refused',
      wait,
      why: expect.stringContaining(why) as string,
    });
  });

  test.each([
    ['AssocMaxSubmitJobLimit', true],
    ['AssocGrpSubmitJobsLimit', true],
    ['QOSMaxJobsPerUserLimit', true],
    ['', true],
    ['QOSMaxWallDurationPerJobLimit', false],
    ['AssocMaxCpuPerJobLimit', false],
    ['QOSMinGRES', false],
  ])('a limit of accounting named %j is one to wait for: %s', (limit, wait) => {
    const said = 'sbatch: error: Batch job submission failed: Job violates accounting/QOS policy (job submit limit)\n';
    const stderr = limit === '' ? said : `sbatch: error: ${limit}\n${said}`;

    expect(slurm.readSubmit({ code: 1, stdout: '', stderr })).toMatchObject({ kind: 'refused', wait });
  });

  test.each([
    [1, 'sbatch: error: Batch job submission failed: Socket timed out on send/recv operation'],
    [1, 'sbatch: error: Batch job submission failed: Zero Bytes were transmitted or received'],
    [124, ''],
    [137, 'sbatch: error: Slurm temporarily unable to accept job, sleeping and retrying'],
    [0, 'sbatch: warning: something'],
  ])('exit %i with %j is no word about the job: it may be there', (code, stderr) => {
    expect(slurm.readSubmit({ code, stdout: '', stderr })).toMatchObject({ kind: 'unknown' });
  });

  test('no sbatch at all is final', () => {
    const stderr = 'heddle: there is no sbatch in PATH (/bin)\n';
    expect(slurm.readSubmit({ code: 127, stdout: '', stderr })).toMatchObject({ kind: 'refused', wait: false });
  });
});

/** What a recording says of a job of this name; element by element where it is an array. */
function told(answer: StatusAnswer, name: string): readonly NativeJob[] {
  if (answer.kind !== 'known') throw new Error(answer.why);
  return answer.jobs.filter(({ marker }) => marker === name);
}

describe('what squeue says', () => {
  test.each([
    ['status-during', 'hok', { standing: 'ended', state: 'COMPLETED' }],
    ['status-during', 'hexit7', { standing: 'ended', outcome: { kind: 'exit', code: 7 } }],
    ['status-during', 'hexit200', { standing: 'ended', outcome: { kind: 'exit', code: 200 } }],
    ['status-during', 'hkill9', { standing: 'ended', outcome: { kind: 'signal', signal: 'SIGKILL' } }],
    ['status-during', 'hsegv', { standing: 'ended', outcome: { kind: 'signal', signal: 'SIGSEGV' } }],
    ['status-during', 'hbadout', { standing: 'ended', outcome: { kind: 'lost', why: expect.any(String) as string } }],
    ['status-during', 'hoom', { standing: 'ended', outcome: { kind: 'memory' } }],
    ['status-during', 'hdepkill', { standing: 'ended', outcome: never }],
    ['status-during', 'hcancelpend', { standing: 'ended', outcome: cancelled }],
    ['status-during', 'hcancelrun', { standing: 'running', state: 'COMPLETING' }],
    ['status-during', 'hrequeue', { standing: 'running', state: 'COMPLETING', restarts: 1 }],
    ['status-during', 'hdepnever', { standing: 'never', outcome: never }],
    ['status-during', 'htoowide', { standing: 'never', reason: 'PartitionConfig', outcome: never }],
    ['status-during', 'htiny2', { standing: 'waiting', reason: 'QOSMaxJobsPerUserLimit' }],
    ['status-during', 'huheld', { standing: 'held', reason: 'JobHeldUser' }],
    ['status-during', 'hhelda', { standing: 'held', reason: 'JobHeldAdmin' }],
    ['status-during', 'hsuspend', { standing: 'suspended', host: 'n1' }],
    ['status-during', 'htimeout', { standing: 'running', id: '27', host: 'n2' }],
    ['status-after', 'hcancelrun', { standing: 'ended', outcome: cancelled }],
    ['status-after', 'htimeout', { standing: 'ended', outcome: { kind: 'timeout', timeout: 'run' } }],
    ['status-after', 'hrequeue', { standing: 'running', restarts: 1 }],
    ['status-after', 'hspecial', { standing: 'held', state: 'SPECIAL_EXIT', restarts: 1 }],
    ['status-preempting', 'hpre1', { standing: 'running', state: 'COMPLETING', restarts: 1 }],
    ['status-preempting', 'hpre1no', { standing: 'waiting' }],
    ['status-preempted', 'hpre2', { standing: 'ended', outcome: { kind: 'preempted' } }],
    ['status-nodes', 'hnode', { standing: 'ended', outcome: { kind: 'lost', placeDied: true } }],
    ['status-nodes', 'hnodere', { standing: 'waiting', restarts: 1, outcome: { kind: 'preempted' } }],
  ])('%s: %s', (name, job, meaning) => {
    expect(told(slurm.readStatus(recorded(name)), job)).toMatchObject([meaning]);
  });

  test('what is not known to have ended well says nothing of its own', () => {
    const [ok] = told(slurm.readStatus(recorded('status-during')), 'hok');
    expect(ok).not.toHaveProperty('outcome');
  });

  test('elements of an array, those that pend in one row among them, each by the id that cancels it alone', () => {
    const answer = slurm.readStatus(recorded('status-during'));

    const mixed = told(answer, 'hmixed').toSorted((a, b) => a.element - b.element);
    expect(mixed.map(({ outcome }) => (outcome?.kind === 'exit' ? outcome.code : outcome))).toEqual([
      ...[undefined, 1, 2],
      ...[undefined, 1, 2],
    ]);
    const pending = told(answer, 'hpending').filter(({ standing }) => standing === 'waiting');
    expect(pending.map(({ element }) => element)).toEqual([3, 4, 5, 6, 9, 100, 107, 114, 121, 4993, 5000]);
    expect(pending.at(-1)).toMatchObject({ id: '14_5000', reason: 'JobArrayTaskLimit' });
    expect(told(answer, 'hheldu').map(({ id }) => id)).toEqual(['15_1', '15_5', '15_7', '15_8', '15_9']);
  });

  test('jobs of other names are nobody of ours, and break nothing', () => {
    const { stdout } = recorded('status-during');
    const hostile = stdout.replace('|bar|name|', '|bar\n1|2|3\n|||||||||\n|name|');

    const answer = slurm.readStatus({ code: 0, stdout: hostile, stderr: '' });

    expect(answer).toEqual(slurm.readStatus(recorded('status-during')));
    expect(answer).toMatchObject({ kind: 'known', isWhole: true });
  });

  test('of two jobs with one marker the living one counts, else the later', () => {
    const head = 'ARRAY_JOB_ID|JOBID|ARRAY_TASK_ID|STATE|RESTART_COUNT|EXIT_CODE|EXEC_HOST|NAME|REASON|\n';
    const refused = '34|34|N/A|FAILED|0|1|n/a|hx|BadConstraints|\n';
    const read = (rows: string): StatusAnswer => slurm.readStatus({ code: 0, stdout: head + rows, stderr: '' });

    expect(told(read(`${refused}50|50|N/A|PENDING|0|0|n/a|hx|Priority|\n`), 'hx')).toMatchObject([{ id: '50' }]);
    expect(told(read(`50|50|N/A|COMPLETED|0|0|n1|hx|None|\n${refused}`), 'hx')).toMatchObject([{ id: '50' }]);
    expect(told(read(refused), 'hx')).toMatchObject([{ standing: 'ended', outcome: never }]);
  });

  test('an answer that was cut, or that Slurm complains about, is not the whole; somebody else may talk', () => {
    const { stdout } = recorded('status-during');
    const read = (text: string, stderr = ''): StatusAnswer => slurm.readStatus({ code: 0, stdout: text, stderr });

    expect(read(stdout.slice(0, -20))).toMatchObject({ kind: 'known', isWhole: false });
    expect(read(stdout, 'squeue: error: cluster b is not reachable')).toMatchObject({ kind: 'known', isWhole: false });
    expect(read(stdout.replace('4993,5000%3', '4993,...%3'))).toMatchObject({ kind: 'known', isWhole: false });
    expect(read(stdout, 'Welcome to the cluster!')).toMatchObject({ kind: 'known', isWhole: true });
  });

  test('no answer is none: a controller that is away, and silence', () => {
    expect(slurm.readStatus(recorded('status-down'))).toEqual({
      kind: 'unknown',
      why: expect.stringContaining('connect failure') as string,
    });
    expect(slurm.readStatus({ code: 0, stdout: '', stderr: '' })).toMatchObject({ kind: 'unknown' });
  });
});

describe('what accounting says', () => {
  const answer = slurm.readHistory?.(recorded('history')) ?? { kind: 'unknown', why: '' };

  test.each([
    ['hok', { standing: 'ended', state: 'COMPLETED' }],
    ['htimeout', { outcome: { kind: 'timeout' } }],
    ['hoom', { outcome: { kind: 'memory' } }],
    ['hnode', { outcome: { kind: 'lost', placeDied: true } }],
    ['hcancelrun', { outcome: cancelled, reason: 'by user 0' }],
    // Of two runs the last one counts.
    ['hrequeue', { standing: 'running', restarts: 1 }],
    ['hspecial', { standing: 'waiting', restarts: 1 }],
  ])('%s', (job, meaning) => {
    expect(told(answer, job)).toMatchObject([meaning]);
  });

  test('never how a job that failed did: its codes are wrong', () => {
    for (const name of ['hexit7', 'hexit200', 'hkill9', 'hbadout'])
      for (const job of told(answer, name)) expect(job).not.toHaveProperty('outcome');
  });

  test('a job that was preempted', () => {
    const preempted = slurm.readHistory?.(recorded('history-preempted')) ?? { kind: 'unknown', why: '' };
    expect(told(preempted, 'hpre2').at(-1)).toMatchObject({ outcome: { kind: 'preempted' } });
  });

  test('without accounting the controller is asked for each; what it does not know is not there', () => {
    const line =
      'JobId=134 ArrayJobId=131 ArrayTaskId=2 ArrayTaskThrottle=2 JobName=hx UserId=root(0) GroupId=root(0) MCS_label=N/A Priority=1 Nice=0 Account=(null) QOS=(null) JobState=FAILED Reason=NonZeroExitCode Dependency=(null) Requeue=0 Restarts=0 BatchFlag=1 Reboot=0 ExitCode=200:0 RunTime=00:00:00 BatchHost=n1 NumNodes=1';
    const read = (stderr: string): StatusAnswer | undefined =>
      slurm.readHistory?.({ code: 0, stdout: `--- records\n${line}\n`, stderr });

    expect(read('slurm_load_jobs error: Invalid job id specified\n')).toEqual({
      kind: 'known',
      isWhole: false,
      jobs: [
        {
          ...{ marker: 'hx', id: '131_2', element: 2, state: 'FAILED', reason: 'NonZeroExitCode', standing: 'ended' },
          ...{ outcome: { kind: 'exit', code: 200 }, host: 'n1' },
        },
      ],
    });
    const away = 'slurm_load_jobs error: Unable to contact slurm controller (connect failure)\n';
    expect(read(away)).toMatchObject({ kind: 'unknown' });
  });
});

test('what it tells of itself, and what is missing with its mend', () => {
  expect(slurm.readDescribe(recorded('describe'))).toEqual({
    version: '22.05.8',
    maxArraySize: 100_001,
    problems: [],
    notes: expect.arrayContaining([
      'MinJobAge 300 sec',
      'partition main* is up: 2 nodes (0 idle) of 8 cpus and 2048 MiB, time limit infinite',
      'accounting answers',
    ]) as unknown,
  });
  const none = 'heddle: there is no sbatch in PATH (/bin)\n--- sbatch 127\n--- config 127\n--- partitions 127\n';
  expect(slurm.readDescribe({ code: 0, stdout: none, stderr: '' }).problems).toEqual([
    expect.stringContaining('there is no sbatch in PATH (/bin): load'),
  ]);
});
