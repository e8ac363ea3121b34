import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { asRunId, type JobRow } from '../../../src/model/index.ts';
import { openStoreAt } from '../../../src/jobs/open-store.ts';
import { processesUnder } from '../../processes.ts';
import { fileLines, runIdOf, Sandbox, type Started } from './harness.ts';

/**
 * Two commands that run until `go` is there, and one that waits for a place. Each start is a line of the ledger. `deaf`
 * hears no TERM; `heedful` says so when it does, and ends well.
 */
const FLOW = (grace: string): string => `
import { command, raw, sh, workflow } from 'heddle';
const wait = \`until test -e "$project/go"; do sleep 0.02; done\`;
const deaf = command('deaf', { run: () => sh\`trap '' TERM; echo deaf >> "$project/ledger"; \${raw(wait)}\`, grace: '${grace}' });
const heedful = command('heedful', {
  run: () => sh\`trap 'echo told >> "$project/told"; exit 0' TERM; echo heedful >> "$project/ledger"; \${raw(wait)}\`,
  grace: '${grace}',
});
const late = command('late', { run: () => sh\`echo late >> "$project/ledger"\` });
export default workflow('stopped', () => {
  deaf({}).named('deaf');
  heedful({}).named('heedful');
  late({}).named('late');
});
`;

/** Runs the flow until both long commands are at work. */
async function atWork(box: Sandbox, grace: string): Promise<{ readonly run: Started; readonly id: string }> {
  box.write('flow.js', FLOW(grace));
  const run = box.start(['run', 'flow.js', '--jobs', '2', '--json']);
  const id = await runIdOf(run);
  await fileLines(join(box.folder, 'ledger'), 2);
  return { run, id };
}

async function rows(box: Sandbox, id: string): Promise<readonly JobRow[]> {
  await using store = await openStoreAt(join(box.folder, '.heddle'));
  const found: JobRow[] = [];
  for await (const batch of store.jobs(asRunId(id))) found.push(...batch);
  return found;
}

const ledger = (box: Sandbox): readonly string[] =>
  readFileSync(join(box.folder, 'ledger'), 'utf8').trim().split('\n').toSorted();

describe('F03: SIGTERM while commands run', () => {
  test('cancels them with their grace, then kills; starts nothing more, charges nothing, and resume finishes', async () => {
    await using box = new Sandbox();
    const { run, id } = await atWork(box, '400ms');

    run.process.kill('SIGTERM');
    const ended = await run.ended;

    expect(ended.code).toBe(130);
    expect(JSON.parse(ended.stdout)).toMatchObject({
      status: 'pending',
      counts: { pending: 3, running: 0, done: 0, failed: 0, cancelled: 0 },
    });
    // It was told, and had its grace; the deaf one was killed. Nothing lives.
    expect(readFileSync(join(box.folder, 'told'), 'utf8')).toBe('told\n');
    expect(processesUnder(box.folder)).toEqual([]);
    expect(ledger(box)).toEqual(['deaf', 'heedful']);
    expect(await box.json(['show', id])).toMatchObject({ status: 'pending', reason: 'interrupted' });
    expect(await rows(box, id)).toMatchObject([
      { job: 0, status: 'pending', detail: 'interrupted', charged: 0, losses: 0 },
      { job: 1, status: 'pending', detail: 'interrupted', charged: 0, losses: 0 },
    ]);

    box.write('go', '');
    expect(await box.json(['resume'])).toMatchObject({ run: id, status: 'done', counts: { done: 3 } });
    expect(ledger(box)).toEqual(['deaf', 'deaf', 'heedful', 'heedful', 'late']);
  });

  test('a second one leaves now, whatever the grace; what went on is taken up again, not run again', async () => {
    await using box = new Sandbox();
    const { run, id } = await atWork(box, '10m');

    run.process.kill('SIGTERM');
    await run.said('stderr', /again to leave at once/);
    run.process.kill('SIGTERM');
    const ended = await run.ended;

    expect(ended).toMatchObject({ code: 130, stderr: expect.stringContaining(`heddle resume ${id}`) });
    expect(processesUnder(box.folder)).not.toEqual([]);
    expect(existsSync(join(box.folder, 'go'))).toBe(false);

    box.write('go', '');
    expect(await box.json(['resume'])).toMatchObject({ run: id, status: 'done', counts: { done: 3 } });
    expect(ledger(box).filter((job) => job === 'deaf')).toEqual(['deaf']);
  });

  test('between two attempts: the backoff is kept for resume, and nothing more is charged', async () => {
    await using box = new Sandbox();
    box.write(
      'flow.js',
      `import { command, sh, workflow } from 'heddle';
const flaky = command('flaky', {
  run: () => sh\`echo flaky >> "$project/ledger"; test -e "$project/go"\`,
  retry: { maxAttempts: 2, initialDelay: '1h' },
});
export default workflow('flaky', () => void flaky({}).named('flaky'));
`,
    );
    const run = box.start(['run', 'flow.js', '--json']);
    const id = await runIdOf(run);
    await run.said('stderr', /to be tried again/);

    run.process.kill('SIGTERM');
    expect((await run.ended).code).toBe(130);

    expect(await rows(box, id)).toMatchObject([{ status: 'pending', detail: 'backoff', charged: 1 }]);
    expect(ledger(box)).toEqual(['flaky']);
  });
});
