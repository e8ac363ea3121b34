import { describe, expect, test } from 'vitest';
import { type LaneRuntime, withHostLanes } from '../../../src/backends/host-lanes/index.ts';
import { hostsBackend } from '../../../src/backends/remote/index.ts';
import { localTransport } from '../../../src/backends/transport/index.ts';
import { ownHeddle } from '../../../src/calls/index.ts';
import { Engine, workflow } from '../../../src/index.ts';
import type { Backend } from '../../../src/model/index.ts';
import { systemClock } from '../../../src/process/index.ts';
import { BackendRig, backendCasesFor } from '../../../src/testing/index.ts';
import { backendFixture } from '../../backend-fixture.ts';
import { giveBack, ownFolder } from '../../own-folder.ts';
import { dies, double, lane } from './bodies.ts';

/** Two "hosts": this machine, twice. */
function backend(project: string): Backend {
  const hosts = ['one', 'two'].map((name) => ({ name, transport: localTransport({ clock: systemClock }), cpus: 1 }));
  const runtime = () => Promise.resolve({ lane: [...ownHeddle(), 'lane'], project });
  return withHostLanes(
    hostsBackend({ name: 'farm', hosts, settings: { pollMs: { floor: 50, ceiling: 200 } } }),
    hosts.map(({ name, transport }) => ({ place: name, transport, runtime })),
  );
}

describe('the contract, kept by calls in lanes of hosts', () => {
  const cases = backendCasesFor(['calls', 'streams']).filter(({ needs }) => needs.includes('calls'));
  test.each(cases)('$name', async (backendCase) => {
    await backendCase.run(async () => backendFixture('host-lanes', backend));
  });
});

async function play(build: () => unknown): Promise<unknown> {
  const project = ownFolder('host-lanes');
  try {
    await using engine = await Engine.open({ backends: [backend(project)], project });
    const run = await engine.run(workflow('flow', build), { backend: 'farm' });
    return await run.result().catch((error: Error) => error.message);
  } finally {
    await giveBack(project);
  }
}

test('a lane is warm: calls one after the other are made in the same one', async () => {
  const pids = (await play(() => [lane(1), lane(2), lane(3), lane(4)])) as readonly number[];

  expect(new Set(pids).size).toBeLessThanOrEqual(2);
  expect(pids).not.toContain(process.pid);
});

test('values go from host to host', async () => {
  expect(await play(() => double(double(21)))).toBe(84);
});

test('a call that ends its lane fails alone; the next is made in another', async () => {
  expect(await play(() => dies(1))).toMatch(/exit code 7/);
  expect(await play(() => double(1))).toBe(2);
});

test('a call that is cancelled while its code is brought ends cancelled; who asks meanwhile is told that it is on its way', async () => {
  const code = Promise.withResolvers<void>();
  const transport = localTransport({ clock: systemClock });
  const runtime = async (_: unknown, project: string): Promise<LaneRuntime> => {
    await code.promise;
    return { lane: [...ownHeddle(), 'lane'], project };
  };
  const hosts = hostsBackend({ name: 'farm', hosts: [{ name: 'one', transport, cpus: 1 }] });
  const slow = withHostLanes(hosts, [{ place: 'one', transport, runtime }]);
  await using made = backendFixture('coming', slow);
  await using rig = await BackendRig.open(made);
  const order = rig.order({ kind: 'call', call: { kind: 'builtin', name: 'wait' }, args: [60_000] });
  const launched = rig.launch([order]);
  const asked = await rig.recover(order);
  slow.cancel(order.attempt, 100);
  code.resolve();

  expect(asked).toMatchObject({ kind: 'running', phase: 'staging-in' });
  expect(await launched).toMatchObject([{ kind: 'accepted' }]);
  expect(await rig.end(order)).toMatchObject({ kind: 'ended', outcome: { kind: 'cancelled' } });
});
