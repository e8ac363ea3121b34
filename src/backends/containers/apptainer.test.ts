import { execFileSync, spawnSync } from 'node:child_process';
import { hash } from 'node:crypto';
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { ContainerSpec } from '../../model/index.ts';
import type { ContainerFacts } from './container-facts.ts';
import { containerText } from './container-text.ts';
import { readContainer } from './record.ts';

/*
 * Apptainer can't be had everywhere: here a program of its name writes down what it is told, and runs what it was to run, so that the
 * whole text is run as it is. What apptainer itself makes of these lines is its manual's word.
 */
const APPTAINER = `#!/bin/sh
printf '%s\\n' "$@" "--" >>"$RECORD"
env | grep '^\\(APPTAINER\\|SINGULARITY\\)ENV_' | sort >>"$RECORD"
if [ "$1" = pull ]; then echo "image $3" >"$2"; exit; fi
while [ "$1" != /bin/sh ]; do shift; done
exec "$@"
`;

let home: string;

beforeEach(() => {
  home = realpathSync(mkdtempSync(join(tmpdir(), 'heddle-apptainer-')));
  mkdirSync(join(home, 'bin'));
  mkdirSync(join(home, 'project/bin'), { recursive: true });
  for (const name of ['apptainer', 'singularity']) {
    writeFileSync(join(home, 'bin', name), APPTAINER);
    chmodSync(join(home, 'bin', name), 0o755);
  }
});
afterEach(() => rmSync(home, { recursive: true }));

function facts(spec: ContainerSpec, more: Partial<ContainerFacts> = {}): ContainerFacts {
  return {
    spec,
    run: 'r-1',
    job: 'job',
    attempt: 'a-1',
    directory: join(home, 'run/0/job.1'),
    project: join(home, 'project'),
    inputs: [],
    environment: { HEDDLE_ATTEMPT: 'a-1', GREETING: "it's\nme" },
    secrets: [],
    body: { text: 'echo "ran $1"; exit 3' },
    cpus: 1,
    graceMs: 1000,
    ...more,
  };
}

/** Runs the text as a launcher would; what apptainer was told, line by line. */
function ran(what: ContainerFacts, preamble = ''): { readonly code: number | null; readonly told: readonly string[] } {
  mkdirSync(join(what.directory, 'inputs'), { recursive: true });
  for (const { name, at } of what.inputs) {
    rmSync(join(what.directory, 'inputs', name), { force: true });
    symlinkSync(at, join(what.directory, 'inputs', name));
  }
  writeFileSync(join(what.directory, 'command.sh'), `#!/bin/sh\n${containerText(what, preamble)}`);
  const { status } = spawnSync('/bin/sh', ['command.sh'], {
    cwd: what.directory,
    env: { PATH: `${home}/bin:/usr/bin:/bin`, RECORD: join(home, 'record') },
  });
  const told = readFileSync(join(home, 'record'), 'utf8').trimEnd().split('\n');
  return { code: status, told };
}

test('an image by name is pulled once a run, as one file; the command line is apptainer’s own', () => {
  const what = facts(
    { image: 'quay.io/tools:1', runtime: 'apptainer' },
    { inputs: [{ name: 'reads.fq', at: '/data/reads.fq' }], gpus: [1] },
  );

  const first = ran(what);
  const sif = first.told[1]?.replace(/\.\d+$/, '') ?? '';
  const { directory } = what;

  expect(first.code).toBe(3);
  expect(first.told).toEqual([
    ...['pull', expect.stringMatching(/\/run\/\.images\/[0-9a-f]{20}\.sif\.\d+$/), 'docker://quay.io/tools:1', '--'],
    ...[
      'exec',
      '--cleanenv',
      '--contain',
      '--workdir',
      `${directory}/.scratch`,
      '--pwd',
      directory,
      '--bind',
      directory,
    ],
    ...['--bind', '/data/reads.fq:/data/reads.fq:ro', '--bind', `${directory}/inputs:${directory}/inputs:ro`],
    ...['--bind', `${home}/project/bin:${home}/project/bin:ro`],
    ...['--net', '--network', 'none', '--nv', sif, '/bin/sh', './command.sh', 'inside', 'apptainer', '--'],
    ...["APPTAINERENV_GREETING=it's", 'APPTAINERENV_HEDDLE_ATTEMPT=a-1'],
  ]);
  expect(readContainer(directory)).toMatchObject({
    runtime: 'apptainer',
    digest: `sha256:${hash('sha256', readFileSync(sif))}`,
    said: 'exited',
    code: 3,
  });
  rmSync(join(home, 'record'));
  expect(ran(what).told[0]).toBe('exec');
});

test('a file is run as it is, with secrets by name, mounts and options', () => {
  const image = join(home, 'my tools.sif');
  writeFileSync(image, 'image');
  const { code, told } = ran(
    facts(
      {
        image,
        runtime: 'singularity',
        network: 'host',
        mounts: [
          { from: '${project}/refs', to: '/refs' },
          { from: '/scratch', to: '/scratch', writable: true },
        ],
        options: ['--writable-tmpfs'],
        entrypoint: true,
      },
      { secrets: ['TOKEN'], environment: {} },
    ),
    `export TOKEN='s ecret'\n`,
  );

  expect(code).toBe(3);
  expect(told[0]).toBe('run');
  expect(told.slice(told.indexOf('--bind') + 2, -1)).toEqual([
    ...['--bind', `${home}/project/refs:/refs:ro`, '--bind', '/scratch:/scratch'],
    ...['--bind', `${home}/project/bin:${home}/project/bin:ro`],
    ...['--writable-tmpfs', image, '/bin/sh', './command.sh', 'inside', 'singularity', '--'],
  ]);
  expect(told.at(-1)).toBe('SINGULARITYENV_TOKEN=s ecret');
});

test('where nobody says which, the first that is found is taken, and told', () => {
  const what = facts({ image: 'quay.io/tools:1' });
  rmSync(join(home, 'bin/apptainer'));
  mkdirSync(what.directory, { recursive: true });
  writeFileSync(join(what.directory, 'command.sh'), `#!/bin/sh\n${containerText(what)}`);
  // A PATH with nothing on it that runs containers but ours.
  for (const tool of ['sh', 'env', 'grep', 'sort', 'mkdir', 'rm', 'mv', 'ln', 'sha256sum', 'id']) {
    const real = execFileSync('/bin/sh', ['-c', `command -v ${tool}`], { encoding: 'utf8' }).trim();
    writeFileSync(join(home, 'bin', tool), `#!/bin/sh\nexec ${real} "$@"\n`, { mode: 0o755 });
  }
  const env = { PATH: `${home}/bin`, RECORD: join(home, 'record') };
  const { status } = spawnSync('/bin/sh', ['command.sh'], { cwd: what.directory, env });
  expect(status).toBe(3);
  expect(readContainer(what.directory)?.runtime).toBe('singularity');

  rmSync(join(home, 'bin/singularity'));
  const none = spawnSync('/bin/sh', ['command.sh'], { cwd: what.directory, env, encoding: 'utf8' });
  expect(none.stderr).toContain(
    'there is nothing here that runs containers (podman, docker, apptainer, singularity, ch-run)',
  );
  expect(readContainer(what.directory)).toMatchObject({ state: 'ended', failed: 'runtime', code: 125 });
});

test('who is to be what it can’t be is refused', () => {
  expect(() => containerText(facts({ image: 'a', runtime: 'apptainer', user: 'bob' }))).toThrow("container user 'bob'");
  expect(() => containerText(facts({ image: 'a' }, { directory: '/with:colon' }))).toThrow('/with:colon');
  expect(() => containerText(facts({ image: 'a', runtime: 'bubblewrap' }))).toThrow('bubblewrap has no registry');
});
