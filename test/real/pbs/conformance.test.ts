import { afterAll, beforeAll, describe, test } from 'vitest';
import { backendCasesFor } from '../../../src/testing/index.ts';
import { onServer } from './server-of-our-own.ts';
import { type StandIn, startStandIn } from './stand-in/start.ts';

describe('the contract, kept by PBS (a stand-in for it)', () => {
  let server: StandIn;
  beforeAll(async () => {
    server = await startStandIn();
  });
  afterAll(async () => {
    await server[Symbol.asyncDispose]();
  });

  test.each(backendCasesFor(['commands', 'recoverable', 'successor']))('$name', async (backendCase) => {
    await backendCase.run(() => onServer(server));
  });
});
