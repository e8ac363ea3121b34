import { describe, expect, test } from 'vitest';
import type { NativeRequest, StatusAnswer, ToolOutput } from '../scheduler/index.ts';
import { pbsScheduler } from './pbs-scheduler.ts';

const scheduler = pbsScheduler();

const REQUEST: NativeRequest = {
  marker: 'hq1w2e3r4t5',
  elements: [0],
  resources: { cpus: 1 },
  scheduling: {},
  home: '/scratch/home',
  body: 'echo "$element"',
};

function directives(request: Partial<NativeRequest>, options = {}): readonly string[] {
  const script = pbsScheduler(options).script({ ...REQUEST, ...request });
  return script.split('\n').filter((line) => line.startsWith('#PBS'));
}

describe('the script', () => {
  test('asks for what the task asks for, then for what must be', () => {
    const asked = directives({
      resources: { cpus: 3.5, memoryBytes: 2 ** 30, gpus: 2, timeMs: 90_500 },
      scheduling: { queue: 'long', account: 'physics', options: ['-l place=excl'] },
      elements: [0, 1, 2],
    });
    expect(asked).toEqual([
      '#PBS -l select=1:ncpus=4:mem=1024mb:ngpus=2',
      '#PBS -l walltime=91',
      '#PBS -q long',
      '#PBS -A physics',
      '#PBS -S /bin/sh',
      '#PBS -j oe',
      '#PBS -l place=excl',
      '#PBS -o /scratch/home/',
      '#PBS -N hq1w2e3r4t5',
      '#PBS -J 0-2',
      '#PBS -r y',
    ]);
  });

  test('spreads ranks over machines, a chunk each', () => {
    const asked = directives({ resources: { cpus: 2, nodes: 2, ranks: 8, memoryBytes: 2 ** 30 } });
    expect(asked.slice(0, 2)).toEqual(['#PBS -l select=2:ncpus=8:mpiprocs=4:mem=512mb', '#PBS -l place=scatter']);
    expect(asked).toContain('#PBS -r n');
  });

  test.each([
    [[0, 1, 2], '#PBS -J 0-2'],
    [[1, 3, 5], '#PBS -J 1-5:2'],
    // The end has to be above the start.
    [[7], '#PBS -J 7-8:2'],
    [[0, 1, 4], '#PBS -J 0-4'],
  ])('gives %j a range of indices', (elements, line) => {
    expect(directives({ elements })).toContain(line);
  });

  test('covers what is missing of an array by elements that do nothing', () => {
    expect(scheduler.script({ ...REQUEST, elements: [0, 1, 4] })).toContain('case $element in 2|3) exit 0;; esac\n');
  });

  test.each(['/a/b c', '/a/b:c', '/a/ü', '/a/^array_index^'])('keeps no output in %s', (home) => {
    expect(directives({ home })).toContain('#PBS -o /dev/null');
  });
});

describe('a submission', () => {
  const read = (code: number, stdout: string, stderr: string) => scheduler.readSubmit({ code, stdout, stderr });

  test.each([
    ['12.pbslab\n', '12.pbslab'],
    ['6[].pbslab\n', '6[].pbslab'],
    ['Charged to: physics\n12.pbs-1.example.org\n', '12.pbs-1.example.org'],
  ])('is accepted: %j', (stdout, id) => {
    expect(read(0, stdout, '')).toEqual({ kind: 'accepted', id });
  });

  test.each([
    ["would exceed queue generic's per-user limit", true],
    ["would exceed complex's per-user limit of jobs in 'Q' state", true],
    ['Queue is not enabled', true],
    ['Unknown queue', false],
    ['Unauthorized Request', false],
    ['Job violates queue and/or server resource limits', false],
    ['cannot submit non-rerunable Array Job', false],
  ])('is refused: %s', (why, wait) => {
    expect(read(170, '', `qsub: ${why}\n`)).toEqual({ kind: 'refused', why, wait });
  });

  test('is unknown where the server does not answer, where qsub said nothing, and where no id is said', () => {
    expect(read(111, '', 'Connection refused\nqsub: cannot connect to server pbslab (errno=111)\n').kind).toBe(
      'unknown',
    );
    expect(read(137, '', '').kind).toBe('unknown');
    expect(read(0, 'thank you\n', '').kind).toBe('unknown');
  });
});

/** As an OpenPBS 23.06.06 prints them. */
function printed(jobs: Readonly<Record<string, Readonly<Record<string, unknown>>>>): string {
  const answer = { timestamp: 1_795_213_242, pbs_version: '23.06.06', pbs_server: 'pbslab', Jobs: jobs };
  return `${JSON.stringify(answer, null, '\t').replaceAll(/^(\t*"[^"]*"): /gm, '$1:\t')}\n`;
}

function asked(...ids: readonly string[]): string {
  return ids.map((id) => `asked ${id}\n`).join('');
}

function known(output: Partial<ToolOutput>): Extract<StatusAnswer, { kind: 'known' }> {
  const answer = scheduler.readStatus({ code: 0, stdout: '', stderr: '', ...output });
  if (answer.kind !== 'known') throw new Error(answer.why);
  return answer;
}

const ARRAY = {
  '6[].pbslab': {
    Job_Name: 'hq1',
    job_state: 'B',
    array: 'True',
    array_indices_submitted: '0-9',
    array_indices_remaining: '4-8:2,9',
  },
  '6[0].pbslab': {
    Job_Name: 'hq1',
    job_state: 'R',
    substate: 42,
    run_count: 1,
    exec_host: 'node7/0*2',
    Variable_List: {},
  },
  '6[1].pbslab': { Job_Name: 'hq1', job_state: 'X', substate: 93, Exit_status: 7 },
  '6[4].pbslab': { Job_Name: 'hq1', job_state: 'Q', comment: 'Not Running: Insufficient amount of resource: ncpus' },
};

describe('the state of all jobs', () => {
  test('is read of an array element by element, of those too that are not listed alone', () => {
    const answer = known({ stdout: `${asked('6[].pbslab')}${printed(ARRAY)}` });
    expect(answer.isWhole).toBe(true);
    const byElement = answer.jobs.toSorted((a, b) => a.element - b.element);
    expect(byElement.map(({ id, standing, outcome, host }) => [id, standing, outcome, host])).toEqual([
      ['6[0].pbslab', 'running', undefined, 'node7'],
      ['6[1].pbslab', 'ended', { kind: 'exit', code: 7 }, undefined],
      ['6[4].pbslab', 'waiting', undefined, undefined],
      ['6[6].pbslab', 'waiting', undefined, undefined],
      ['6[8].pbslab', 'waiting', undefined, undefined],
      ['6[9].pbslab', 'waiting', undefined, undefined],
    ]);
  });

  test('is read where the answer is no JSON', () => {
    const broken = printed({
      '1.pbslab': { Job_Name: 'hq1', Variable_List: { A: '1' }, job_state: 'R', comment: 'a "word" of it' },
      '2.pbslab': { Job_Name: 'hq2', Variable_List: { A: '1' }, job_state: 'Q' },
    }).replaceAll('"A":\t"1"', '"A":\t"() {  eval "$(x)"\n}",\n\t\t\t\t"job_state":\t"F",\n\t\t\t\t"ZEROS":\t005');
    expect(() => JSON.parse(broken)).toThrow(SyntaxError);
    const answer = known({
      stdout: `${asked('1.pbslab', '2.pbslab')}${broken}${printed({ '3.pbslab': { job_state: 'H' } })}`,
    });
    expect(answer.jobs.map(({ id, state, reason }) => [id, state, reason])).toEqual([
      ['1.pbslab', 'R', 'a "word" of it'],
      ['2.pbslab', 'Q', ''],
      ['3.pbslab', 'H', ''],
    ]);
  });

  test('is not whole where somebody is missing without a word on it', () => {
    const stdout = `${asked('1.pbslab', '2.pbslab')}${printed({ '1.pbslab': { Job_Name: 'hq1', job_state: 'R' } })}`;
    expect(known({ stdout }).isWhole).toBe(false);
    expect(known({ stdout, code: 123, stderr: 'qstat: Unknown Job Id 2.pbslab\n' }).isWhole).toBe(true);
  });

  test('is nobody where there is nobody, and unknown where the server does not answer or is cut short', () => {
    expect(known({})).toEqual({ kind: 'known', jobs: [], isWhole: true });
    const stderr = 'qselect: cannot connect to server pbslab (errno=111)\n';
    expect(scheduler.readStatus({ code: 75, stdout: '', stderr })).toEqual({ kind: 'unknown', why: stderr.trim() });
    const cut = `${asked('1.pbslab')}${printed({ '1.pbslab': { job_state: 'R' } }).slice(0, -10)}`;
    expect(scheduler.readStatus({ code: 0, stdout: cut, stderr: '' }).kind).toBe('unknown');
  });

  test.each([
    [{ job_state: 'Q', comment: 'Can Never Run: Insufficient amount of resource: ncpus' }, 'never', 'error'],
    [{ job_state: 'H', comment: 'job held, too many failed attempts to run', run_count: 21 }, 'never', 'error'],
    [{ job_state: 'H' }, 'held', undefined],
    [{ job_state: 'W' }, 'waiting', undefined],
    [{ job_state: 'S' }, 'suspended', undefined],
    [{ job_state: 'U' }, 'suspended', undefined],
    [{ job_state: 'E', substate: 51 }, 'running', undefined],
    [{ job_state: 'F', substate: 92, Exit_status: 0 }, 'ended', undefined],
    [{ job_state: 'F', substate: 93, Exit_status: 200 }, 'ended', 'exit'],
    [{ job_state: 'F', substate: 93, Exit_status: 139 }, 'ended', 'signal'],
    [{ job_state: 'F', substate: 93, Exit_status: 271 }, 'ended', 'signal'],
    [{ job_state: 'F', substate: 93, Exit_status: -29 }, 'ended', 'timeout'],
    [{ job_state: 'F', substate: 93, Exit_status: -27 }, 'ended', 'memory'],
    [{ job_state: 'F', substate: 93, Exit_status: -1 }, 'ended', 'lost'],
    [{ job_state: 'F', substate: 91, Exit_status: 0 }, 'ended', 'cancelled'],
    [{ job_state: 'F', substate: 91 }, 'ended', 'cancelled'],
  ])('%j is %s', (attributes, standing, outcome) => {
    const [job] = known({ stdout: printed({ '1.pbslab': { Job_Name: 'hq1', ...attributes } }) }).jobs;
    expect([job?.standing, job?.outcome?.kind]).toEqual([standing, outcome]);
  });

  test('counts how often it was begun anew', () => {
    const [job] = known({ stdout: printed({ '1.pbslab': { job_state: 'Q', run_count: 2 } }) }).jobs;
    expect(job?.restarts).toBe(1);
  });
});

test('ids of elements are no patterns to the shell', () => {
  expect(scheduler.cancel(['6[3].pbslab', '12.pbslab'])).toBe("qdel '6[3].pbslab' '12.pbslab'");
});
