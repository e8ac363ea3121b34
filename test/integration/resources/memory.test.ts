import { readdirSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { MemoryBound } from '../../../src/backends/commands/memory-bound.ts';
import { type AnyJob, Engine, SubprocessJob, type SubprocessJobOptions } from '../../../src/jobs/index.ts';
import { MemoryGroups } from '../../../src/process/index.ts';
import { canLimit } from '../../cgroup.ts';

const MIB = 2 ** 20;

/** A shell in one process that holds so many MiB, and would go on holding them. */
const holds = (mib: number): string => `x=$(head -c ${mib * MIB} /dev/zero | tr '\\0' x); echo held; sleep 30`;

async function failureOf(job: AnyJob): Promise<unknown> {
  return job.result().catch((error: unknown) => error);
}

async function run(line: string, options: SubprocessJobOptions): Promise<unknown> {
  await using engine = await Engine.open();
  const job = new SubprocessJob(['sh', '-c', line], options);
  engine.submit(job);
  return await failureOf(job);
}

describe.skipIf(!canLimit('memory', 'bounds on memory by the kernel'))('where the kernel bounds memory', () => {
  test('a command that takes more than it was granted fails by memory, with its bound and its peak', async () => {
    const error = await run(holds(200), { resources: { memory: '64MiB' } });

    expect(error).toMatchObject({ message: expect.stringMatching(/out of memory: it held \d+ MiB of the 64 MiB/) });
  });

  test('so does one whose child took it, whatever it made of that', async () => {
    const error = await run(`sh -c "${holds(200).replaceAll('$', '\\$')}"; exit 3`, { resources: { memory: '64MiB' } });

    expect(error).toMatchObject({ message: expect.stringContaining('out of memory') });
  });

  test('one that keeps to it ends well, and no group is left', async () => {
    const groups = MemoryGroups.open();
    const group = groups?.make(`kept-${process.pid}`, 64 * MIB);
    expect(group).toMatchObject({ kills: 0 });
    expect(group?.remove()).toBe(true);
    expect(await run('echo fine', { resources: { memory: '64MiB' } })).toBe(0);
  });

  test('the next attempt has more, and ends well', async () => {
    await using engine = await Engine.open();
    const job = new SubprocessJob(['sh', '-c', `x=$(head -c ${100 * MIB} /dev/zero | tr '\\0' x); echo held`], {
      resources: { memory: '64MiB' },
      retries: { maxAttempts: 3, escalate: { memory: 8 } },
    });
    engine.submit(job);

    expect(await job.result()).toBe(0);
    expect(job.attempts).toBe(2);
  });
});

describe('where only we look', () => {
  test('a little above the bound at one look is let pass, at two it is not; much above it at none', () => {
    const bound = new MemoryBound(100 * MIB, undefined);

    expect([bound.look(90 * MIB), bound.look(110 * MIB), bound.look(90 * MIB)]).toEqual([false, false, false]);
    expect([bound.look(110 * MIB), bound.look(112 * MIB)]).toEqual([false, true]);
    expect(bound.judge()).toEqual({
      kind: 'memory',
      note: 'out of memory: it held 112 MiB of the 100 MiB it was granted, and was ended by our watch',
    });
    expect(new MemoryBound(100 * MIB, undefined).look(126 * MIB)).toBe(true);
  });

  test('nothing is told of one that ended otherwise', () => {
    expect(new MemoryBound(100 * MIB, undefined).judge()).toBeUndefined();
  });
});

test('groups that cannot be made are none', () => {
  const names = { limit: 'memory.max', peak: 'memory.peak', kills: 'memory.events' };

  expect(MemoryGroups.open([['/nowhere', names]])).toBeUndefined();
  expect(readdirSync('/').includes('nowhere')).toBe(false);
});
