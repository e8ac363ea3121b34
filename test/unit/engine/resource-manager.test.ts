import { expect, test } from 'vitest';
import { classOf, type Outcome } from '../../../src/model/index.ts';
import { definitionOf } from '../../../src/model/index.ts';
import { ResourceManager } from '../../../src/workflow/executor/resource-manager.ts';

test('a resource manager says how an engine is to be opened', () => {
  const manager = new ResourceManager({
    totalCpuCores: 16,
    totalMemoryGb: 64,
    allocationStrategy: 'demand',
    enableOversubscription: true,
    resourceConstraints: { maxCpuPerTask: 4, maxMemoryPerTaskGb: 8 },
  });

  expect(manager.engineOptions()).toEqual({
    strategy: 'demand',
    resources: { cpus: 16, memory: 64e9, perTask: { cpus: 4, memory: 8e9 }, oversubscribe: 2 },
  });
  expect(new ResourceManager().engineOptions()).toEqual({ strategy: 'fair', resources: {} });
});

test.each([
  [{ totalCpuCores: -1 }, 'totalCpuCores'],
  [{ allocationStrategy: 'greedy' }, 'allocationStrategy'],
  [{ enableOversubscription: 0.5 }, 'enableOversubscription'],
  [{ resourceMonitoring: true }, 'resourceMonitoring'],
  [{ totalCores: 4 }, 'totalCores'],
])('it refuses %o by name', (options, name) => {
  expect(() => new ResourceManager(options as object)).toThrow(
    expect.objectContaining({ code: 'INPUT_INVALID', message: expect.stringContaining(name) }),
  );
});

test.each<[Outcome, string | undefined]>([
  [{ kind: 'ok' }, undefined],
  [{ kind: 'error', error: { name: 'Error', message: 'no' } }, 'user error'],
  [
    { kind: 'error', error: { name: 'LaunchRefused', message: 'no', code: 'BACKEND_UNAVAILABLE' } },
    'lost infrastructure',
  ],
  [{ kind: 'exit', code: 1 }, 'exit'],
  [{ kind: 'signal', signal: 'SIGSEGV' }, 'signal'],
  [{ kind: 'memory' }, 'out of memory'],
  [{ kind: 'timeout', timeout: 'run' }, 'time limit'],
  [{ kind: 'lost', why: 'its node died' }, 'lost infrastructure'],
  [{ kind: 'preempted' }, 'preempted'],
  [{ kind: 'output-missing', missing: ['a'] }, 'missing output'],
  [{ kind: 'cancelled', by: 'user' }, undefined],
])('%o is classed as %s', (outcome, expected) => {
  expect(classOf(outcome)).toBe(expected);
});

test('what is to be asked more of must be asked for at all, and by more than it was', () => {
  const define = (options: Parameters<typeof definitionOf>[2]) => () => definitionOf('fit', 'command', options);

  expect(define({ retry: { escalate: { memory: 2 } } })).toThrow(/there is no memory that could be raised/);
  expect(define({ retry: { escalate: { time: 2 } } })).toThrow(/there is no time that could be raised/);
  expect(define({ resources: { memory: '1GiB' }, retry: { escalate: { memory: 0.5 } } })).toThrow(/can't be 0.5/);
  expect(define({ resources: { gpus: 1.5 } })).toThrow(/gpus can't be 1.5/);
  expect(define({ resources: { gpus: 0.5 } })().resources.gpus).toBe(0.5);
});
