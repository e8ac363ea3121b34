import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, test } from 'vitest';
import { giveBack, ownFolder } from '../own-folder.ts';
import { latestRun, readLedger, readStore } from './judging.ts';

/** F01: SIGKILL at every boundary a commit or an effect has. F02: during recovery itself, twice in a row. */

const ENTRY = fileURLToPath(new URL('boundary.entry.ts', import.meta.url));
const LABELS = [
  'before-intent',
  'after-intent',
  'before-launch',
  'after-launch',
  'after-start-told',
  'after-result',
  'before-result-commit',
  'after-commit-before-told',
  'before-release',
] as const;
const JOBS = 21;

let directory = '';

afterEach(() => giveBack(directory));

/** Runs the engine until it ends or kills itself; gives how. */
async function live(
  label: string,
  count: number,
  run?: string,
): Promise<{ signal: NodeJS.Signals | null; code: number | null; stderr: string }> {
  const words = [ENTRY, directory, label, String(count), 'SIGKILL', ...(run === undefined ? [] : [run])];
  const child = spawn(process.execPath, words, { stdio: ['ignore', 'ignore', 'pipe'] });
  let stderr = '';
  child.stderr.on('data', (chunk: Buffer) => {
    stderr += chunk.toString();
  });
  const [code, signal] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null];
  return { code, signal, stderr };
}

interface Death {
  readonly done: readonly string[];
  readonly starts: ReadonlyMap<string, number>;
}

async function whatIsCommitted(run: string): Promise<Death> {
  const { statuses } = await readStore(join(directory, 'store'), run);
  const starts = new Map([...readLedger(directory)].map(([job, entry]) => [job, entry.starts]));
  return { done: [...statuses].filter(([, status]) => status === 'done').map(([job]) => job), starts };
}

/** Resumes undisturbed and judges the end against the ledger. */
async function finishAndJudge(run: string, deaths: readonly Death[]): Promise<void> {
  const end = await live('nowhere', 1, run);
  expect(end, end.stderr).toMatchObject({ code: 0, signal: null });
  const { statuses } = await readStore(join(directory, 'store'), run);
  expect([...statuses.values()].filter((status) => status === 'done')).toHaveLength(JOBS);
  const ledger = readLedger(directory);
  for (const [job, entry] of ledger) expect(entry.doubled, `${job}: an attempt began twice`).toEqual([]);
  for (const { done, starts } of deaths) {
    for (const job of done) expect(ledger.get(job)?.starts, `${job} ran again after its commit`).toBe(starts.get(job));
  }
}

async function runOf(): Promise<string> {
  const run = await latestRun(join(directory, 'store'));
  if (run === undefined) throw new Error('the run itself was not committed');
  return run.id;
}

describe('F01: killed at a boundary, and resumed', () => {
  for (const label of LABELS) {
    test.each([1, 5])(`${label}, time %i`, async (count) => {
      directory = ownFolder('boundary');

      const first = await live(label, count);

      expect(first, first.stderr).toMatchObject({ signal: 'SIGKILL' });
      const run = await runOf();
      await finishAndJudge(run, [await whatIsCommitted(run)]);
    });
  }
});

describe('F02: killed while it recovers, twice in a row', () => {
  test.each(['before-recovery', 'after-recovery'])('%s', async (label) => {
    directory = ownFolder('boundary');
    await live('after-launch', 4);
    const run = await runOf();
    const deaths = [await whatIsCommitted(run)];

    for (let time = 0; time < 2; time += 1) {
      const killed = await live(label, 1, run);
      expect(killed, killed.stderr).toMatchObject({ signal: 'SIGKILL' });
      deaths.push(await whatIsCommitted(run));
    }

    await finishAndJudge(run, deaths);
  });
});
