import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { openDepot } from '../../../src/backends/depot/index.ts';
import { hostsBackend, remoteBackend } from '../../../src/backends/remote/index.ts';
import { slurmScheduler } from '../../../src/backends/slurm/index.ts';
import { localTransport, type Transport } from '../../../src/backends/transport/index.ts';
import type { AttemptOrder, Backend, ContainerSpec, OutputSpec } from '../../../src/model/index.ts';
import { systemClock } from '../../../src/process/index.ts';
import { BackendRig } from '../../../src/testing/index.ts';
import { backendFixture } from '../../backend-fixture.ts';
import { giveBack, ownFolder } from '../../own-folder.ts';
import { requireComponent } from '../components/components.ts';
import { containersOf, type Lab, labs } from './lab.ts';

const MIB = 1024 * 1024;
const OUT: OutputSpec = { name: 'out', path: 'out', type: 'text' };

/** A way to this machine that says its files are others: so they travel, as they do to one behind ssh. */
function farTransport(): Transport {
  const local = localTransport({ clock: systemClock });
  return {
    name: 'far',
    key: 'far',
    sharesFiles: false,
    run: (script, options) => local.run(script, options),
    connect: (script) => local.connect(script),
    [Symbol.asyncDispose]: () => local[Symbol.asyncDispose](),
  };
}

function contained(order: AttemptOrder, container: ContainerSpec, memoryBytes?: number): AttemptOrder {
  return { ...order, container, grant: { ...order.grant, ...(memoryBytes === undefined ? {} : { memoryBytes }) } };
}

async function inTarget(
  make: (transport: Transport, far: string) => Backend,
  body: (rig: BackendRig, project: string) => Promise<void>,
): Promise<void> {
  const far = ownFolder('far');
  {
    await using made = backendFixture('contained', make(farTransport(), far));
    await using rig = await BackendRig.open(made);
    await body(rig, made.project);
  }
  await giveBack(far);
}

const settings = { pollMs: { floor: 100, ceiling: 500 }, settleMs: 500 };

describe.each(await labs('podman'))('a machine whose files are not ours, with $runtime', (lab: Lab) => {
  const { runtime, image } = lab;
  const machine = (transport: Transport, far: string): Backend => {
    const depot = openDepot({ transport, root: far, clock: systemClock });
    return hostsBackend({ name: 'machines', hosts: [{ name: 'far', transport, depot, slots: 2 }], settings });
  };

  test('inputs are seen, outputs come back, and memory is told', async () => {
    await inTarget(machine, async (rig, project) => {
      const input = join(project, 'given.txt');
      writeFileSync(input, 'given\n');
      const work = {
        kind: 'command',
        text: 'cat inputs/in >out; ! echo changed >inputs/in',
        inputs: [{ name: 'in', at: input }],
        outputs: [OUT],
        environment: {},
      } as const;
      const greedy = {
        ...work,
        text: 'x=$(head -c 200000000 /dev/zero | tr "\\0" a)',
        inputs: [],
        outputs: [],
      };
      const orders = [
        contained(rig.order(work), { image, runtime }),
        contained(rig.order(greedy), { image, runtime }, 64 * MIB),
      ] as const;
      await rig.launch(orders);

      expect(await rig.end(orders[0])).toMatchObject({ kind: 'ended', outcome: { kind: 'ok' } });
      expect(readFileSync(join(orders[0].directory, 'out'), 'utf8')).toBe('given\n');
      expect(await rig.end(orders[1])).toMatchObject({ kind: 'ended', outcome: { kind: 'memory' } });
      expect(containersOf(runtime)).toEqual([]);
    });
  });

  test('what ignores TERM is killed, and nothing is left', async () => {
    await inTarget(machine, async (rig, project) => {
      const started = join(project, 'started');
      const text = `trap '' TERM; : >'${started}'; while :; do sleep 0.1; done`;
      const work = { kind: 'command', text, inputs: [], outputs: [], environment: {} } as const;
      const mounts = [{ from: project, to: project, writable: true }];
      const order = contained(rig.order(work), { image, runtime, mounts });
      await rig.launch([order]);
      await rig.until(() => existsSync(started) || undefined, 'no start');

      rig.backend.cancel(order.attempt, 300);

      expect((await rig.end(order)).kind).toBe('ended');
      expect(containersOf(runtime)).toEqual([]);
    });
  });
});

const slurm = await requireComponent('slurm');
if (slurm.available) Object.assign(process.env, slurm.env);

describe.each(slurm.available ? await labs('charliecloud', 'bubblewrap') : [])(
  'a Slurm whose files are not ours, with $runtime',
  (lab) => {
    const { runtime, image } = lab;

    test('commands end as they end in their containers', async () => {
      const cluster = (transport: Transport, far: string): Backend =>
        remoteBackend({
          name: 'cluster',
          transport,
          scheduler: slurmScheduler({ accounting: false }),
          depot: openDepot({ transport, root: far, clock: systemClock }),
          settings,
        });
      await inTarget(cluster, async (rig) => {
        const work = { kind: 'command', inputs: [], outputs: [], environment: {} } as const;
        const container = { image, runtime };
        const orders = [
          contained(rig.order({ ...work, text: 'echo "$HEDDLE_JOB_ID" >out', outputs: [OUT] }), container),
          contained(rig.order({ ...work, text: 'exit 137' }), container),
          contained(rig.order({ ...work, text: 'kill -KILL $$' }), container),
          contained(rig.order({ ...work, text: '', argv: ['/no/such-program'] }), container),
        ];
        await rig.launch(orders);

        const outcomes = await Promise.all(orders.map((order) => rig.end(order)));

        expect(outcomes).toMatchObject([
          { outcome: { kind: 'ok' } },
          { outcome: { kind: 'exit', code: 137 } },
          { outcome: { kind: 'signal', signal: 'SIGKILL' } },
          { outcome: { kind: 'error', error: { code: 'CONTAINER_FAILED' } } },
        ]);
        expect(containersOf(runtime)).toEqual([]);
      });
    });
  },
);
