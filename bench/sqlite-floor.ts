import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { scratch } from './engine.ts';

/** As many as the jobs of a large run. */
const ROWS = 1_000_000;

/**
 * A table of a million rows of number and status by `node:sqlite`, WAL, `full`; statuses updated in order, with
 * nothing around. Gives updates a second.
 */
export async function bareUpdates(updates: number, aTransaction: number): Promise<number> {
  await using directory = await scratch();
  const db = new DatabaseSync(join(directory.path, 'bare.db'));
  db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL');
  db.exec('CREATE TABLE bare (id INTEGER PRIMARY KEY, status TEXT)');
  db.exec(
    `INSERT INTO bare WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < ${ROWS - 1}) SELECT i, 'pending' FROM n`,
  );
  db.exec('PRAGMA wal_checkpoint(TRUNCATE)');
  const update = db.prepare("UPDATE bare SET status = 'done' WHERE id = ?");
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
