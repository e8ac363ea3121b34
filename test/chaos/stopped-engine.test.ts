import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, test } from 'vitest';
import { giveBack, ownFolder } from '../own-folder.ts';
import { latestRun, readLedger, readStore } from './judging.ts';

/** F04: an engine stopped for longer than anybody waits, and continued. Who took its run over has it; it is fenced. */

const BIN = fileURLToPath(new URL('../../bin/heddle.cjs', import.meta.url));
const FLOW = fileURLToPath(new URL('flow.ts', import.meta.url));
const ENTRY = fileURLToPath(new URL('boundary.entry.ts', import.meta.url));
const JOBS = 21;

let directory = '';
const started: ChildProcess[] = [];

afterEach(async () => {
  for (const child of started.splice(0)) child.kill('SIGKILL');
  await giveBack(directory);
});

interface Life {
  readonly process: ChildProcess;
  readonly pid: number;
  readonly ended: Promise<{ readonly code: number | null; readonly stdout: string; readonly stderr: string }>;
}

function live(words: readonly string[]): Life {
  const child = spawn(process.execPath, words, {
    cwd: directory,
    env: { ...process.env, HEDDLE_STORE: join(directory, 'store'), NO_COLOR: '1' },
    stdio: ['ignore', 'pipe', 'pipe'],
    // As from two terminals: the stopped one must not stop the others.
    detached: true,
  });
  started.push(child);
  const said = { stdout: '', stderr: '' };
  for (const stream of ['stdout', 'stderr'] as const) {
    child[stream].setEncoding('utf8').on('data', (chunk: string) => {
      said[stream] += chunk;
    });
  }
  const ended = once(child, 'close').then(([code]) => ({ code: code as number | null, ...said }));
  return { process: child, pid: child.pid as number, ended };
}

const heddle = (...words: readonly string[]): Life => live([BIN, ...words]);
const boundary = (label: string, count: number, ...run: readonly string[]): Life =>
  live([ENTRY, directory, label, String(count), 'SIGSTOP', ...run]);

/** Resolves when the kernel has stopped a process. */
async function stopped(pid: number): Promise<void> {
  for (;;) {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    if (stat.slice(stat.lastIndexOf(')') + 2).startsWith('T')) return;
    await sleep(10);
  }
}

async function runOf(): Promise<string> {
  const run = await latestRun(join(directory, 'store'));
  if (run === undefined) throw new Error('no run was committed');
  return run.id;
}

/** What an administrator does who takes the owner for dead. */
function breakLock(): void {
  const owners = join(directory, 'store', 'owners');
  for (const name of readdirSync(owners)) if (name.endsWith('.lock')) rmSync(join(owners, name));
}

function starts(): Record<string, number> {
  return Object.fromEntries([...readLedger(directory)].map(([job, entry]) => [job, entry.starts]));
}

describe('F04: an engine stopped, and continued', () => {
  test('keeps its run: a second owner is refused and told whose it is; nothing is doubled', async () => {
    directory = ownFolder('stopped');
    const first = heddle('run', FLOW, '-p', 'shape=layers', '-p', `directory=${directory}`, '--jobs', '3');
    while (readLedger(directory).size < 5) await sleep(10);

    first.process.kill('SIGSTOP');
    await stopped(first.pid);
    const run = await runOf();
    const [second, cancel, shown] = await Promise.all([
      heddle('resume', run).ended,
      heddle('cancel', run).ended,
      heddle('show', run, '--json').ended,
    ]);
    first.process.kill('SIGCONT');
    const end = await first.ended;

    expect(second.code).toBe(4);
    expect(second.stderr).toContain(`in process ${first.pid} on `);
    expect(cancel.code).toBe(4);
    expect(cancel.stderr).toContain('does not answer');
    expect(JSON.parse(shown.stdout)).toMatchObject({ run, status: 'running' });
    expect(end, end.stderr).toMatchObject({ code: 0 });
    const { statuses } = await readStore(join(directory, 'store'), run);
    expect([...statuses.values()]).toEqual(Array.from({ length: JOBS }, () => 'done'));
    expect(Object.values(starts())).toEqual(Array.from({ length: JOBS }, () => 1));
  });

  test.each([
    'before-intent',
    'after-intent',
    'before-launch',
    'after-launch',
    'after-result',
    'before-result-commit',
    'after-commit-before-told',
  ])('whose run was taken over while it stood at %s commits nothing, starts nothing, and says so', async (label) => {
    directory = ownFolder('stopped');
    const first = boundary(label, 4);
    await stopped(first.pid);
    const run = await runOf();
    breakLock();

    const second = await boundary('nowhere', 1, run).ended;
    expect(second, second.stderr).toMatchObject({ code: 0 });
    const before = { ledger: readLedger(directory), store: await readStore(join(directory, 'store'), run) };
    first.process.kill('SIGCONT');
    const end = await first.ended;

    expect(end.code).not.toBe(0);
    expect(end.stderr).toContain('was taken over by another engine');
    expect([...before.store.statuses.values()]).toEqual(Array.from({ length: JOBS }, () => 'done'));
    expect(await readStore(join(directory, 'store'), run)).toEqual(before.store);
    expect(readLedger(directory)).toEqual(before.ledger);
    for (const [job, entry] of before.ledger) expect(entry.doubled, `${job}: an attempt began twice`).toEqual([]);
  });
});
