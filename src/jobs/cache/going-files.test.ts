import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { deleteUnlessTaken, isGoing } from './going-files.ts';

let folder: string;
let path: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'heddle-going-'));
  path = join(folder, 'sorted.txt');
  writeFileSync(path, 'acgt\n');
});
afterEach(() => rmSync(folder, { recursive: true }));

test('a file nobody has taken is deleted, and who looks meanwhile sees that it goes', async () => {
  const seen: boolean[] = [isGoing(path)];

  const isDone = await deleteUnlessTaken([{ path, isKept: () => false }], async () => {
    seen.push(isGoing(path));
    return false;
  });

  expect([...seen, isGoing(path)]).toEqual([false, true, true]);
  expect(isDone).toBe(true);
  expect(readdirSync(folder)).toEqual([]);
});

test('one that was taken stays, and nothing shows that it was to go', async () => {
  const isDone = await deleteUnlessTaken([{ path, isKept: () => false }], async () => true);

  expect([isDone, isGoing(path)]).toEqual([false, false]);
  expect(readdirSync(folder)).toEqual(['sorted.txt']);
});

test('one that somebody comes to need at the last moment stays', async () => {
  let isNeeded = false;

  await deleteUnlessTaken([{ path, isKept: () => isNeeded }], async () => {
    isNeeded = true;
    return false;
  });

  expect(existsSync(path)).toBe(true);
  expect(isGoing(path)).toBe(false);
});

test('when it can not be known whether it was taken it stays', async () => {
  const asked = deleteUnlessTaken([{ path, isKept: () => false }], () =>
    Promise.reject(new Error('the store is closed')),
  );

  await expect(asked).rejects.toThrow('the store is closed');
  expect(isGoing(path)).toBe(false);
});
