import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { command, Engine, type LogChunk, type LogsOptions, type RunHandle, sh, workflow } from 'heddle';

const folder = mkdtempSync(join(tmpdir(), 'heddle-logs-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const speak = command('speak', {
  run: (p: { word: string; until: string }) =>
    sh`echo ${p.word}; echo to errors >&2; while [ ! -e ${p.until} ]; do sleep 0.02; done; echo end`,
});
const brief = command('brief', { run: (p: { word: string }) => sh`echo ${p.word}` });

async function gathered(run: RunHandle, options: LogsOptions = {}): Promise<Record<string, string>> {
  const all: Record<string, string> = {};
  for await (const chunk of run.logs(options)) add(all, chunk);
  return all;
}

function add(all: Record<string, string>, { job, stream, bytes }: LogChunk): void {
  all[`${job} ${stream}`] = (all[`${job} ${stream}`] ?? '') + Buffer.from(bytes).toString();
}

describe.each([
  ['in memory', {}],
  ['kept', { store: join(folder, 'store') }],
])('the logs of a run, %s', (_, options) => {
  it('are what its jobs wrote', async () => {
    await using engine = await Engine.open(options);
    const run = await engine.run(workflow('two', () => [brief({ word: 'one' }), brief({ word: 'two' })]));
    await run.wait();

    expect(await gathered(run)).toEqual({ 'brief-1 stdout': 'one\n', 'brief-2 stdout': 'two\n' });
    expect(await gathered(run, { jobs: ['brief-2'] })).toEqual({ 'brief-2 stdout': 'two\n' });
    await expect(gathered(run, { jobs: ['brief-9'] })).rejects.toMatchObject({ code: 'JOB_NOT_FOUND' });
  });

  it('are followed to the end, each byte once', async () => {
    await using engine = await Engine.open(options);
    const until = join(mkdtempSync(join(folder, 'go-')), 'go');
    const run = await engine.run(
      workflow('slow', () => speak({ word: 'first', until }).after(brief({ word: 'before' }))),
    );
    const all: Record<string, string> = {};
    for await (const chunk of run.logs({ follow: true })) {
      add(all, chunk);
      // The job ends only once its first word has come through.
      if (chunk.job === 'speak-1') writeFileSync(until, '');
    }

    expect(all).toEqual({
      'brief-1 stdout': 'before\n',
      'speak-1 stdout': 'first\nend\n',
      'speak-1 stderr': 'to errors\n',
    });
  });
});
