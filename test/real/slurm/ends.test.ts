import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { AttemptOrder } from '../../../src/model/index.ts';
import { processesUnder } from '../../processes.ts';
import { admin, type Cluster, controller, crashNode, openCluster, slurm, watchesMemory } from './cluster.ts';

const MEBIBYTE = 1_048_576;
/** Takes 300 MB and keeps it: tail holds its last line, which never ends. */
const GREEDY = '{ head -c 300000000 /dev/zero; sleep 30; } | tail -n 1 >/dev/null';

describe.skipIf(!slurm.available)('how attempts on Slurm end', () => {
  let cluster: Cluster;

  beforeAll(async () => {
    cluster = await openCluster();
  });
  afterAll(async () => {
    await cluster[Symbol.asyncDispose]();
  });

  /** Starts one by itself. */
  async function start(text: string, more: Partial<AttemptOrder> = {}): Promise<AttemptOrder> {
    const [order] = cluster.orders([text], more) as [AttemptOrder];
    await cluster.start([order]);
    return order;
  }

  test('elements of one array end each in its own way', async () => {
    const orders = cluster.orders(['true', 'exit 7', 'kill -9 $$', 'exit 200', 'echo no >&2; exit 1', 'true']);

    await cluster.start(orders);

    const outcomes = await Promise.all(orders.map((order) => cluster.outcome(order)));
    expect(outcomes).toMatchObject([
      { kind: 'ok' },
      { kind: 'exit', code: 7 },
      { kind: 'signal', signal: 'SIGKILL' },
      { kind: 'exit', code: 200 },
      { kind: 'exit', code: 1, stderr: 'no\n' },
      { kind: 'ok' },
    ]);
  });

  test('an admin cancels one element: that one is cancelled, the others go on', async () => {
    const gate = join(cluster.project, 'gate');
    const orders = cluster.orders(Array.from({ length: 4 }, () => `until [ -e '${gate}' ]; do sleep 0.2; done`));
    await cluster.start(orders);
    const [, , third] = orders as [AttemptOrder, AttemptOrder, AttemptOrder, AttemptOrder];
    await cluster.running(third);

    admin('scancel', cluster.nativeId(third));
    expect(await cluster.outcome(third)).toEqual({ kind: 'cancelled', by: 'user' });
    admin('touch', gate);

    const outcomes = await Promise.all(orders.map((order) => cluster.outcome(order)));
    expect(outcomes.map((outcome) => outcome !== 'gone' && outcome.kind)).toEqual(['ok', 'ok', 'cancelled', 'ok']);
  });

  test('cancelled, nothing of it lives on, though a grandchild in a session of its own ignores TERM', async () => {
    const mark = join(cluster.project, 'stubborn');
    const order = await start(`setsid sh -c 'trap "" TERM; : "${mark}"; while :; do sleep 1; done' & wait`);
    await cluster.running(order);
    await cluster.rig.until(() => processesUnder(mark).at(0), 'the grandchild never began');

    cluster.rig.backend.cancel(order.attempt, 500);

    expect(await cluster.outcome(order)).toEqual({ kind: 'cancelled', by: 'user' });
    expect(processesUnder(mark)).toEqual([]);
  });

  test('more memory than it asked for is told as memory; where Slurm only kills, as what killed it', async () => {
    const request = { cpus: 1, memoryBytes: 50 * MEBIBYTE };
    // Polled jobs are looked at once a second when they ask for it.
    const scheduling = { options: ['--acctg-freq=task=1'] };
    const order = await start(GREEDY, { request, scheduling, grant: { place: 'cluster', ...request } });

    const end = watchesMemory ? { kind: 'memory' } : { kind: 'signal', signal: 'SIGKILL' };
    expect(await cluster.outcome(order)).toMatchObject(end);
  });

  test('more than any node has is an end, not a wait', async () => {
    const order = await start('true', { request: { cpus: 32 }, grant: { place: 'cluster', cpus: 32 } });

    const end = await cluster.outcome(order);

    expect(end).toMatchObject({
      kind: 'error',
      error: { message: expect.stringContaining('PartitionConfig') as string },
    });
  });

  test('time limit, preemption, a lost node, an admin who requeues, suspends and holds: each is told as what it is', async () => {
    const runs = 'echo run >> "$HEDDLE_ATTEMPT.runs"; sleep 300';
    const ledger = (order: AttemptOrder): string =>
      readFileSync(join(order.directory, `${order.attempt}.runs`), 'utf8');
    const scheduling = (queue: string, ...options: readonly string[]): Partial<AttemptOrder> => ({
      scheduling: { queue, options },
    });
    const [limited, preempted, onNode, requeued, suspended, held] = await Promise.all([
      start(runs),
      start(runs, { ...scheduling('low', '--nodelist=n2', '--exclusive') }),
      start(runs, scheduling('wide')),
      start(runs, scheduling('main', '--nodelist=n1')),
      start('sleep 2', scheduling('main', '--nodelist=n1')),
      start('true', scheduling('main', '--hold')),
    ]);
    await Promise.all([limited, preempted, onNode, requeued, suspended].map((one) => cluster.running(one)));

    admin('scontrol', 'suspend', cluster.nativeId(suspended));
    admin('scontrol', 'update', `jobid=${cluster.nativeId(limited)}`, 'endtime=now+1');
    const winner = await start('true', scheduling('high', '--nodelist=n2', '--exclusive'));
    crashNode('n3');
    admin('scontrol', 'update', `jobid=${cluster.nativeId(requeued)}`, 'requeue=1');
    admin('scontrol', 'requeue', cluster.nativeId(requeued));

    expect(await cluster.outcome(preempted)).toMatchObject({ kind: 'preempted' });
    expect(await cluster.outcome(winner)).toMatchObject({ kind: 'ok' });
    expect(await cluster.outcome(requeued)).toMatchObject({ kind: 'preempted' });
    expect(ledger(requeued)).toBe('run\n');

    expect(cluster.rig.reported(suspended)).toBeUndefined();
    admin('scontrol', 'resume', cluster.nativeId(suspended));
    expect(await cluster.outcome(suspended)).toMatchObject({ kind: 'ok' });
    expect(cluster.rig.reported(held)).toBeUndefined();
    admin('scontrol', 'release', cluster.nativeId(held));
    expect(await cluster.outcome(held)).toMatchObject({ kind: 'ok' });

    expect(await cluster.outcome(limited)).toMatchObject({ kind: 'timeout', timeout: 'run' });
    expect(await cluster.outcome(onNode)).toBe('gone');
    const lost = cluster.rig.of(onNode).find(({ kind }) => kind === 'gone');
    expect(lost).toMatchObject({ placeDied: true, why: expect.stringContaining('NODE_FAIL') as string });
    controller('up');
  });
});
