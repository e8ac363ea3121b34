import { copyFileSync, chmodSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { runIdOf } from '../../integration/cli/harness.ts';
import { installNode, sshConfig, sshKey, TargetBox, targets } from './lab.ts';

const FLOW = `
import { command, sh, text, workflow } from 'heddle';
const greet = command('greet', {
  run: (p) => sh\`echo hello \${p.n} > out\`,
  outputs: { out: text('out') },
  resources: { cpus: 2, memory: '64MiB', time: '7m' },
  scheduling: { options: ['--comment=of-a-task'] },
});
export default workflow('greetings', () => [1, 2, 3].map((n) => greet({ n }).out));
`;

interface Findings {
  readonly well: boolean;
  readonly findings: readonly { readonly what: string; readonly state: string; readonly text: string }[];
}

async function findings(box: TargetBox, ...args: readonly string[]): Promise<Findings> {
  const ended = await box.heddle('doctor', ...args, '--json');
  return JSON.parse(ended.stdout) as Findings;
}

const finding = (what: string, state: string, text: RegExp): object =>
  expect.objectContaining({ what, state, text: expect.stringMatching(text) as string });

describe.skipIf(targets['slurm'] === undefined)('heddle plan --scripts', () => {
  interface Script {
    readonly task: string;
    readonly elements: number;
    readonly script: string;
  }

  test('shows what is submitted, to the letter, and connects to nothing', async () => {
    await using box = new TargetBox();
    box.write('flow.js', FLOW);
    // Nothing of Slurm is told to this one.
    const planned = await box.run(['plan', 'flow.js', '--scripts', '--backend', 'slurm', '--json']);
    const { scripts } = JSON.parse(planned.stdout) as { readonly scripts: readonly Script[] };
    expect(scripts).toMatchObject([{ task: 'greet', backend: 'slurm', tasks: 3, elements: 3 }]);
    expect(readdirSync(box.folder)).not.toContain('.heddle');

    await box.read('run', 'flow.js', '--backend', 'slurm');

    const target = join(box.folder, '.heddle', 'targets', 'slurm');
    const [submission = ''] = readdirSync(target).filter((name) => name !== 'ended' && !name.startsWith('wrapper-'));
    const [script = ''] = readdirSync(join(target, submission)).filter((name) => name.endsWith('.sh'));
    const submitted = readFileSync(join(target, submission, script), 'utf8');
    const said = submitted.replaceAll(submission, 'SUBMISSION').replaceAll(script.slice(0, -3), 'hSUBMISSION');
    expect(scripts[0]?.script).toBe(said);
    expect(said).toContain('#SBATCH --comment=of-a-task');
    expect(said).toContain('#SBATCH --array=0-2');
  });

  test('says what to do where nothing goes to a batch system', async () => {
    await using box = new TargetBox();
    box.write('flow.js', FLOW);

    const here = await box.run(['plan', 'flow.js', '--scripts']);
    const wrong = await box.run(['plan', 'flow.js', '--scripts', '--backend', 'slrum']);

    expect([here.code, wrong.code]).toEqual([2, 2]);
    expect(here.stderr).toMatch(/nothing of 'greetings' would go to a batch system\n {2}--backend chooses one: slurm/);
    expect(wrong.stderr).toMatch(/no backend is named "slrum"\n {2}did you mean 'slurm'\?/);
  });
});

describe('a target is chosen', () => {
  test.skipIf(targets['slurm'] === undefined)('by name, by a profile, and by its nearest name not at all', async () => {
    await using box = new TargetBox({ profiles: { night: { backend: 'slurm' } } });
    box.write('flow.js', FLOW);

    const wrong = await box.heddle('run', 'flow.js', '--backend', 'slrum');
    const none = await box.heddle('run', 'flow.js', '--profile', 'nihgt');
    await box.read('run', 'flow.js', '--profile', 'night');

    expect([wrong.code, none.code]).toEqual([2, 2]);
    expect(wrong.stderr).toContain("did you mean 'slurm'?");
    expect(none.stderr).toMatch(/night/);
    expect(await box.read('show')).toMatchObject({ status: 'done', backend: 'slurm' });
  });
});

describe.concurrent('heddle doctor', () => {
  test('finds what each target has', async () => {
    await using box = new TargetBox();

    const found = (await findings(box)).findings;

    const expected: Record<string, object> = {
      slurm: finding('slurm', 'well', /^scheduler: \d+\.\d+.*partition main/),
      grid: finding('grid', 'well', /^scheduler: SGE \d/),
      host: finding('host', 'well', /^files: .*GiB free/),
      pair: finding('pair', 'well', /^connection: ssh older answers/),
      boxed: finding('boxed', 'well', /^containers: .*bwrap/),
    };
    for (const name of Object.keys(targets)) expect(found).toContainEqual(expected[name]);
    expect(found.filter(({ what, state }) => state === 'wrong' && what in targets)).toEqual([]);
  });

  test.skipIf(targets['host'] === undefined)('says what is missing, and what to do', async () => {
    await using box = new TargetBox(
      {},
      {
        nobody: { transport: { ssh: 'nobody.invalid', config: sshConfig } },
        slurmless: { transport: { ssh: 'older', config: sshConfig }, scheduler: 'slurm', setup: 'PATH=/nowhere' },
        readonly: { transport: { ssh: 'old', config: sshConfig }, root: '/proc/heddle' },
      },
    );

    const { well, findings: found } = await findings(box, 'nobody', 'slurmless', 'readonly');
    const wrong = await box.heddle('doctor', 'slurmles');

    expect(well).toBe(false);
    expect(found).toContainEqual(finding('nobody', 'wrong', /can't be reached: .*nobody\.invalid/));
    expect(found).toContainEqual(finding('slurmless', 'wrong', /^scheduler: .*sinfo|sbatch/));
    expect(found).toContainEqual(finding('readonly', 'wrong', /^files: \/proc\/heddle can't be made .*root:/));
    expect(wrong.stderr).toContain("did you mean 'slurmless'?");
  });

  test.skipIf(targets['host'] === undefined)('brings Node where there is only an old one', async () => {
    const root = `~/doctor-${process.pid}`;
    await using box = new TargetBox({}, { fresh: { transport: { ssh: 'old', config: sshConfig }, root } });
    box.write('functions.js', 'export const where = () => process.version;\n');
    const flow = `import { task, workflow } from 'heddle';
import { where } from './functions.js';
const ask = task('where', where);
export default workflow('asked', () => ask());
`;
    box.write('flow.js', flow);

    const before = await findings(box, 'fresh');
    const refused = await box.heddle('run', 'flow.js', '--backend', 'fresh');
    const after = await findings(box, '--install', 'fresh');

    const mend = /^node: v18\.20\.4, too old for functions: heddle doctor --install fresh/;
    expect(before.findings).toContainEqual(finding('fresh', 'note', mend));
    expect(refused.code).toBe(1);
    expect(refused.stderr).toMatch(
      /functions can't run on fresh: its Node is v18\.20\.4.*\n.*heddle doctor --install fresh/,
    );
    expect(after.findings).toContainEqual(finding('fresh', 'well', /^node: v\d+\.\d+\.\d+, put there by us/));
    expect(await box.read('run', 'flow.js', '--backend', 'fresh')).toMatchObject({ result: process.version });
  });
});

describe.skipIf(targets['host'] === undefined)('a target that wants its user', () => {
  beforeAll(installNode);

  test('holds its jobs, says how to let it in, and goes on when it is let in', async () => {
    await using box = new TargetBox();
    const key = join(box.folder, 'key');
    const config = box.write(
      'ssh_config',
      readFileSync(sshConfig, 'utf8').replace(/IdentityFile .*/g, `IdentityFile ${key}`),
    );
    box.write('heddle.config.yaml', JSON.stringify({ backends: { locked: { transport: { ssh: 'old', config } } } }));
    box.write('flow.js', FLOW);

    const run = box.startHeddle('run', 'flow.js', '--backend', 'locked', '--json');
    await runIdOf(run);
    await run.said('stderr', /locked needs login: no key of ours was accepted .*in a terminal: ssh -F/);
    const why = await box.read('why', '/greet-1');
    copyFileSync(sshKey, key);
    chmodSync(key, 0o600);
    const { code, stdout, stderr } = await run.ended;

    expect(why).toMatchObject({ status: 'pending', detail: 'login' });
    expect(code, stderr).toBe(0);
    expect(stderr).toContain('locked lets us in again');
    expect(JSON.parse(stdout)).toMatchObject({ counts: { done: 3 }, result: ['hello 1\n', 'hello 2\n', 'hello 3\n'] });
  }, 120_000);
});
