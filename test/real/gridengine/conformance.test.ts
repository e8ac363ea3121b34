import { describe, test } from 'vitest';
import { backendCasesFor } from '../../../src/testing/index.ts';
import { cell, onCell } from './cell.ts';

describe.skipIf(!cell.available)('the contract, kept by Grid Engine', () => {
  test.each(backendCasesFor(['commands', 'recoverable', 'successor']))('$name', async (backendCase) => {
    await backendCase.run(() => onCell());
  });
});
