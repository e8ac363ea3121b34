import { spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { NativeRequest } from '../../../src/backends/scheduler/index.ts';
import { slurmScheduler } from '../../../src/backends/slurm/index.ts';

const MEBIBYTE = 1_048_576;
const slurm = slurmScheduler();

const request: NativeRequest = {
  marker: 'hmark0',
  elements: [0],
  resources: { cpus: 1 },
  scheduling: {},
  home: '/scratch/user/.heddle/x',
  body: 'echo body',
};

function directives(more: Partial<NativeRequest>, options = {}): readonly string[] {
  const script = slurmScheduler(options).script({ ...request, ...more });
  return script.split('\n').flatMap((line) => (line.startsWith('#SBATCH ') ? [line.slice(8)] : []));
}

describe('the native script', () => {
  test('a single job that says nothing has a time limit, begins once, and says where it writes', () => {
    expect(slurm.script(request)).toMatchInlineSnapshot(`
      "#!/bin/sh
      #SBATCH --nodes=1
      #SBATCH --ntasks=1
      #SBATCH --cpus-per-task=1
      #SBATCH --time=60
      #SBATCH --kill-on-invalid-dep=yes
      #SBATCH --job-name=hmark0
      #SBATCH --no-requeue
      #SBATCH --export=ALL
      #SBATCH --chdir=/scratch/user/.heddle/x
      #SBATCH --output=/scratch/user/.heddle/x/slurm.log
      #SBATCH --open-mode=append

      element=\${SLURM_ARRAY_TASK_ID:-0}
      # Steps take the cpus of their job; since 22.05 srun no longer does so by itself.
      if [ -n "\${SLURM_CPUS_PER_TASK-}" ]; then export SRUN_CPUS_PER_TASK="$SLURM_CPUS_PER_TASK"; fi
      echo "element $element: job $SLURM_JOB_ID on \${SLURMD_NODENAME-} (start \${SLURM_RESTART_COUNT:-0})"
      run() {
      echo body
      }
      contained=
      while read -r line; do case $line in */job_"$SLURM_JOB_ID"/*) contained=1;; esac; done 2>/dev/null </proc/self/cgroup
      if [ -z "$contained" ]; then
      sweep='for file in $(grep -slzxF "SLURM_JOB_ID=$SLURM_JOB_ID" /proc/[0-9]*/environ 2>/dev/null); do
      pid=\${file#/proc/} pid=\${pid%/environ}
      case " $* $$ " in *" $pid "*) ;; *) kill -KILL "$pid" 2>/dev/null;; esac
      done'
      body=
      trap '[ -z "$body" ] || ( sleep 20; exec sh -c "$sweep" sh $$ "$body" ) &' TERM
      ( run ) &
      body=$!
      while :; do wait "$body"; code=$?; kill -0 "$body" 2>/dev/null || break; done
      sh -c "$sweep" sh $$
      exit "$code"
      fi
      run
      "
    `);
  });

  test('fractions of cpus are whole ones, memory and GPUs go by the node, time by the minute', () => {
    const resources = { cpus: 1.5, memoryBytes: 3 * MEBIBYTE + 1, gpus: 0.5, timeMs: 90_001 };

    expect(directives({ resources }, { gres: 'gpu:a100' })).toEqual(
      expect.arrayContaining(['--cpus-per-task=2', '--mem=4M', '--gres=gpu:a100:1', '--time=2']),
    );
  });

  test('ranks share the memory and each has its own cpus and GPUs', () => {
    const resources = { cpus: 4, memoryBytes: 4096 * MEBIBYTE, gpus: 1, nodes: 2, ranks: 16 };

    expect(directives({ resources })).toEqual(
      expect.arrayContaining([
        ...['--nodes=2', '--ntasks=16', '--ntasks-per-node=8', '--cpus-per-task=4', '--mem=2048M', '--gres=gpu:8'],
      ]),
    );
  });

  test("the user's own options come after what is asked for, and before what must be as it is", () => {
    const scheduling = { queue: 'long', account: 'physics', qos: 'high', options: ['--time=5', '--requeue'] };
    const all = directives({ scheduling, elements: [2, 3, 4, 9] });

    expect(all).toEqual(expect.arrayContaining(['--partition=long', '--account=physics', '--qos=high']));
    expect(all.indexOf('--time=5')).toBeGreaterThan(all.indexOf('--time=60'));
    expect(all.indexOf('--no-requeue')).toBeGreaterThan(all.indexOf('--requeue'));
    expect(all).toContain('--array=2-4,9');
  });

  test('paths are quoted as sbatch reads them; where it would put job ids into one it writes no log', () => {
    const home = '/scratch/o\'neil "x" #1';
    expect(directives({ home })).toContain(`--chdir="/scratch/o'neil \\"x\\" #1"`);
    expect(directives({ home: '/scratch/50%j' })).toContain('--output=/dev/null');
    expect(() => directives({ home: '/a\nb' })).toThrow("a line of a batch script can't hold");
  });

  test('the login environment is asked for by name only', () => {
    expect(directives({}, { environment: 'login' })).toContain('--export=NONE');
  });
});

describe('the shell text that runs the commands of Slurm', () => {
  test('takes along nothing of the environment but what leads to the cluster', () => {
    const folder = mkdtempSync(join(tmpdir(), 'heddle-slurm-text-'));
    try {
      const path = join(folder, 'sbatch');
      writeFileSync(path, '#!/bin/sh\nenv; echo "args: $*"\n');
      chmodSync(path, 0o755);
      const setup = 'echo noise; PATH=$PATH:$HOME/module';
      const text = slurmScheduler({ bin: folder, setup }).submit(request, "/scratch/o'neil/x.sh");
      const env = {
        ...{ HOME: '/scratch/user', USER: 'user', PATH: '/usr/bin:/bin', SLURM_CONF: '/etc/s.conf' },
        ...{ SECRET: 'x', SBATCH_TIMELIMIT: '1', SLURM_JOB_ID: '7', SLURM_MEM_PER_CPU: '1' },
      };

      const { stdout, status } = spawnSync('/bin/sh', ['-c', text], { env, encoding: 'utf8' });

      expect(status).toBe(0);
      const lines = stdout
        .trim()
        .split('\n')
        .filter((line) => !/^(?:PWD|_|SHLVL|OLDPWD)=/.test(line));
      expect(lines.toSorted()).toEqual([
        'HOME=/scratch/user',
        `PATH=/usr/local/bin:/usr/bin:/bin:${folder}`,
        'SHELL=/bin/sh',
        'SLURM_CONF=/etc/s.conf',
        'USER=user',
        "args: --parsable /scratch/o'neil/x.sh",
      ]);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  test('says which command is missing', () => {
    const { stderr, status } = spawnSync('/bin/sh', ['-c', slurm.status()], {
      env: { PATH: '/nowhere' },
      encoding: 'utf8',
    });

    expect(stderr).toContain('heddle: there is no squeue in PATH (/nowhere)');
    expect(slurm.readStatus({ code: status ?? 0, stdout: '', stderr })).toMatchObject({ kind: 'unknown' });
  });

  test('many ids are as many commands as their number needs', () => {
    const ids = Array.from({ length: 2500 }, (_, n) => `7_${n}`);
    expect(slurm.cancel(ids).match(/^slurm 'scancel'/gm)).toHaveLength(3);
  });
});
