import { cpSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { runIdOf, Sandbox } from '../cli/harness.ts';

const EXAMPLE = join(import.meta.dirname, '..', '..', '..', 'examples', 'equation-of-state');
/** Six of the study's points, at half length: enough to agree at four, and soon done. */
const SMALLER = [
  ...['-p', 'replicas=1', '-p', 'length=0.5', '-p', 'liquidDensities=[0.776]', '-p', 'gasDensities=[0.003,0.005]'],
];
const JOBS = 7;

/** A project of somebody's with the example in it, as if it had been copied there. */
function projectWithExample(): Sandbox {
  const sandbox = new Sandbox();
  sandbox.write('package.json', '{ "name": "somebody", "type": "module" }\n');
  mkdirSync(join(sandbox.folder, 'examples'));
  cpSync(EXAMPLE, join(sandbox.folder, 'examples', 'equation-of-state'), { recursive: true });
  return sandbox;
}

const STUDY = 'examples/equation-of-state/calls.ts';
/** The same study as programs. */
const TWIN = 'examples/equation-of-state/study.ts';

function published(sandbox: Sandbox, name: string): string {
  return readFileSync(join(sandbox.folder, 'results', 'equation-of-state', name), 'utf8');
}

interface JobDocument {
  readonly job: string;
  readonly status: string;
}

async function jobsOf(sandbox: Sandbox, run: string): Promise<readonly JobDocument[]> {
  const { jobs } = await sandbox.json<{ readonly jobs: readonly JobDocument[] }>(['show', run, '--all']);
  return jobs;
}

describe('examples/equation-of-state', () => {
  let undisturbed: Sandbox;
  let printed: string;
  let code: number | null;

  beforeAll(async () => {
    undisturbed = projectWithExample();
    const ended = await undisturbed.run(['run', STUDY, ...SMALLER]);
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
    const agreement = /Agreement at (\d+) of 6 points .*required: 4\.\nPASSED/.exec(printed);
    expect(Number(agreement?.[1])).toBeGreaterThanOrEqual(4);
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

  test('comes to the same numbers when it is interrupted and resumed, without simulating again what was done', async () => {
    await using sandbox = projectWithExample();
    const first = sandbox.start(['run', STUDY, ...SMALLER, '--jobs', '1']);
    const run = await runIdOf(first);
    for (;;) {
      const { counts } = await sandbox.json<{ readonly counts: { readonly done: number } }>(['show', run]);
      if (counts.done >= 2) break;
    }
    first.process.kill('SIGINT');
    const interrupted = await first.ended;
    const before = await jobsOf(sandbox, run);

    const resumed = await sandbox.run(['resume', run]);
    const after = await jobsOf(sandbox, run);

    const done = before.filter((job) => job.status === 'done');
    expect(interrupted.code).toBe(130);
    expect(interrupted.stderr).toContain(`heddle resume ${run}`);
    expect(done.length).toBeGreaterThanOrEqual(2);
    expect(done.length).toBeLessThan(JOBS);
    expect(resumed.code).toBe(0);
    expect(resumed.stdout).toBe(printed);
    for (const name of readdirSync(join(undisturbed.folder, 'results', 'equation-of-state'))) {
      expect(published(sandbox, name)).toBe(published(undisturbed, name));
    }
    // Every field of a finished job is as it was: attempt, start, end.
    expect(after.filter(({ job }) => done.some((each) => each.job === job))).toEqual(done);
    expect(after.filter((job) => job.status === 'done')).toHaveLength(JOBS);
  });

  test('comes to the same bytes as programs in directories of their own', async () => {
    await using sandbox = projectWithExample();

    const ended = await sandbox.run(['run', TWIN, ...SMALLER]);

    expect(ended).toMatchObject({ code: 0, stdout: printed });
    for (const name of readdirSync(join(undisturbed.folder, 'results', 'equation-of-state'))) {
      expect(published(sandbox, name)).toBe(published(undisturbed, name));
    }
  });

  test('fails, and shows why, when it agrees at fewer points than are asked for', async () => {
    await using sandbox = projectWithExample();

    const ended = await sandbox.run([
      ...['run', STUDY, '-p', 'replicas=1', '-p', 'length=0.1', '-p', 'temperatures=[2]'],
      ...['-p', 'liquidDensities=[]', '-p', 'gasDensities=[0.003,0.005]'],
    ]);

    expect(ended.code).toBe(1);
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
