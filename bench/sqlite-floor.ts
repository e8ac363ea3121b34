import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { scratch } from './engine.ts';

/** Bare updates of one integer column by `node:sqlite` in WAL mode, `full`, with nothing around. Gives updates a second. */
export async function bareUpdates(updates: number, aTransaction: number): Promise<number> {
  await using directory = await scratch();
  const db = new DatabaseSync(join(directory.path, 'bare.db'));
  db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL');
  db.exec('CREATE TABLE bare (id INTEGER PRIMARY KEY, v INTEGER)');
  db.exec(
    `INSERT INTO bare WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < ${updates}) SELECT i, 0 FROM n`,
  );
  const update = db.prepare('UPDATE bare SET v = v + 1 WHERE id = ?');
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
