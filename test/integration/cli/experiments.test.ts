import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { fileLines, Sandbox } from './harness.ts';

/** A study whose points note that they are computed; `melts` fails, `held` waits for a file. */
function study(
  space: string,
  { body = '', options = '{}' }: { readonly body?: string; readonly options?: string } = {},
): string {
  return `
    import { appendFileSync, existsSync } from 'node:fs';
    import { setTimeout as sleep } from 'node:timers/promises';
    import { experiment, grid, list, task, workflow } from 'heddle';
    const measure = task('measure', async (p) => {
      appendFileSync('computed.log', JSON.stringify(p) + '\\n');
      ${body}
      return { energy: { mean: -p.t * (p.d ?? 1) / 3, error: 0.1 }, phase: p.t > 1 ? 'gas' : 'liquid' };
    }, { grace: '50ms' });
    const fluid = workflow('fluid', (p) => measure({ ...p }));
    export default experiment('fluids', fluid, ${space}, ${options});
  `;
}

const SQUARE = 'grid({ t: [0.5, 1], d: [1, 2] })';

async function untilAsync(isSo: () => Promise<boolean>): Promise<void> {
  while (!(await isSo())) await sleep(20);
}

async function until(isSo: () => boolean): Promise<void> {
  await untilAsync(async () => isSo());
}

function computed(sandbox: Sandbox): readonly string[] {
  const path = join(sandbox.folder, 'computed.log');
  return existsSync(path) ? readFileSync(path, 'utf8').trim().split('\n') : [];
}

describe('heddle run of an experiment', () => {
  test('runs each point once, prints the table, and later only a column that was added', async () => {
    await using sandbox = new Sandbox();
    const file = sandbox.write('study.mjs', study(SQUARE));

    const first = await sandbox.run(['run', file]);
    const again = await sandbox.run(['run', file, '--json']);
    sandbox.write('study.mjs', study('grid({ t: [0.5, 0.75, 1], d: [1, 2] })'));
    const wider = await sandbox.run(['run', file]);

    expect([first.code, again.code, wider.code]).toEqual([0, 0, 0]);
    expect(first.stdout.replaceAll(/r-[0-9a-z]{20}/g, 'r')).toBe(
      [
        '  t  d  STATUS  energy.mean  energy.error  phase   RUN',
        '0.5  1  done      -0.166667           0.1  liquid  r',
        '0.5  2  done      -0.333333           0.1  liquid  r',
        '  1  1  done      -0.333333           0.1  liquid  r',
        '  1  2  done      -0.666667           0.1  liquid  r',
        '',
      ].join('\n'),
    );
    expect(JSON.parse(again.stdout)).toMatchObject({ experiment: 'fluids', status: 'done', size: 4, reused: 4 });
    expect(wider.stderr).toContain('6 done in');
    expect(wider.stderr).toContain('4 of them were done before');
    expect(computed(sandbox).slice(4).toSorted()).toEqual(['{"t":0.75,"d":1}', '{"t":0.75,"d":2}']);
  });

  test('a failed point stops no other; it is told, and tried again when that is asked for', async () => {
    await using sandbox = new Sandbox();
    const file = sandbox.write(
      'study.mjs',
      study(SQUARE, { body: "if (p.t === 1 && !existsSync('cool')) throw new Error('it melted');" }),
    );

    const first = await sandbox.run(['run', file]);
    const left = await sandbox.run(['run', file]);
    sandbox.write('cool', '');
    const retried = await sandbox.run(['run', file, '--retry-failed']);

    expect([first.code, left.code, retried.code]).toEqual([1, 1, 0]);
    expect(first.stderr).toContain('failed t=1 d=1: measure-1: Error: it melted');
    expect(first.stderr).toMatch(/see: heddle show r-[0-9a-z]{20}/);
    expect(first.stderr).toContain(`again: heddle run ${file} --retry-failed`);
    expect(left.stderr).toContain('2 points had failed or been cancelled before');
    expect(computed(sandbox).length).toBe(6);
    expect((await sandbox.json<{ counts: object }>(['show', 'fluids'])).counts).toMatchObject({ done: 4, failed: 0 });
  });

  test('two that start it at one moment start each point once', async () => {
    await using sandbox = new Sandbox();
    const space = 'grid({ t: Array.from({ length: 40 }, (_, i) => i) })';
    const file = sandbox.write('study.mjs', study(space, { body: 'await sleep(p.t % 3);' }));

    const ended = await Promise.all([sandbox.run(['run', file]), sandbox.run(['run', file])]);

    expect(ended.every(({ code }) => code === 0 || code === 4)).toBe(true);
    expect(ended.some(({ code }) => code === 0)).toBe(true);
    expect(computed(sandbox).length).toBe(40);
    expect(new Set(computed(sandbox)).size).toBe(40);
    expect((await sandbox.json<{ counts: object }>(['show', 'fluids'])).counts).toMatchObject({ done: 40 });
  });

  test('a second that comes later leaves what is run, and says who runs it', async () => {
    await using sandbox = new Sandbox();
    const body = "while (!existsSync('go')) await sleep(5);";
    const file = sandbox.write('study.mjs', study(SQUARE, { body }));
    const first = sandbox.start(['run', file]);
    await until(() => computed(sandbox).length >= 1);
    await untilAsync(async () => (await sandbox.run(['runs', 'fluids'])).stdout.split('\n').length > 4);

    const second = await sandbox.run(['run', file]);
    const planned = await sandbox.run(['plan', file]);
    sandbox.write('go', '');

    expect(second.code).toBe(4);
    expect(second.stderr).toContain(`4 points are run by process ${first.process.pid}; see: heddle show 'fluids'`);
    expect(planned.stderr).toContain('fluids: 4 elsewhere');
    expect((await first.ended).code).toBe(0);
    expect(computed(sandbox).length).toBe(4);
  });

  test('plan says of each point what becomes of it; graph and simulate are of the first', async () => {
    await using sandbox = new Sandbox();
    const options = "{ metric: 'energy.meen' }";
    const body = 'if (p.t === 1) throw new Error();';
    const file = sandbox.write('study.mjs', study('list([{ t: 0.5 }, { t: 1 }])', { body, options }));

    const fresh = await sandbox.run(['plan', file]);
    const run = await sandbox.run(['run', file]);
    sandbox.write('study.mjs', study('list([{ t: 0.5 }, { t: 1 }, { t: 2 }])', { body, options }));
    const later = await sandbox.run(['plan', file, '--detail']);
    const json = await sandbox.json<{ points: { action: string }[]; counts: object }>(['plan', file, '--retry-failed']);
    const graph = await sandbox.run(['graph', file]);

    expect(fresh.stdout).toBe('run  t=0.5\nrun  t=1\n');
    expect(run.stderr).toContain("warning: the metric 'energy.meen' is no column; there are energy.mean, energy.error");
    expect(later.stdout.replaceAll(/r-[0-9a-z]{20}/g, 'r')).toMatch(
      /^done in r {2}t=0\.5\nfailed in r \(left alone; --retry-failed\) {2}t=1\nrun {2}t=2\n {2}run +measure/,
    );
    expect(later.stderr).toContain('fluids: 1 run, 1 done, 1 left');
    expect(json.points.map(({ action }) => action)).toEqual(['done', 'retry', 'run']);
    expect(json.counts).toMatchObject({ done: 1, retry: 1, run: 1 });
    expect(graph.stderr).toContain('fluids is an experiment of 3 points; this is of the first, t=0.5');
  });

  test('killed in the midst, the same command goes on: nothing that was done is done again', async () => {
    await using sandbox = new Sandbox();
    const body = "while (p.t > 3 && !existsSync('free')) await sleep(5);";
    const file = sandbox.write('study.mjs', study('grid({ t: [1, 2, 3, 4, 5, 6] })', { body }));
    const killed = sandbox.start(['run', file, '--jobs', '2']);
    await fileLines(join(sandbox.folder, 'computed.log'), 5);
    // What was done is done in the store, too.
    while ((await sandbox.json<{ counts: { done: number } }>(['show', 'fluids'])).counts.done < 3);
    killed.process.kill('SIGKILL');
    await killed.ended;
    sandbox.write('free', '');

    const again = await sandbox.run(['run', file]);

    expect(again.code).toBe(0);
    const counts = new Map<string, number>();
    for (const line of computed(sandbox)) counts.set(line, (counts.get(line) ?? 0) + 1);
    expect([1, 2, 3].map((t) => counts.get(`{"t":${t}}`))).toEqual([1, 1, 1]);
    expect([...counts.values()].every((count) => count <= 2)).toBe(true);
    const { points } = await sandbox.json<{ points: readonly { status: string }[] }>(['show', 'fluids']);
    expect(points.map(({ status }) => status)).toEqual(Array.from({ length: 6 }, () => 'done'));
    // Interrupted points went on in the runs they had.
    expect((await sandbox.json<readonly unknown[]>(['runs', 'fluids'])).length).toBe(6);
  });

  test('a report stands for the table, and fails the command when it throws', async () => {
    await using sandbox = new Sandbox();
    const options = `{ report: (results) => {
      if (existsSync('broken')) throw new Error('no agreement');
      return results.map(({ parameters, result }) => parameters.t + ': ' + result.phase).join('\\n');
    } }`;
    const file = sandbox.write('study.mjs', study('grid({ t: [1, 2] })', { options }));

    const told = await sandbox.run(['run', file]);
    sandbox.write('broken', '');
    const failed = await sandbox.run(['run', file]);

    expect(told).toMatchObject({ code: 0, stdout: '1: liquid\n2: gas\n' });
    expect(failed).toMatchObject({ code: 1, stdout: '' });
    expect(failed.stderr).toContain("the report of experiment 'fluids' failed: no agreement");
    expect(computed(sandbox).length).toBe(2);
  });

  test('code that has changed since is told of, and --rerun computes all anew', async () => {
    await using sandbox = new Sandbox();
    sandbox.write('physics.mjs', 'export const factor = 2;\n');
    const text = `import { factor } from './physics.mjs';\n${study('grid({ t: [1, 2] })', { body: 'p = { t: p.t * factor };' })}`;
    const file = sandbox.write('study.mjs', text);
    await sandbox.run(['run', file]);
    sandbox.write('physics.mjs', 'export const factor = 3;\n');

    const again = await sandbox.run(['run', file]);
    const anew = await sandbox.run(['run', file, '--rerun']);
    const after = await sandbox.run(['run', file]);

    expect(again.stderr).toContain('note: 2 points were computed by other code (changed physics.mjs)');
    expect(computed(sandbox).length).toBe(4);
    expect(anew.stderr).not.toContain('note:');
    expect(after.stderr).not.toContain('note:');
  });

  test('parameters from the command line are the same for all points; those it varies are refused', async () => {
    await using sandbox = new Sandbox();
    const file = sandbox.write('study.mjs', study('grid({ t: [1, 2] })'));

    expect((await sandbox.run(['run', file, '-p', 'd=5'])).code).toBe(0);
    expect(computed(sandbox).toSorted()).toEqual(['{"d":5,"t":1}', '{"d":5,"t":2}']);
    const refused = await sandbox.run(['run', file, '-p', 't=5']);
    expect(refused).toMatchObject({ code: 2, stdout: '' });
    expect(refused.stderr).toContain("parameter 't' is one that experiment 'fluids' varies");
  });

  test.each([
    ['grid({ t: [] })', "'t' has no values"],
    [
      "grid({ t: [1, 2] }).where({ left: 't', compare: '>', right: 5 })",
      'the parameter space is empty: no point of the grid of 2 points where t > 5',
    ],
    ["grid({ t: [1, 2] }).where({ left: 'u', compare: '>', right: 5 })", "a condition names 'u'"],
  ])('%s is refused before anything starts', async (space, why) => {
    await using sandbox = new Sandbox();
    const file = sandbox.write('study.mjs', study(space));

    const ended = await sandbox.run(['run', file]);

    expect(ended.code).toBe(2);
    expect(ended.stderr).toContain(why);
    expect(computed(sandbox)).toEqual([]);
  });
});

describe('an experiment in listings', () => {
  test('show gives table, CSV, JSON and the best; runs gives it one line', async () => {
    await using sandbox = new Sandbox();
    const file = sandbox.write('study.mjs', study(SQUARE, { options: "{ metric: 'energy.mean' }" }));
    await sandbox.run(['run', file]);

    const csv = await sandbox.run(['show', 'fluids', '--csv']);
    const best = await sandbox.json<{ points: readonly { parameters: object; results: object }[] }>([
      'show',
      'fluids',
      '--best',
    ]);
    const largest = await sandbox.run(['show', 'fluids', '--best', 'energy.mean', '--max', '--csv']);
    const missing = await sandbox.run(['show', 'fluids', '--best', 'energi.mean']);
    const runs = await sandbox.run(['runs']);
    const exported = await sandbox.run(['export', 'fluids', '--to', 'rocrate']);

    expect(exported).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("name the run of one of its points: 'heddle show fluids' lists them") as string,
    });
    expect(csv.stdout.split('\r\n').map((line) => line.replace(/r-[0-9a-z]{20}/, 'r'))).toEqual([
      't,d,status,run,energy.mean,energy.error,phase',
      '0.5,1,done,r,-0.16666666666666666,0.1,liquid',
      '0.5,2,done,r,-0.3333333333333333,0.1,liquid',
      '1,1,done,r,-0.3333333333333333,0.1,liquid',
      '1,2,done,r,-0.6666666666666666,0.1,liquid',
      '',
    ]);
    expect(best.points).toMatchObject([{ parameters: { t: 1, d: 2 }, results: { 'energy.mean': -2 / 3 } }]);
    expect(largest.stdout).toContain('\r\n0.5,1,');
    expect(missing.code).toBe(2);
    expect(missing.stderr).toContain("did you mean 'energy.mean'?");
    expect(runs.stdout.trimEnd().split('\n').length).toBe(2);
    expect(runs.stdout).toMatch(/^experiment +fluids +done +4 points: 4 done/m);
  });

  test('is paused, resumed and cancelled as a whole, from a second terminal', async () => {
    await using sandbox = new Sandbox();
    const body = "while (!existsSync('free-' + p.t)) await sleep(5);";
    const file = sandbox.write('study.mjs', study('grid({ t: [1, 2, 3, 4] })', { body }));
    const log = join(sandbox.folder, 'computed.log');
    const running = sandbox.start(['run', file, '--jobs', '1']);
    await fileLines(log, 1);

    expect((await sandbox.run(['pause', 'fluids'])).stderr).toContain("go on with: heddle resume 'fluids'");
    sandbox.write('free-1', '');
    while ((await sandbox.json<{ counts: { done: number } }>(['show', 'fluids'])).counts.done < 1);
    expect(computed(sandbox)).toEqual(['{"t":1}']);
    expect((await sandbox.run(['resume', 'fluids'])).code).toBe(0);
    await fileLines(log, 2);
    const cancelled = await sandbox.run(['cancel', 'fluids']);
    const ended = await running.ended;

    expect(cancelled.code).toBe(0);
    expect(ended.code).toBe(1);
    expect(computed(sandbox)).toEqual(['{"t":1}', '{"t":2}']);
    expect((await sandbox.json<{ counts: object }>(['show', 'fluids'])).counts).toMatchObject({
      done: 1,
      cancelled: 3,
    });
  });

  test('Ctrl-C leaves it to be resumed by its name', async () => {
    await using sandbox = new Sandbox();
    const body = "while (p.t > 1 && !existsSync('free')) await sleep(5);";
    const file = sandbox.write('study.mjs', study('grid({ t: [1, 2, 3] })', { body }));
    const running = sandbox.start(['run', file, '--jobs', '1']);
    await fileLines(join(sandbox.folder, 'computed.log'), 2);
    running.process.kill('SIGINT');
    const interrupted = await running.ended;
    sandbox.write('free', '');

    const resumed = await sandbox.run(['resume', 'fluids']);

    expect(interrupted.code).toBe(130);
    expect(interrupted.stderr).toContain(`continue with: heddle run ${file}`);
    expect(resumed.code).toBe(0);
    expect(computed(sandbox).filter((line) => line === '{"t":1}').length).toBe(1);
  });
});
