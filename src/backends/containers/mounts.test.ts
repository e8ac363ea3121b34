import { expect, test } from 'vitest';
import type { ContainerFacts } from './container-facts.ts';
import { mountsOf } from './mounts.ts';

const facts = (inputs: readonly string[], more: Partial<ContainerFacts> = {}): ContainerFacts => ({
  spec: { image: 'a' },
  run: 'r',
  job: 'j',
  attempt: 'a',
  directory: '/store/work/r/0/j.1',
  project: '/project',
  inputs: inputs.map((at, n) => ({ name: `${n}`, at })),
  environment: {},
  secrets: [],
  body: { text: 'true' },
  cpus: 1,
  graceMs: 1000,
  ...more,
});

const seen = (inputs: readonly string[]): readonly string[] =>
  mountsOf(facts(inputs), /[:\n]/).map(({ from, to, writable }) => {
    expect(to).toBe(from);
    expect(writable).toBe(false);
    return from;
  });

test('inputs are seen one by one, the same one once', () => {
  expect(seen(['/data/b', '/data/a', '/data/b', '/store/work/r/0/i.1/out'])).toEqual([
    '/data/a',
    '/data/b',
    '/store/work/r/0/i.1/out',
  ]);
});

test('many of one folder are seen as that folder', () => {
  const many = Array.from({ length: 33 }, (_, n) => `/data/reads/${n}.fq`);

  expect(seen([...many, '/data/ref.fa'])).toEqual(['/data/reads', '/data/ref.fa']);
});

test('a path no runtime can be told is seen by way of the folder above that can', () => {
  expect(seen(['/data/a:b/c', '/data/plain'])).toEqual(['/data']);
});

test('own mounts: the project by its name, and before an input of the same place', () => {
  const mounts = [
    { from: '${project}/refs', to: '/refs' },
    { from: '/other', to: '/data/x', writable: true },
  ];

  expect(mountsOf(facts(['/data/x'], { spec: { image: 'a', mounts } }), /:/)).toEqual([
    { from: '/project/refs', to: '/refs', writable: false },
    { from: '/other', to: '/data/x', writable: true },
  ]);
});
