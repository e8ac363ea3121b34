import { cpSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Sandbox } from '../cli/harness.ts';

const EXAMPLE = join(import.meta.dirname, '..', '..', '..', 'examples', 'equation-of-state');
const LENGTH = ['-p', 'length=0.5'];
const POINTS = 6;

/** A project of somebody's with the example in it, as if it had been copied there, over six of its states and once each. */
function projectWithExample(): Sandbox {
  const sandbox = new Sandbox();
  sandbox.write('package.json', '{ "name": "somebody", "type": "module" }\n');
  mkdirSync(join(sandbox.folder, 'examples'));
  cpSync(EXAMPLE, join(sandbox.folder, 'examples', 'equation-of-state'), { recursive: true });
  for (const file of [STUDY, TWIN]) vary(sandbox, file, { density: '[0.003, 0.005, 0.776]', replica: '[1]' });
  return sandbox;
}

/** Writes other values into the lines that say the study's space. */
function vary(sandbox: Sandbox, file: string, values: Readonly<Record<string, string>>): void {
  let text = readFileSync(join(sandbox.folder, file), 'utf8');
  for (const [name, list] of Object.entries(values)) {
    const line = new RegExp(`^    ${name}: .*$`, 'm');
    expect(text).toMatch(line);
    text = text.replace(line, `    ${name}: ${list},`);
  }
  sandbox.write(file, text);
}

const STUDY = 'examples/equation-of-state/study.ts';
/** The same study as programs. */
const TWIN = 'examples/equation-of-state/programs.ts';

function published(sandbox: Sandbox, name: string): string {
  return readFileSync(join(sandbox.folder, 'results', 'equation-of-state', name), 'utf8');
}

interface ExperimentDocument {
  readonly counts: Readonly<Record<string, number>>;
  readonly points: readonly {
    readonly parameters: Readonly<Record<string, number>>;
    readonly status: string;
    readonly run: string;
  }[];
}

const shown = (sandbox: Sandbox): Promise<ExperimentDocument> => sandbox.json(['show', 'equation-of-state']);

describe('examples/equation-of-state', () => {
  let undisturbed: Sandbox;
  let printed: string;
  let code: number | null;

  beforeAll(async () => {
    undisturbed = projectWithExample();
    const ended = await undisturbed.run(['run', STUDY, ...LENGTH]);
    printed = ended.stdout;
    code = ended.code;
    if (code !== 0) throw new Error(`the study ended with ${code}: ${ended.stdout}${ended.stderr}`);
  });

  afterAll(async () => {
    await undisturbed[Symbol.asyncDispose]();
  });

  test('ends well, and prints the table with the published values and the verdict', () => {
    expect(code).toBe(0);
    expect(printed.trimEnd()).toBe(published(undisturbed, 'table.txt').trimEnd());
    expect(printed).toMatch(/^ *T\* +rho\* +runs +this study +reference +off by +this study +reference/m);
    expect(printed).toMatch(/^0\.85 +0\.776 +1 +-5\.\d+ ± 0\.\d+ +-5\.512/m);
    const agreement = /Agreement at (\d+) of 6 points .*required: 2\.\nPASSED/.exec(printed);
    expect(Number(agreement?.[1])).toBeGreaterThanOrEqual(2);
  });

  test('publishes one row of CSV a state point, whose numbers are those of the verdict', () => {
    const [header = '', ...rows] = published(undisturbed, 'eos.csv').trimEnd().split('\n');
    const names = header.split(',');
    const points = rows.map((row) => Object.fromEntries(row.split(',').map((cell, i) => [names[i], cell])));

    expect(points.map((point) => `${point['temperature']}/${point['density']}`)).toEqual([
      '0.85/0.003',
      '0.85/0.005',
      '0.85/0.776',
      '0.9/0.003',
      '0.9/0.005',
      '0.9/0.776',
    ]);
    for (const point of points) {
      const deviation =
        (Number(point['pressure']) - Number(point['pressure_reference'])) / Number(point['pressure_error']);
      expect(deviation).toBeCloseTo(Number(point['pressure_deviation']), 9);
      const isClose = Math.abs(deviation) <= 2 && Math.abs(Number(point['energy_deviation'])) <= 2;
      expect(point['agrees']).toBe(String(isClose));
    }
  });

  test('publishes a plot that is well-formed and shows every point', () => {
    const svg = published(undisturbed, 'eos.svg');

    expect(unclosedTags(svg)).toEqual([]);
    expect(svg.startsWith('<svg xmlns="http://www.w3.org/2000/svg"')).toBe(true);
    // Six points in pressure, energy and deviation of pressure, and three discs of the legend.
    expect(svg.match(/<circle [^>]*r="3.2"/g)).toHaveLength(6 * 3 + 3);
    expect(svg).not.toMatch(/NaN|Infinity|undefined/);
  });

  test('shows every point with what it returned', async () => {
    const { stdout } = await undisturbed.run(['show', 'equation-of-state', '--csv']);
    const [header = '', ...rows] = stdout.trimEnd().split('\r\n');

    expect(header).toBe(
      'length,temperature,density,replica,status,run,energy.mean,energy.error,pressure.mean,pressure.error,energyDrift',
    );
    expect(rows.length).toBe(POINTS);
    expect(rows[5]).toMatch(/^0\.5,0\.9,0\.776,1,done,r-/);
  });

  test('another temperature computes that column only', async () => {
    await using sandbox = projectWithExample();
    vary(sandbox, STUDY, { temperature: '[0.85]', density: '[0.003, 0.005]' });
    await sandbox.run(['run', STUDY, ...LENGTH]);
    const before = await shown(sandbox);
    vary(sandbox, STUDY, { temperature: '[0.85, 0.9]' });

    const wider = await sandbox.run(['run', STUDY, ...LENGTH]);
    const after = await shown(sandbox);

    expect(wider.code).toBe(0);
    expect(wider.stderr).toContain('4 done in');
    expect(wider.stderr).toContain('2 of them were done before');
    expect(after.points.slice(0, 2)).toEqual(before.points);
    expect(after.points.map(({ parameters }) => parameters['temperature'])).toEqual([0.85, 0.85, 0.9, 0.9]);
    // One attempt a point: nothing was computed twice.
    for (const { run } of after.points) {
      const { jobs } = await sandbox.json<{ jobs: readonly { attempt: number }[] }>(['show', run, '--all']);
      expect(jobs.map(({ attempt }) => attempt)).toEqual([1]);
    }
    expect((await sandbox.json<readonly unknown[]>(['runs', 'equation-of-state'])).length).toBe(4);
  });

  test('comes to the same numbers when it is interrupted and resumed, without simulating again what was done', async () => {
    await using sandbox = projectWithExample();
    const first = sandbox.start(['run', STUDY, ...LENGTH, '--jobs', '1']);
    await first.said('stderr', /experiment, 6 points/);
    for (;;) {
      const { counts } = await shown(sandbox);
      if ((counts['done'] ?? 0) >= 2) break;
    }
    first.process.kill('SIGINT');
    const interrupted = await first.ended;
    const before = await shown(sandbox);

    const resumed = await sandbox.run(['resume', 'equation-of-state']);
    const after = await shown(sandbox);

    const done = before.points.filter((point) => point.status === 'done');
    expect(interrupted.code).toBe(130);
    expect(interrupted.stderr).toContain('continue with: heddle run');
    expect(done.length).toBeGreaterThanOrEqual(2);
    expect(done.length).toBeLessThan(POINTS);
    expect(resumed.code).toBe(0);
    expect(resumed.stdout).toBe(printed);
    for (const name of readdirSync(join(undisturbed.folder, 'results', 'equation-of-state'))) {
      expect(published(sandbox, name)).toBe(published(undisturbed, name));
    }
    expect(after.points.filter(({ run }) => done.some((each) => each.run === run))).toEqual(done);
    expect(after.counts['done']).toBe(POINTS);
  });

  test('comes to the same bytes as programs in directories of their own', async () => {
    await using sandbox = projectWithExample();

    const ended = await sandbox.run(['run', TWIN, ...LENGTH]);

    expect(ended).toMatchObject({ code: 0, stdout: printed });
    for (const name of readdirSync(join(undisturbed.folder, 'results', 'equation-of-state'))) {
      expect(published(sandbox, name)).toBe(published(undisturbed, name));
    }
  });

  test('fails, and shows why, when it does not agree with the reference', async () => {
    await using sandbox = projectWithExample();
    vary(sandbox, STUDY, { temperature: '[0.9]', density: '[0.003]' });
    const reference = 'examples/equation-of-state/reference.csv';
    const text = readFileSync(join(sandbox.folder, reference), 'utf8');
    sandbox.write(reference, text.replace('0.90,0.003,-2.9787E-02,2.6485E-03', '0.90,0.003,-2.9787E+00,2.6485E-03'));

    const ended = await sandbox.run(['run', STUDY, '-p', 'length=0.1']);

    expect(ended.code).toBe(1);
    expect(ended.stderr).toContain('does not agree with the reference');
    expect(ended.stderr).toContain('FAILED');
  });
});

/** Tags that are not closed where they should be; empty for well-formed XML without entities of its own. */
function unclosedTags(xml: string): readonly string[] {
  const open: string[] = [];
  const wrong: string[] = [];
  const withoutTags = xml.replaceAll(
    /<(\/?)([a-z]+)((?:\s+[\w:-]+="[^"<]*")*)\s*(\/?)>/g,
    (_, end, name, _attributes, alone) => {
      if (end === '/' && open.pop() !== name) wrong.push(`/${String(name)}`);
      if (end === '' && alone === '') open.push(String(name));
      return '';
    },
  );
  if (/[<>]|&(?!amp;|lt;|gt;|quot;|#)/.test(withoutTags)) wrong.push('text');
  return [...wrong, ...open];
}
