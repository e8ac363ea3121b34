import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, constants, existsSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { giveBack, ownFolder } from '../../own-folder.ts';
import { admin, controller, jobsSoFar, slurm, standIn } from './cluster.ts';
import { CROWD, EARLY, type GraphName } from './graphs.ts';

interface Ended {
  readonly signal: NodeJS.Signals | null;
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

describe.skipIf(!slurm.available)('an engine on a real Slurm, killed', () => {
  let home: string;
  let engines: ChildProcess[];

  beforeEach(() => {
    home = ownFolder('slurm-killed');
    engines = [];
  });
  afterEach(async () => {
    for (const engine of engines) engine.kill('SIGKILL');
    admin('scancel', '--user=root');
    await giveBack(home);
  });

  function engine(
    verb: 'run' | 'resume',
    graph: GraphName,
  ): { readonly child: ChildProcess; readonly ended: Promise<Ended> } {
    const entry = join(import.meta.dirname, 'engine.entry.ts');
    const child = spawn(process.execPath, [entry, home, verb, graph], { stdio: ['ignore', 'pipe', 'pipe'] });
    engines.push(child);
    const said = { stdout: '', stderr: '' };
    child.stdout?.on('data', (text: Buffer) => (said.stdout += text.toString()));
    child.stderr?.on('data', (text: Buffer) => (said.stderr += text.toString()));
    const ended = once(child, 'close').then(([status, signal]) => ({
      ...said,
      status: status as number | null,
      signal: signal as NodeJS.Signals | null,
    }));
    return { child, ended };
  }

  const ledger = (): readonly string[] => {
    const path = join(home, 'ledger');
    return existsSync(path) ? readFileSync(path, 'utf8').trim().split('\n') : [];
  };

  /** The next sbatch kills the engine: before it submits, while it does, or when it has and before anybody heard of it. */
  function dieAt(moment: 'before' | 'during' | 'after'): void {
    const kill = `kill -KILL "$(cat '${home}/engine.pid')"`;
    const steps = {
      before: `${kill}; exit 1`,
      during: `"$real" "$@" & ${kill}; wait; exit 0`,
      after: `"$real" "$@" >'${home}/answer'; ${kill}; exit 0`,
    };
    writeFileSync(join(home, 'armed'), '');
    standIn(
      join(home, 'bin'),
      'sbatch',
      `if rm '${home}/armed' 2>/dev/null; then ${steps[moment]}; fi\nexec "$real" "$@"`,
    );
  }

  test.each(['before', 'during', 'after'] as const)('%s sbatch: ten jobs, none doubled, none lost', async (moment) => {
    dieAt(moment);
    expect(await engine('run', 'ten').ended).toMatchObject({ signal: 'SIGKILL' });

    const resumed = await engine('resume', 'ten').ended;

    expect(resumed).toMatchObject({ signal: null, status: 0, stderr: '' });
    expect(JSON.parse(resumed.stdout)).toMatchObject({ status: 'done', counts: { done: 11, failed: 0, cancelled: 0 } });
    // Nothing that was submitted may still come: what is not over yet would write later.
    await nothingLeft();
    expect(ledger().slice(0, 10).toSorted()).toEqual(Array.from({ length: 10 }, (_, n) => `job-${n}`));
    expect(ledger().slice(10)).toEqual(['last']);
  });

  test('killed again and again, at every moment in turn, it still ends the same', async () => {
    dieAt('after');
    let ended = await engine('run', 'ten').ended;
    for (const moment of ['before', 'during', 'after'] as const) {
      dieAt(moment);
      if (ended.signal === 'SIGKILL') ended = await engine('resume', 'ten').ended;
    }
    if (ended.signal === 'SIGKILL') ended = await engine('resume', 'ten').ended;

    expect(ended).toMatchObject({ signal: null, status: 0, stderr: '' });
    await nothingLeft();
    expect(ledger().toSorted()).toEqual([...Array.from({ length: 10 }, (_, n) => `job-${n}`), 'last'].toSorted());
  });

  test(`with ${CROWD} live jobs, of which ${EARLY} end and are forgotten by Slurm meanwhile: none submitted again, none lost`, async () => {
    const gates = ['early', 'late'].map((gate) => join(home, gate));
    admin('mkfifo', ...gates);
    const before = jobsSoFar();
    const { child, ended } = engine('run', 'crowd');
    await expect.poll(() => ledger().length, { timeout: 120_000 }).toBe(CROWD);
    child.kill('SIGKILL');
    await ended;

    const open = gates.map((gate) => () => openSync(gate, constants.O_RDWR));
    const held = [open[0]?.() ?? 0];
    await expect.poll(() => native('R,CG').length, { timeout: 60_000 }).toBe(CROWD - EARLY);
    controller('stop');
    controller('up', 2);
    await expect.poll(() => native('all').length, { timeout: 60_000 }).toBe(CROWD - EARLY);
    const resumed = engine('resume', 'crowd');
    held.push(open[1]?.() ?? 0);
    const { stdout, stderr } = await resumed.ended;
    for (const gate of held) closeSync(gate);
    controller('stop');
    controller('up');

    expect(stderr).toBe('');
    expect(JSON.parse(stdout)).toMatchObject({ status: 'done', counts: { done: CROWD, failed: 0, cancelled: 0 } });
    expect(ledger().toSorted()).toEqual(Array.from({ length: CROWD }, (_, n) => `job-${n}`).toSorted());
    expect(jobsSoFar() - before).toBe(CROWD);
  });
});

/** Slurm's jobs in these states, an element each. */
function native(states: string): readonly string[] {
  const rows = admin('squeue', '--noheader', '--array', `--states=${states}`, '--partition=wide', '--format=%i');
  return rows.split('\n').filter((row) => row !== '');
}

/** Resolves when Slurm has nothing waiting or running any more. */
async function nothingLeft(): Promise<void> {
  await expect.poll(() => admin('squeue', '--noheader', '--states=PD,CF,R,CG'), { timeout: 60_000 }).toBe('');
}
