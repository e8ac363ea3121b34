import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { targetSettings } from '../../../src/config/index.ts';
import { command, Engine, sh, workflow } from '../../../src/index.ts';
import { targetBackends } from '../../../src/jobs/index.ts';
import { giveBack, ownFolder } from '../../own-folder.ts';
import { admin, slurm } from './cluster.ts';

const TASKS = 300;
/** Cpus of one allocation: so many tasks may be under way when it ends. */
const AT_A_TIME = 8;

describe.skipIf(!slurm.available)('many short tasks in allocations of a real Slurm, two machines each', () => {
  let project: string;
  let engines: ChildProcess[];

  beforeEach(() => {
    project = ownFolder('slurm-pool');
    engines = [];
  });
  afterEach(async () => {
    for (const engine of engines) engine.kill('SIGKILL');
    admin('scancel', '--user=root', '--partition=main');
    await giveBack(project);
  });

  function engine(): { readonly child: ChildProcess; readonly said: Promise<string> } {
    const entry = join(import.meta.dirname, 'pool.entry.ts');
    const child = spawn(process.execPath, [entry, project, String(TASKS)], { stdio: ['ignore', 'pipe', 'inherit'] });
    engines.push(child);
    let text = '';
    child.stdout?.on('data', (chunk: Buffer) => (text += chunk.toString()));
    return { child, said: once(child, 'close').then(() => text) };
  }

  const ledger = (): readonly string[] => {
    const path = join(project, 'ledger');
    return existsSync(path) ? readFileSync(path, 'utf8').trim().split('\n') : [];
  };
  const begun = async (count: number): Promise<void> => {
    await expect.poll(() => ledger().length, { timeout: 60_000, interval: 20 }).toBeGreaterThanOrEqual(count);
  };
  /** Native jobs of this test, as Slurm has them. */
  const native = (): readonly string[] =>
    admin('squeue', '--noheader', '--partition=main', '--format=%A %D').split('\n').filter(Boolean);

  test('machines that no partition has are refused at once, with what was asked for', async () => {
    const target = targetSettings(
      'pool',
      { scheduler: 'slurm', poll: { min: '250ms', max: '1s' }, allocation: { workers: 64, time: '10m' } },
      project,
    );
    const backends = [...(await targetBackends([target]))];
    await using large = await Engine.open({ store: join(project, 'store'), project, backends });
    const nothing = command('nothing', { run: () => sh`true` });
    const run = await large.run(
      workflow('flow', () => nothing()),
      { backend: 'pool' },
    );

    await expect(run.result()).rejects.toThrow(/no allocation can be had: .*PartitionConfig.*1 x 64 cpus for 600 s/);
    expect(native()).toEqual([]);
  });

  test('the engine is killed, the allocation is cancelled: what runs goes on, what ended is done, and nobody stays', async () => {
    const first = engine();
    await begun(60);
    first.child.kill('SIGKILL');
    await first.said;
    const allocation = native();
    expect(allocation).toEqual([expect.stringMatching(/^\d+ 2$/)]);

    const second = engine();
    await begun(120);
    // The same agents: nothing was asked for again, and nothing was begun twice.
    expect(native()).toEqual(allocation);
    const soFar = ledger();
    expect(new Set(soFar).size).toBe(soFar.length);
    admin('scancel', (allocation[0] ?? '').split(' ')[0] ?? '');
    const counts = JSON.parse(await second.said) as Readonly<Record<string, number>>;

    expect(counts).toMatchObject({ done: TASKS, failed: 0, cancelled: 0 });
    const all = ledger();
    expect(new Set(all).size).toBe(TASKS);
    expect(all.length).toBeLessThanOrEqual(TASKS + AT_A_TIME);
    // Nobody asks for anything any more: the agents leave, and Slurm has its machines back.
    await expect.poll(native, { timeout: 30_000, interval: 200 }).toEqual([]);
  });
});
