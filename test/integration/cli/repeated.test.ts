import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { command, Engine, sh, workflow } from '../../../src/index.ts';
import type { EngineEvent } from '../../../src/model/index.ts';
import { processesUnder } from '../../processes.ts';
import { fileLines, runIdOf, Sandbox, type Started } from './harness.ts';

interface Shown {
  readonly status: string;
  readonly reason: string;
  readonly counts: Readonly<Record<string, number>>;
}

async function until(box: Sandbox, id: string, isSo: (shown: Shown) => boolean): Promise<Shown> {
  for (;;) {
    const shown = await box.json<Shown>(['show', id]);
    if (isSo(shown)) return shown;
  }
}

/** A run of endless commands, some of them at work. */
async function endless(box: Sandbox): Promise<{ readonly run: Started; readonly id: string }> {
  box.write(
    'flow.js',
    `import { command, noop, sh, workflow } from 'heddle';
const forever = command('forever', {
  run: (p) => sh\`echo \${p.i} >> "$project/ledger"; trap 'echo told >> "$project/told"; exit 1' TERM; while :; do sleep 0.05; done\`,
});
export default workflow('endless', () => {
  noop().named('quick');
  for (let i = 0; i < 4; i += 1) forever({ i });
});
`,
  );
  const run = box.start(['run', 'flow.js', '--jobs', '2', '--json']);
  const id = await runIdOf(run);
  await fileLines(join(box.folder, 'ledger'), 2);
  return { run, id };
}

describe('F40: asked twice, too late, or in between', () => {
  test('the same run submitted twice at once is one run, and its bodies ran once', async () => {
    await using box = new Sandbox();
    const once = command('once', { run: () => sh`echo x >> "$project/ledger"; sleep 0.1` });
    const flow = workflow('once', () => {
      for (let i = 0; i < 5; i += 1) once();
    });
    const open = (): Promise<Engine> => Engine.open({ store: join(box.folder, '.heddle'), project: box.folder });
    await using first = await open();
    await using second = await open();

    const answers = await Promise.allSettled(
      [first, second, first, second].map((engine) => engine.run(flow, { id: 'order-7' })),
    );
    const handles = answers.flatMap((answer) => (answer.status === 'fulfilled' ? [answer.value] : []));
    expect(handles).toHaveLength(1);
    expect(await handles[0]?.wait()).toMatchObject({ status: 'done', counts: { done: 5 } });
    const late = second.run(flow, { id: 'order-7' });

    await expect(late).rejects.toMatchObject({ code: 'STATE_CONFLICT', message: expect.stringContaining('order-7') });
    for (const answer of answers) {
      if (answer.status === 'rejected') expect(answer.reason).toMatchObject({ code: 'STATE_CONFLICT' });
    }
    expect(await fileLines(join(box.folder, 'ledger'), 5)).toHaveLength(5);
    expect(await first.runs()).toHaveLength(1);
  });

  test('a job cancelled between two attempts has no next one', async () => {
    await using box = new Sandbox();
    box.write(
      'flow.js',
      `import { command, noop, sh, workflow } from 'heddle';
const flaky = command('flaky', { run: () => sh\`exit 1\`, retry: { maxAttempts: 5, initialDelay: '1h' } });
export default workflow('flaky', () => {
  noop(flaky().named('flaky')).named('after');
  flaky().named('other');
});
`,
    );
    const run = box.start(['run', 'flow.js', '--json']);
    const id = await runIdOf(run);
    await run.said('stderr', /(to be tried again[^]*){2}/);

    expect(await box.run(['cancel', `${id}/flaky`])).toMatchObject({ code: 0 });
    expect(await box.json(['show', `${id}/flaky`])).toMatchObject({ status: 'cancelled', reason: 'user', attempt: 1 });
    expect(await box.json(['show', `${id}/after`])).toMatchObject({ status: 'cancelled', reason: 'upstream' });
    expect(await box.json(['show', `${id}/other`])).toMatchObject({ status: 'pending', reason: 'backoff' });
    expect(await box.run(['cancel', id])).toMatchObject({ code: 0 });

    expect(JSON.parse((await run.ended).stdout)).toMatchObject({ status: 'cancelled', counts: { cancelled: 3 } });
  });

  test('two cancels of a run at once are one; one of a finished run is refused and changes nothing', async () => {
    await using box = new Sandbox();
    const { run, id } = await endless(box);

    const answers = await Promise.all([box.run(['cancel', id]), box.run(['cancel', id])]);
    const ended = await run.ended;
    const late = await box.run(['cancel', id]);

    // Who comes when the other has been done to the end is told that.
    for (const { code, stderr } of answers) {
      if (code !== 0)
        expect({ code, stderr }).toMatchObject({ code: 2, stderr: expect.stringContaining('is finished') });
    }
    expect(answers.some(({ code }) => code === 0)).toBe(true);
    expect(JSON.parse(ended.stdout)).toMatchObject({ status: 'cancelled', counts: { done: 1, cancelled: 4 } });
    expect(await fileLines(join(box.folder, 'told'), 2)).toHaveLength(2);
    expect(processesUnder(box.folder)).toEqual([]);
    expect(late).toMatchObject({ code: 2, stderr: expect.stringMatching(/is finished: cancelled/) });
    expect(await box.json(['show', id])).toMatchObject({ status: 'cancelled', counts: { done: 1, cancelled: 4 } });
  });

  test('a cancel of what is done already is granted, and changes nothing', async () => {
    await using box = new Sandbox();
    const { run, id } = await endless(box);

    expect(await box.run(['cancel', `${id}/quick`])).toMatchObject({ code: 0 });
    expect(await box.json(['show', `${id}/quick`])).toMatchObject({ status: 'done' });
    await box.run(['cancel', id]);
    expect(JSON.parse((await run.ended).stdout)).toMatchObject({ counts: { done: 1, cancelled: 4 } });
  });

  test('a pause in the middle of starting stops the starting, and nothing is lost by it', async () => {
    await using box = new Sandbox();
    box.write(
      'flow.js',
      `import { command, sh, workflow } from 'heddle';
const step = command('step', { run: () => sh\`echo x >> "$project/ledger"; sleep 0.02\` });
export default workflow('many', () => {
  for (let i = 0; i < 300; i += 1) step();
});
`,
    );
    const ledger = join(box.folder, 'ledger');
    const run = box.start(['run', 'flow.js', '--jobs', '8', '--json']);
    const id = await runIdOf(run);
    await fileLines(ledger, 20);

    expect(await box.run(['pause', id])).toMatchObject({ code: 0 });
    const paused = await until(box, id, (shown) => shown.counts['running'] === 0);
    const begun = (await fileLines(ledger, 0)).length;
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(await fileLines(ledger, 0)).toHaveLength(begun);
    expect(paused.reason).toBe('paused');
    expect(begun).toBeLessThan(300);

    expect(await box.run(['resume', id])).toMatchObject({ code: 0 });
    expect(JSON.parse((await run.ended).stdout)).toMatchObject({ status: 'done', counts: { done: 300 } });
    expect(await fileLines(ledger, 300)).toHaveLength(300);
  });

  test('a cancel that meets the end of its job gives one end, whichever was first', async () => {
    await using box = new Sandbox();
    const short = command('short', { run: (p: { ms: number }) => sh`sleep ${p.ms / 1000}` });
    const flow = workflow('short', () => {
      for (let i = 0; i < 24; i += 1) short({ ms: i * 4 }).named(`job-${i}`);
    });
    mkdirSync(join(box.folder, 'work'));
    await using engine = await Engine.open({ directory: join(box.folder, 'work'), project: box.folder, slots: 24 });
    const ends = new Map<string, string[]>();
    engine.listen((events: readonly EngineEvent[]) => {
      for (const event of events) {
        if (event.kind !== 'job' || !['done', 'failed', 'cancelled'].includes(event.status)) continue;
        ends.set(event.job, [...(ends.get(event.job) ?? []), event.status]);
      }
    });
    const run = await engine.run(flow);
    await new Promise((resolve) => setTimeout(resolve, 50));

    await Promise.all(Array.from({ length: 24 }, (_, i) => run.cancel([`job-${i}`])));
    const view = await run.wait();

    expect(ends.size).toBe(24);
    for (const [job, statuses] of ends) expect(statuses, job).toHaveLength(1);
    expect(view.counts).toMatchObject({ failed: 0, running: 0, pending: 0 });
    expect(view.counts.done + view.counts.cancelled).toBe(24);
  });
});
