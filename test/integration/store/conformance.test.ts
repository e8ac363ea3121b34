import { describe, test } from 'vitest';
import { storeCasesFor } from '../../../src/testing/index.ts';
import { sqliteFixture, type TestOptions } from './sqlite-fixture.ts';

const shared: readonly (readonly [string, TestOptions])[] = [
  ['SqliteStore, full', { durability: 'full', writer: 'main' }],
  ['SqliteStore, normal, writer in its thread', { durability: 'normal', writer: 'thread' }],
];
const exclusive: readonly (readonly [string, TestOptions])[] = [
  ['SqliteStore, exclusive', { exclusive: true, writer: 'main' }],
  ['SqliteStore, exclusive, writer in its thread', { exclusive: true, writer: 'thread' }],
];

for (const [name, options] of shared) {
  describe(name, () => {
    for (const storeCase of storeCasesFor(['jobs', 'another', 'reopen'])) {
      test(storeCase.name, () => storeCase.run(() => sqliteFixture(options)));
    }
  });
}

for (const [name, options] of exclusive) {
  describe(name, () => {
    for (const storeCase of storeCasesFor(['jobs', 'reopen'])) {
      test(storeCase.name, () => storeCase.run(() => sqliteFixture(options)));
    }
  });
}
