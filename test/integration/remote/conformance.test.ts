import { describe, test } from 'vitest';
import { hostsBackend } from '../../../src/backends/remote/index.ts';
import { localTransport } from '../../../src/backends/transport/index.ts';
import type { Backend } from '../../../src/model/index.ts';
import { systemClock } from '../../../src/process/index.ts';
import { backendCasesFor } from '../../../src/testing/index.ts';
import { backendFixture } from '../../backend-fixture.ts';

function hosts(): Backend {
  return hostsBackend({
    name: 'machines',
    hosts: [{ name: 'this', transport: localTransport({ clock: systemClock }), slots: 4 }],
    settings: { pollMs: { floor: 50, ceiling: 200 }, settleMs: 500 },
  });
}

describe('the contract, kept by machines without a batch system', () => {
  test.each(backendCasesFor(['commands', 'recoverable', 'successor']))('$name', async (backendCase) => {
    await backendCase.run(() => Promise.resolve(backendFixture('hosts', hosts(), { successor: hosts, many: 200 })));
  });
});
