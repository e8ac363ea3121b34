import { describe, expect, test } from 'vitest';
import { join } from 'node:path';
import { openStoreAt } from '../../src/jobs/open-store.ts';
import { asRunId } from '../../src/model/index.ts';
import { type Ended, runIdOf, Sandbox } from '../integration/cli/harness.ts';

/** F07: the engine's memory ends. */

const JOBS = 1_000_000;
/** What a run of a million jobs is promised to need of V8's heap, everything included: MiB. */
const ENOUGH_MIB = 256;
const TOO_LITTLE_MIB = 96;

/** A million no-ops behind one; user code in the engine's process that eats its memory while `leak` is there. */
const MILLION = `
import { existsSync } from 'node:fs';
import { noop, workflow } from 'heddle';
const kept = [];
setInterval(() => {
  while (existsSync('leak')) kept.push(Array.from({ length: 100_000 }, (_, i) => ({ i })));
}, 20).unref();
export default workflow('million', (p) => {
  const first = noop();
  for (let i = 1; i < p.n; i += 1) noop(first);
});
`;

const heap = (mib: number) => ({ env: { NODE_OPTIONS: `--max-old-space-size=${mib}` } });
const outOfMemory = (end: Ended): void => {
  expect(end.stderr).toContain('heap out of memory');
  expect([end.signal, end.code]).toContain('SIGABRT');
};

/** Fence of each job by its index; 0 for what is not done. */
async function fencesOfDone(store: string, run: string): Promise<Uint32Array> {
  await using opened = await openStoreAt(store);
  const fences = new Uint32Array(JOBS);
  for await (const rows of opened.jobs(asRunId(run))) {
    for (const { job, status, fence } of rows) if (status === 'done') fences[job] = fence;
  }
  return fences;
}

describe('F07: out of memory', () => {
  test('with too small a heap for the graph nothing is begun, and the next who comes finds the store well', async () => {
    await using box = new Sandbox();
    box.write('flow.js', MILLION);

    outOfMemory(await box.run(['run', 'flow.js', '-p', `n=${JOBS}`], heap(TOO_LITTLE_MIB)));

    expect(await box.json(['run', 'flow.js', '-p', 'n=10'])).toMatchObject({ status: 'done', counts: { done: 10 } });
    expect(await box.json(['runs'])).toHaveLength(1);
  });

  test(`half-way through a million jobs; with ${ENOUGH_MIB} MiB it resumes, and ends, and runs nothing again`, async () => {
    await using box = new Sandbox();
    box.write('flow.js', MILLION);
    const store = join(box.folder, '.heddle');
    const first = box.start(['run', 'flow.js', '-p', `n=${JOBS}`], heap(ENOUGH_MIB));
    const run = await runIdOf(first);
    let done = 0;
    while (done < 50_000) {
      const { counts } = await box.json<{ counts: Record<string, number> }>(['show', run]);
      done = counts['done'] ?? 0;
    }
    const leak = box.write('leak', '');

    outOfMemory(await first.ended);
    box.remove(leak);
    const before = await fencesOfDone(store, run);
    const resumed = await box.run(['resume', run, '--json'], heap(ENOUGH_MIB));

    expect(resumed, resumed.stderr).toMatchObject({ code: 0 });
    expect(JSON.parse(resumed.stdout)).toMatchObject({ status: 'done', counts: { done: JOBS } });
    const after = await fencesOfDone(store, run);
    expect(after.findIndex((fence) => fence === 0)).toBe(-1);
    expect(before.findIndex((fence, job) => fence !== 0 && after[job] !== fence)).toBe(-1);
    expect(before.filter((fence) => fence !== 0).length).toBeGreaterThanOrEqual(done);
  });
});
