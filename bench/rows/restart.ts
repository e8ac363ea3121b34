import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { DatabaseSync } from 'node:sqlite';
import { fileURLToPath } from 'node:url';
import { scratch } from '../engine.ts';
import { count, type Figures, ms, type Row, times } from '../row.ts';

const JOBS = 1_000_000;
const BUDGET_MS = 2000;
const SCRIPT = fileURLToPath(new URL('../restart.entry.ts', import.meta.url));

interface Started {
  readonly process: ChildProcess;
  readonly lines: AsyncIterableIterator<string>;
}

function start(mode: string, directory: string): Started {
  const child = spawn(process.execPath, [SCRIPT, mode, directory], { stdio: ['ignore', 'pipe', 'inherit'] });
  return { process: child, lines: createInterface({ input: child.stdout })[Symbol.asyncIterator]() };
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode === null) await once(child, 'exit');
  if (child.exitCode !== 0) throw new Error(`a process of the restart row ended with ${child.exitCode}`);
}

async function killHalfDone(directory: string): Promise<void> {
  const { process: child, lines } = start('begin', directory);
  const { value } = await lines.next();
  if (value !== 'half') throw new Error(`expected half of it, got ${value}`);
  const exit = once(child, 'exit');
  child.kill('SIGKILL');
  await exit;
}

/** Kills an engine half-way through a million jobs, starts another, and holds what it did against two ledgers. */
async function killAndRestart(): Promise<Figures> {
  await using directory = await scratch();
  await killHalfDone(directory.path);
  await ended(start('look', directory.path).process);

  const restarted = performance.timeOrigin + performance.now();
  const { process: child, lines } = start('resume', directory.path);
  const first = await lines.next();
  const firstMs = Number(String(first.value).replace('first ', '')) - restarted;
  const end = await lines.next();
  await ended(child);
  if (end.value !== `end done ${JOBS}`) throw new Error(`the resumed run came to: ${end.value}`);

  const done = await readFile(join(directory.path, 'done'));
  const started = await readFile(join(directory.path, 'started'));
  const told = await readFile(join(directory.path, 'told'));
  const figures = { firstMs, committed: 0, again: 0, toldAgain: 0, told: told.length >> 2 };
  for (let job = 0; job < JOBS; job += 1) {
    figures.committed += done[job] as number;
    figures.again += (done[job] as number) & (started[job] as number);
  }
  for (let i = 0; i + 4 <= told.length; i += 4) figures.toldAgain += started[told.readUInt32LE(i)] as number;
  return figures;
}

/** Reads a million rows of number and status back, and does nothing with them. */
async function bareRead(): Promise<Figures> {
  await using directory = await scratch();
  const path = join(directory.path, 'bare.db');
  const writer = new DatabaseSync(path);
  writer.exec('PRAGMA journal_mode = WAL; CREATE TABLE bare (id INTEGER PRIMARY KEY, status TEXT)');
  writer.exec(
    `INSERT INTO bare WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < ${JOBS - 1}) SELECT i, 'done' FROM n`,
  );
  writer.close();
  const begin = performance.now();
  const db = new DatabaseSync(path, { readOnly: true });
  const rows = db.prepare('SELECT id, status FROM bare');
  rows.setReturnArrays(true);
  let read = 0;
  for (const _ of rows.iterate()) read += 1;
  if (read !== JOBS) throw new Error(`read ${read} rows`);
  const took = performance.now() - begin;
  db.close();
  return { ms: took };
}

export const restart: Row = {
  name: 'restart',
  repetitions: 3,
  probes: { heddle: { run: killAndRestart }, read: { run: bareRead } },
  conclude(median) {
    const first = median('heddle', 'firstMs');
    const again = median('heddle', 'again') + median('heddle', 'toldAgain');
    const floor = median('read', 'ms');
    return [
      {
        what: 'SIGKILL with 1,000,000 jobs half done: first job started',
        ours: ms(first),
        rival: `${ms(floor)} bare read of as many rows`,
        ratio: times(first / floor),
        budget: `<= ${BUDGET_MS / 1000} s`,
        isMet: first <= BUDGET_MS,
        method:
          'from the start of the new process (Node included) to its listener hearing of the first start; SQLite, normal; rival: 1,000,000 rows of number and status by node:sqlite',
      },
      {
        what: 'SIGKILL with 1,000,000 jobs half done: committed jobs that ran again',
        ours: `${count(again)} of ${count(median('heddle', 'committed'))}`,
        rival: 'none',
        ratio: '-',
        budget: 'none',
        isMet: again === 0,
        method:
          'starts of the second process held against the rows found done before it, and against a ledger outside the store of what the first was told',
      },
    ];
  },
};
