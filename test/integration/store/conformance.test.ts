import { describe, expect, test } from 'vitest';
import { type StoreTrait, storeCasesFor } from '../../../src/testing/index.ts';
import { sqliteFixture, type TestOptions } from './sqlite-fixture.ts';

interface Variant {
  readonly name: string;
  readonly options: TestOptions;
  readonly traits: readonly StoreTrait[];
}

const variants: readonly Variant[] = [
  {
    name: 'full',
    options: { durability: 'full', writer: 'main' },
    traits: ['jobs', 'another', 'reopen', 'fingerprints'],
  },
  {
    name: 'normal, writer in its thread',
    options: { writer: 'thread' },
    traits: ['jobs', 'another', 'reopen', 'fingerprints'],
  },
  { name: 'exclusive', options: { exclusive: true, writer: 'main' }, traits: ['jobs', 'reopen', 'fingerprints'] },
  {
    name: 'exclusive, writer in its thread',
    options: { exclusive: true, writer: 'thread' },
    traits: ['jobs', 'reopen', 'fingerprints'],
  },
];

describe.each(variants)('SqliteStore, $name', ({ options, traits }) => {
  test.each(storeCasesFor(traits))('$name', async (storeCase) => {
    await expect(storeCase.run(() => sqliteFixture(options))).resolves.toBeUndefined();
  });
});
