import { relative } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { asJobId, asRunId } from '../model/index.ts';
import { attemptDirectories, safeName } from './attempt-directory.ts';

test('names the run, the job and the attempt', () => {
  const directoryOf = attemptDirectories('/s');

  expect(directoryOf(asRunId('r-1'), 12_345, asJobId('simulate[0.9, 1]'), 2)).toBe(
    '/s/work/r-1/12/simulate_0.9_1_-12345.2',
  );
});

test.each([
  ['../../etc/passwd', 'etc_passwd'],
  ['$(rm -rf ~)', 'rm_-rf_'],
  ['--help', 'help'],
  ['a\0b\nc', 'a_b_c'],
  ['', 'job'],
  ['...', 'job'],
  ['x'.repeat(5000), 'x'.repeat(60)],
])('makes the name %j harmless', (name, safe) => {
  expect(safeName(name)).toBe(safe);
});

test('no name leaves the directory of its run, and no two jobs share one', () => {
  const directoryOf = attemptDirectories('/s');
  const run = asRunId('r-1');

  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), fc.string(), fc.nat(), (one, other, index) => {
      const path = relative('/s/work/r-1', directoryOf(run, index, asJobId(one), 1));
      expect(path).toMatch(/^\d+\/[A-Za-z0-9._-]+$/);
      expect(directoryOf(run, index, asJobId(one), 1)).not.toBe(directoryOf(run, index + 1, asJobId(other), 1));
    }),
  );
});
