import { describe, expect, test } from 'vitest';
import type { NativeRequest } from '../scheduler/index.ts';
import { gridEngineScheduler } from './grid-engine-scheduler.ts';

const scheduler = gridEngineScheduler();

const REQUEST: NativeRequest = {
  marker: 'hq1w2e3r4t5',
  elements: [0],
  resources: { cpus: 1 },
  scheduling: {},
  home: '/scratch/home',
  body: 'echo "$element"',
};

function directives(request: Partial<NativeRequest>, options = {}): readonly string[] {
  const script = gridEngineScheduler(options).script({ ...REQUEST, ...request });
  return script.split('\n').filter((line) => line.startsWith('#$'));
}

describe('the script', () => {
  test('asks for what the task asks for, in the words of the site', () => {
    const memoryBytes = 8 * 2 ** 30;
    const asked = directives(
      {
        resources: { cpus: 3.5, memoryBytes, gpus: 2, timeMs: 90_500 },
        scheduling: { queue: 'long.q', account: 'physics', options: ['-l os=el9', '-m a'] },
        elements: [1, 2, 3],
      },
      { memoryResource: 'h_vmem', parallelEnvironment: 'threaded' },
    );
    expect(asked).toEqual([
      '#$ -l h_rt=91',
      '#$ -pe threaded 4',
      '#$ -l h_vmem=2048M',
      '#$ -l gpu=2',
      '#$ -q long.q',
      '#$ -P physics',
      '#$ -S /bin/sh',
      '#$ -j y',
      '#$ -l os=el9',
      '#$ -m a',
      '#$ -o /scratch/home',
      '#$ -N hq1w2e3r4t5',
      '#$ -t 1-3:1',
      '#$ -r n',
      '#$ -notify',
    ]);
  });

  test('asks for little where little is asked', () => {
    expect(directives({ resources: { cpus: 0.5, memoryBytes: 2 ** 30 } })).toEqual([
      '#$ -S /bin/sh',
      '#$ -j y',
      '#$ -o /scratch/home',
      '#$ -N hq1w2e3r4t5',
      '#$ -r n',
      '#$ -notify',
    ]);
  });

  test('takes ranks over several machines from the other environment, and memory as a whole where a slot books none', () => {
    const asked = directives(
      { resources: { cpus: 2, nodes: 2, ranks: 8, memoryBytes: 2 ** 30 }, scheduling: { account: 'grant 7' } },
      { memoryResource: 'mem_free', memoryPerSlot: false, accountAs: 'account' },
    );
    expect(asked.slice(0, 3)).toEqual(['#$ -pe mpi 16', '#$ -l mem_free=1024M', '#$ -A grant 7']);
  });

  test('covers what is missing of an array by elements that do nothing', () => {
    const script = scheduler.script({ ...REQUEST, elements: [1, 2, 5] });
    expect(script).toContain('#$ -t 1-5:1\n');
    expect(script).toContain('case $element in 3|4) exit 0;; esac\n');
  });

  test.each([
    ['/a/b c', '#$ -o "/a/b c"'],
    ['/a/ü', '#$ -o /a/ü'],
    ['/a/b,c', '#$ -o /dev/null'],
    ['/a/$HOME', '#$ -o /dev/null'],
    ["/a/it's", '#$ -o /dev/null'],
  ])('keeps its output in %s only where Grid Engine can say that', (home, line) => {
    expect(directives({ home })).toContain(line);
  });
});

describe('a submission', () => {
  const read = (code: number, stdout: string, stderr: string) => scheduler.readSubmit({ code, stdout, stderr });

  test.each([
    ['12\n', '12'],
    ['5.1-5:2\n', '5'],
    ['Welcome.\n\n16.1-3:1\n', '16'],
  ])('is accepted: %j', (stdout, id) => {
    expect(read(0, stdout, '')).toEqual({ kind: 'accepted', id });
  });

  test('is unknown where no id is said', () => {
    expect(read(0, 'thank you\n', '').kind).toBe('unknown');
  });

  test.each([
    [25, 'job rejected: only 2 jobs are allowed per user (current job count: 2)', true],
    [25, 'job rejected: only 1 jobs are allowed per cluster', true],
    [1, 'Job was rejected because job requests unknown queue "nope.q"', false],
    [1, 'job rejected: the requested parallel environment "nope" does not exist', false],
    [1, 'job rejected: the requested project "nope" does not exist', false],
    [1, 'unknown resource "nope"', false],
    [1, 'error: no suitable queues', false],
    [1, 'job rejected: you tried to submit a job with more than 75000 tasks', false],
  ])('%i: %s', (code, why, wait) => {
    const stderr = `Unable to run job: ${why}\nExiting.\n`;
    expect(read(code, '', stderr)).toEqual({ kind: 'refused', why, wait });
  });

  test('is unknown where the qmaster does not answer, and where qsub was killed', () => {
    const stderr = `error: commlib error: got select error (Connection refused)
Unable to run job: unable to send message to qmaster using port 29999 on host "vm": got send error
Exiting.
`;
    expect(read(1, '', stderr).kind).toBe('unknown');
    expect(read(143, '', '').kind).toBe('unknown');
  });

  test('with a quality of service is refused before it is asked', () => {
    const text = scheduler.submit({ ...REQUEST, scheduling: { qos: 'high' } }, '/scratch/home/a.sh');
    expect(text).toContain('Grid Engine has no quality of service');
    expect(text).not.toContain('qsub');
  });
});

describe('the state of all jobs', () => {
  test('is read of running, waiting, held and failed ones, element by element', () => {
    const answer = scheduler.readStatus({ code: 0, stdout: RECORDED_QSTAT, stderr: '' });
    if (answer.kind !== 'known') throw new Error(answer.why);
    expect(answer.isWhole).toBe(true);
    expect(answer.jobs.map(({ id, element, state, standing, host }) => [id, element, state, standing, host])).toEqual([
      ['7.1', 1, 'r', 'running', 'vm'],
      ['7.3', 3, 'dr', 'running', 'vm'],
      ['7.11', 11, 'qw', 'waiting', undefined],
      ['7.13', 13, 'qw', 'waiting', undefined],
      ['7.15', 15, 'qw', 'waiting', undefined],
      ['5.1', 1, 'Eqw', 'never', undefined],
      ['5.2', 2, 'Eqw', 'never', undefined],
      ['6', 0, 'hqw', 'held', undefined],
      ['28', 0, 'Rq', 'waiting', undefined],
    ]);
    expect(answer.jobs[0]?.marker).toBe('hd1234');
    expect(answer.jobs[6]?.reason).toBe("error: can't chdir to /nowhere: No such file or directory");
    expect(answer.jobs[8]?.restarts).toBe(1);
  });

  test('is unknown where qstat could not ask, or was cut short', () => {
    const stderr = 'error: commlib error: got select error (Connection refused)\n';
    expect(scheduler.readStatus({ code: 1, stdout: '', stderr })).toEqual({ kind: 'unknown', why: stderr.trim() });
    expect(scheduler.readStatus({ code: 0, stdout: "<?xml version='1.0'?>\n<job_info>", stderr: '' }).kind).toBe(
      'unknown',
    );
  });
});

describe('the accounting', () => {
  test('says how those ended that left no record', () => {
    const answer = scheduler.readHistory?.({ code: 0, stdout: RECORDED_QACCT, stderr: '' });
    if (answer?.kind !== 'known') throw new Error('not known');
    expect(answer.jobs.map(({ id, standing, outcome, restarts }) => [id, standing, outcome, restarts])).toEqual([
      ['1', 'ended', { kind: 'exit', code: 7 }, undefined],
      ['2.7', 'ended', { kind: 'signal', signal: 'SIGKILL' }, undefined],
      [
        '5.1',
        'ended',
        {
          kind: 'error',
          error: {
            name: 'Error',
            message: 'Grid Engine: changing into working directory',
            code: 'BACKEND_UNAVAILABLE',
          },
        },
        undefined,
      ],
      ['7.37', 'ended', { kind: 'timeout', timeout: 'run' }, undefined],
      ['9', 'ended', { kind: 'memory', note: 'h_vmem: 1.020G of 1G' }, undefined],
      ['28', 'ended', { kind: 'preempted', why: 'Grid Engine: rescheduling' }, 1],
      ['40', 'ended', undefined, undefined],
      ['41', 'ended', { kind: 'lost', why: 'Grid Engine: in prolog (failed 8)' }, undefined],
    ]);
  });

  test('knows of nobody where no job has ended yet, and nothing where it can not be read', () => {
    const read = (stderr: string) => scheduler.readHistory?.({ code: 0, stdout: 'qacct ended 1\n', stderr });
    expect(read('/opt/lab/common/accounting: No such file or directory\nno jobs running since startup\n')).toEqual({
      kind: 'known',
      jobs: [],
      isWhole: true,
    });
    expect(read('error: permission denied\n')?.kind).toBe('unknown');
  });

  test('is asked once for many, by what they are part of', () => {
    const text = scheduler.history?.(['5.1', '5.2', '12']);
    expect(text).toContain("wanted=' 5 12 '");
    expect(text?.match(/qacct -o/g)).toHaveLength(1);
  });
});

/**
 * What a real Son of Grid Engine 8.1.9 answered, for tests: some elements left out, and of the records what is read of them. Not
 * recorded but written after the manual are those of jobs 9 (`h_vmem`) and 41 (a prolog that failed).
 */
const RECORDED_QSTAT = `<?xml version='1.0'?>
<job_info  xmlns:xsd="http://arc.liv.ac.uk/repos/darcs/sge/source/dist/util/resources/schemas/qstat/qstat.xsd">
  <queue_info>
    <job_list state="running">
      <JB_job_number>7</JB_job_number>
      <JAT_prio>0.50000</JAT_prio>
      <JB_name>hd1234</JB_name>
      <JB_owner>root</JB_owner>
      <state>r</state>
      <JAT_start_time>2026-11-20T22:19:12</JAT_start_time>
      <queue_name>all.q@vm</queue_name>
      <slots>3</slots>
      <tasks>1</tasks>
    </job_list>
    <job_list state="running">
      <JB_job_number>7</JB_job_number>
      <JAT_prio>0.50000</JAT_prio>
      <JB_name>hd1234</JB_name>
      <JB_owner>root</JB_owner>
      <state>dr</state>
      <JAT_start_time>2026-11-20T22:19:12</JAT_start_time>
      <queue_name>all.q@vm</queue_name>
      <slots>3</slots>
      <tasks>3</tasks>
    </job_list>
  </queue_info>
  <job_info>
    <job_list state="pending">
      <JB_job_number>7</JB_job_number>
      <JAT_prio>0.50000</JAT_prio>
      <JB_name>hd1234</JB_name>
      <JB_owner>root</JB_owner>
      <state>qw</state>
      <JB_submission_time>2026-11-20T22:19:12</JB_submission_time>
      <queue_name></queue_name>
      <slots>3</slots>
      <tasks>11-15:2</tasks>
    </job_list>
    <job_list state="pending">
      <JB_job_number>5</JB_job_number>
      <JAT_prio>0.25000</JAT_prio>
      <JB_name>hd1234</JB_name>
      <JB_owner>root</JB_owner>
      <state>Eqw</state>
      <JB_submission_time>2026-11-20T22:19:12</JB_submission_time>
      <queue_name></queue_name>
      <slots>1</slots>
      <tasks>1-2:1</tasks>
    </job_list>
    <job_list state="pending">
      <JB_job_number>6</JB_job_number>
      <JAT_prio>0.00000</JAT_prio>
      <JB_name>hd1234</JB_name>
      <JB_owner>root</JB_owner>
      <state>hqw</state>
      <JB_submission_time>2026-11-20T22:19:12</JB_submission_time>
      <queue_name></queue_name>
      <slots>1</slots>
    </job_list>
    <job_list state="pending">
      <JB_job_number>28</JB_job_number>
      <JAT_prio>0.50000</JAT_prio>
      <JB_name>hd1234</JB_name>
      <JB_owner>root</JB_owner>
      <state>Rq</state>
      <JAT_start_time>2026-11-20T22:20:37</JAT_start_time>
      <queue_name></queue_name>
      <slots>1</slots>
    </job_list>
  </job_info>
</job_info>
job_number:                 5
error reason          1:      11/20/2026 22:19:12 [0:14500]: error: can't chdir to /nowhere: No such file or directory
error reason          2:      11/20/2026 22:19:12 [0:14499]: error: can't chdir to /nowhere: No such file or directory
`;

function record(fields: Readonly<Record<string, string>>): string {
  const all = {
    hostname: 'vm',
    jobname: 'hd1234',
    taskid: 'undefined',
    category: 'NONE',
    maxvmem: '0.000B',
    ...fields,
  };
  return `====\n${Object.entries(all)
    .map(([name, value]) => `${name.padEnd(13)}${value.padEnd(20)}\n`)
    .join('')}`;
}

const LIMIT = '37  : qmaster enforced h_rt, h_cpu, or h_vmem limit';
const RESCHEDULED = '25  : rescheduling';

const RECORDED_QACCT: string = [
  record({ jobnumber: '1', failed: '0', exit_status: '7', ru_wallclock: '0s' }),
  record({
    jobnumber: '2',
    taskid: '7',
    failed: '100 : assumedly after job',
    exit_status: '137                  (Killed)',
  }),
  record({ jobnumber: '5', taskid: '1', failed: '28  : changing into working directory', exit_status: '0' }),
  record({
    jobnumber: '7',
    taskid: '37',
    failed: LIMIT,
    exit_status: '137                  (Killed)',
    ru_wallclock: '4s',
    category: '-l h_rt=3 -pe smp 3',
  }),
  record({
    jobnumber: '9',
    failed: LIMIT,
    exit_status: '137                  (Killed)',
    ru_wallclock: '2s',
    category: '-l h_rt=60,h_vmem=1G',
    maxvmem: '1.020G',
  }),
  record({ jobnumber: '28', failed: RESCHEDULED, exit_status: '99' }),
  record({ jobnumber: '28', failed: RESCHEDULED, exit_status: '99' }),
  record({ jobnumber: '40', failed: '0', exit_status: '0' }),
  record({ jobnumber: '41', failed: '8   : in prolog', exit_status: '1' }),
  'qacct ended 0\n',
].join('');
