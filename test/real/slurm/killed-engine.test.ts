import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { requireComponent } from '../components/components.ts';
import { runTool } from './slurm-client.ts';

const slurm = await requireComponent('slurm');
if (slurm.available) Object.assign(process.env, slurm.env);

describe.skipIf(!slurm.available)('an engine on a real Slurm, killed between submission and answer', () => {
  let home: string;

  beforeEach(() => {
    home = mkdtempSync(join(tmpdir(), 'heddle-slurm-'));
  });
  afterEach(() => rmSync(home, { recursive: true, force: true }));

  function engine(...args: readonly string[]) {
    const entry = join(import.meta.dirname, 'engine.entry.ts');
    const { signal, status, stdout, stderr } = spawnSync(process.execPath, [entry, home, ...args], {
      encoding: 'utf8',
      timeout: 120_000,
    });
    return { signal, status, stdout, stderr };
  }

  test.each(['before', 'during', 'after'])('%s sbatch: ten jobs, none doubled, none lost', async (moment) => {
    expect(engine('run', moment)).toMatchObject({ signal: 'SIGKILL' });

    const resumed = engine('resume');

    expect(resumed).toMatchObject({ signal: null, status: 0, stderr: '' });
    expect(JSON.parse(resumed.stdout)).toMatchObject({ status: 'done', counts: { done: 11, failed: 0, cancelled: 0 } });
    // Nothing that was submitted may still come: what is not over yet would write later.
    await quiet();
    const ledger = readFileSync(join(home, 'ledger'), 'utf8').trim().split('\n');
    expect(ledger.slice(0, 10).toSorted()).toEqual(Array.from({ length: 10 }, (_, n) => `job-${n}`));
    expect(ledger.slice(10)).toEqual(['last']);
  });

  test('killed again and again, at every moment in turn, it still ends the same', async () => {
    let ended = engine('run', 'after');
    for (const moment of ['before', 'during', 'after', 'never']) {
      if (ended.signal === 'SIGKILL') ended = engine('resume', moment);
    }

    expect(ended).toMatchObject({ signal: null, status: 0, stderr: '' });
    await quiet();
    const ledger = readFileSync(join(home, 'ledger'), 'utf8').trim().split('\n');
    expect(ledger.toSorted()).toEqual([...Array.from({ length: 10 }, (_, n) => `job-${n}`), 'last'].toSorted());
  });
});

/** Resolves when Slurm has nothing waiting or running any more. */
async function quiet(): Promise<void> {
  await expect
    .poll(async () => await runTool('squeue', ['--noheader', '--states=PD,CF,R,CG']), { timeout: 60_000 })
    .toEqual({ kind: 'ok', stdout: '' });
}
