import { existsSync, readdirSync } from 'node:fs';
import { expect, test } from 'vitest';
import { MemoryGroups } from '../process/index.ts';
import { findingOf, memoryFinding } from './memory-finding.ts';

test('says how memory is kept to: by the kernel and where, by looks, or by nobody', () => {
  const groups = { version: 2, home: '/sys/fs/cgroup/user.slice' } as const;

  const [kernel, looks, nobody] = [findingOf(groups, true), findingOf(undefined, true), findingOf(undefined, false)];

  expect(kernel.text).toContain('by the kernel: cgroup v2 below /sys/fs/cgroup/user.slice');
  expect(looks.text).toContain('watched, once a second');
  expect(nobody.text).toContain('not kept to what they are granted');
  expect([kernel, looks, nobody].map(({ state }) => state)).toEqual(['well', 'note', 'note']);
});

test('is true of this machine, and leaves no group behind', () => {
  const groups = MemoryGroups.open();

  expect(memoryFinding()).toEqual(findingOf(groups, existsSync('/proc/self/stat')));
  if (groups !== undefined) expect(readdirSync(groups.home)).not.toContain(`heddle-try-${process.pid}`);
});
