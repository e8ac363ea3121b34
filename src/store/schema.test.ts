import { DatabaseSync } from 'node:sqlite';
import { expect, test } from 'vitest';
import { APPLICATION_ID, MIGRATIONS, migrate } from './schema.ts';

function version(db: DatabaseSync): unknown {
  return db.prepare('PRAGMA user_version').get()?.['user_version'];
}

test('brings an empty database to the present schema, and leaves it there', () => {
  using db = new DatabaseSync(':memory:');

  migrate(db, 'x.db');
  migrate(db, 'x.db');

  expect(version(db)).toBe(MIGRATIONS.length);
  expect(db.prepare('PRAGMA application_id').get()?.['application_id']).toBe(APPLICATION_ID);
});

test('leaves nothing of a step that failed, and goes on from there when it is opened again', () => {
  using db = new DatabaseSync(':memory:');
  const first = MIGRATIONS[0] as string;
  const broken = [
    first,
    'CREATE TABLE extra (x INTEGER) STRICT; INSERT INTO nowhere VALUES (1)',
    'CREATE TABLE last (x) ',
  ];
  expect(() => migrate(db, 'x.db', broken)).toThrow('nowhere');
  expect(version(db)).toBe(1);
  expect(db.prepare("SELECT 1 FROM sqlite_schema WHERE name = 'extra'").get()).toBeUndefined();

  migrate(db, 'x.db', [first, 'CREATE TABLE extra (x INTEGER) STRICT', 'CREATE TABLE last (x INTEGER) STRICT']);

  expect(version(db)).toBe(3);
  db.exec('INSERT INTO extra VALUES (1); INSERT INTO last VALUES (1)');
});

test('refuses a newer schema, naming both', () => {
  using db = new DatabaseSync(':memory:');
  migrate(db, 'x.db');
  db.exec('PRAGMA user_version = 99');

  expect(() => migrate(db, 'x.db')).toThrow(
    `the store x.db has schema 99, this program knows up to ${MIGRATIONS.length}`,
  );
  expect(() => migrate(db, 'x.db')).toThrow(expect.objectContaining({ code: 'STORE_NEWER' }));
});

test("refuses somebody else's database", () => {
  using db = new DatabaseSync(':memory:');
  db.exec('CREATE TABLE theirs (x)');

  expect(() => migrate(db, 'x.db')).toThrow(expect.objectContaining({ code: 'STORE_CORRUPT' }));
});
