import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { MIGRATIONS } from '../src/store/schema.ts';
import { scratch } from './engine.ts';

/** As many as the jobs of a large run. */
const ROWS = 1_000_000;

/** What a granted job's row says; `n` is its index. */
const GRANTED = `1, n, 'running', 'starting', 1, 0, 0, printf('a-%016x', n * 7919), 'inline',
  '{"place":"inline","cpus":1}', '', 0, '', 1700000000000 + n, 0, 0, 0, 0, ''`;

/**
 * The store's own table of jobs with a million granted rows, by `node:sqlite` with nothing
 * around, WAL, `full`: one UPDATE by primary key a row, in order of the key, that sets its status. Gives updates a
 * second: what a commit that only changes statuses could do at best.
 */
export async function bareUpdates(updates: number, aTransaction: number): Promise<number> {
  await using directory = await scratch();
  const db = new DatabaseSync(join(directory.path, 'bare.db'));
  db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL');
  for (const step of MIGRATIONS) db.exec(step);
  db.exec(
    `INSERT INTO jobs WITH RECURSIVE rows(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM rows WHERE n < ${ROWS - 1})
     SELECT ${GRANTED} FROM rows`,
  );
  db.exec('PRAGMA wal_checkpoint(TRUNCATE)');
  const update = db.prepare("UPDATE jobs SET status = 'done' WHERE run_key = 1 AND job = ?");
  const begin = performance.now();
  for (let i = 0; i < updates; i += aTransaction) {
    db.exec('BEGIN IMMEDIATE');
    for (let j = i; j < Math.min(updates, i + aTransaction); j += 1) update.run(j);
    db.exec('COMMIT');
  }
  const seconds = (performance.now() - begin) / 1000;
  db.close();
  return updates / seconds;
}
