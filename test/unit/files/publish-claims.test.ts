import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { giveBack, ownFolder } from '../../own-folder.ts';
import { claimPublished } from '../../../src/files/index.ts';

let folder = '';
beforeEach(() => {
  folder = ownFolder('claims');
});
afterEach(() => giveBack(folder));

test('a path is of the job that claimed it first, however it is written', () => {
  claimPublished({ folder, job: 'fit-1-0' }, ['a/best.json']);

  expect(() => claimPublished({ folder, job: 'fit-2-1' }, ['other.json', 'a/./b/../best.json'])).toThrow(
    expect.objectContaining({ code: 'PUBLISH_CONFLICT', message: expect.stringContaining("'fit-1' of this run") }),
  );
  // Nothing of what was refused is held.
  expect(() => claimPublished({ folder, job: 'fit-3-2' }, ['other.json'])).not.toThrow();
});

test('later attempts of a job keep what is its own; what it publishes no more becomes free', () => {
  claimPublished({ folder, job: 'fit-1-0' }, ['one.json', 'two.json']);
  claimPublished({ folder, job: 'fit-1-0' }, ['one.json', 'two.json']);
  claimPublished({ folder, job: 'fit-1-0' }, ['two.json', 'three.json']);

  expect(() => claimPublished({ folder, job: 'fit-2-1' }, ['one.json'])).not.toThrow();
  expect(() => claimPublished({ folder, job: 'fit-2-1' }, ['one.json', 'two.json'])).toThrow("'two.json'");
  expect(() => claimPublished({ folder, job: 'fit-2-1' }, ['three.json'])).toThrow("'three.json'");
});

test('a claim that was being written when its engine died is nobody’s', () => {
  claimPublished({ folder, job: 'fit-1-0' }, ['one.json']);
  for (const name of readdirSync(join(folder, 'published'))) writeFileSync(join(folder, 'published', name), '');

  expect(() => claimPublished({ folder, job: 'fit-2-1' }, ['one.json'])).not.toThrow();
});

test('paths that leave the results are refused', () => {
  mkdirSync(join(folder, 'published'));
  expect(() => claimPublished({ folder, job: 'fit-1-0' }, ['../x'])).toThrow(
    expect.objectContaining({ code: 'INPUT_INVALID' }),
  );
});
