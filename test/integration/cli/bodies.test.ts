import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { canLimit, cgroup, type Cgroup } from '../../cgroup.ts';
import { processesUnder } from '../../processes.ts';
import { fileLines, Sandbox } from './harness.ts';

/** What commands do to themselves and to who runs them, and what the run then says. */

interface Job {
  readonly job: string;
  readonly status: string;
  readonly reason: string;
  readonly attempt: number;
  readonly outcome: { readonly kind: string; readonly note?: string } | null;
}

const flow = (body: string): string => `
import { command, sh, workflow } from 'heddle';
export default workflow('bodies', () => {
${body}
});
`;

/** Runs to the end, which must be a failure; gives the summary and the jobs by name. */
async function failing(
  box: Sandbox,
  options: { readonly before?: string } = {},
): Promise<{ readonly counts: Record<string, number>; readonly jobs: Record<string, Job> }> {
  const ran = await box.run(['run', 'flow.js', '--jobs', '2', '--json'], options);
  expect(ran.code, ran.stderr).toBe(1);
  const { run, counts } = JSON.parse(ran.stdout) as { run: string; counts: Record<string, number> };
  const shown = await box.json<{ jobs: readonly Job[] }>(['show', run, '--all']);
  return { counts, jobs: Object.fromEntries(shown.jobs.map((job) => [job.job, job])) };
}

describe('F24: how a command ended', () => {
  test('at its time limit it ended by that, whatever it does about it, and nothing of it lives', async () => {
    await using box = new Sandbox();
    box.write(
      'flow.js',
      flow(`
  const timeout = { run: '300ms' };
  const options = (run) => ({ run: () => run, timeout, grace: '200ms' });
  command('plain', options(sh\`sleep 60\`))().named('plain');
  command('polite', options(sh\`trap 'exit 0' TERM; while :; do sleep 0.05; done\`))().named('polite');
  command('deaf', options(sh\`trap '' TERM; while :; do sleep 0.05; done\`))().named('deaf');
  command('quick', options(sh\`exit 124\`))().named('quick');`),
    );

    const { jobs } = await failing(box);

    for (const job of ['plain', 'polite', 'deaf']) {
      expect(jobs[job]).toMatchObject({
        status: 'failed',
        reason: 'timeout',
        outcome: { kind: 'timeout', timeout: 'run' },
      });
    }
    expect(jobs['quick']).toMatchObject({ status: 'failed', reason: 'exit', outcome: { kind: 'exit', code: 124 } });
    expect(processesUnder(box.folder)).toEqual([]);
  });

  test.runIf(canLimit('memory', 'commands killed for want of memory'))(
    'killed by the kernel for want of memory is told from killed by a user, and from exit 137',
    async () => {
      await using box = new Sandbox();
      using group = cgroup('memory', 400 * 1024 * 1024) as Cgroup;
      const hungry = 'const kept = []; for (;;) kept.push(Buffer.alloc(16 * 1024 * 1024, 1));';
      box.write(
        'flow.js',
        flow(`
  const node = ${JSON.stringify(process.execPath)};
  const hungry = ${JSON.stringify(hungry)};
  const killed = command('killed', { run: () => sh\`kill -KILL $$\` })().named('killed');
  const said = command('said', { run: () => sh\`exit 137\` })().named('said');
  const itself = command('itself', { run: () => [node, '-e', hungry] })().after(killed, ['failed']).after(said, ['failed']).named('itself');
  command('child', { run: () => sh\`\${node} -e \${hungry}; exit $?\` })().after(itself, ['failed']).named('child');`),
      );

      const { jobs } = await failing(box, { before: group.enter });

      expect(jobs['killed']).toMatchObject({ reason: 'signal', outcome: { kind: 'signal', signal: 'SIGKILL' } });
      expect(jobs['said']).toMatchObject({ reason: 'exit', outcome: { kind: 'exit', code: 137 } });
      expect(jobs['itself']).toMatchObject({ reason: 'memory' });
      expect(jobs['child']).toMatchObject({ reason: 'memory' });
    },
  );
});

describe('F25: a poisoned command', () => {
  test('that kills every launcher it meets is given up after so many; the rest goes on', async () => {
    await using box = new Sandbox();
    box.write(
      'flow.js',
      flow(`
  const poison = command('poison', {
    run: () => sh\`echo x >> "$project/ledger"; kill -KILL $PPID; sleep 60\`,
    retry: { maxLosses: 3 },
  })().named('poison');
  command('needs', { run: () => sh\`true\` })().after(poison).named('needs');
  for (let i = 0; i < 12; i += 1) command('good', { run: () => sh\`sleep 0.05\` })();`),
    );

    const { counts, jobs } = await failing(box);

    expect(counts).toMatchObject({ done: 13, failed: 1 });
    expect(jobs['poison']).toMatchObject({ status: 'failed', reason: 'lost', attempt: 4 });
    expect(await fileLines(join(box.folder, 'ledger'), 4)).toHaveLength(4);
    expect(processesUnder(box.folder)).toEqual([]);
  });

  test('that kills the engine too has ended only once, and its end counts after each resume', async () => {
    await using box = new Sandbox();
    box.write(
      'flow.js',
      flow(`
  command('poison', {
    run: () => sh\`echo x >> "$project/ledger"; read -r _ _ _ engine _ < /proc/$PPID/stat; kill -KILL $engine; sleep 0.2; exit 5\`,
  })().named('poison');`),
    );

    const killed = await box.run(['run', 'flow.js']);
    const resumed = await box.run(['resume', '--json']);

    expect(killed.signal).toBe('SIGKILL');
    expect(resumed.code).toBe(1);
    expect(JSON.parse(resumed.stdout)).toMatchObject({ status: 'failed', counts: { failed: 1 } });
    expect(await box.json(['show', `${JSON.parse(resumed.stdout).run}/poison`])).toMatchObject({
      reason: 'exit',
      attempt: 1,
      outcome: { kind: 'exit', code: 5 },
    });
    expect(await fileLines(join(box.folder, 'ledger'), 1)).toEqual(['x']);
  });
});
