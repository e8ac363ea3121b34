import { expect, test } from 'vitest';
import type { AttemptOrder } from '../../../src/model/index.ts';
import { RemoteRig, sequence } from './rig.ts';

const HOUR_MS = 3_600_000;

test('F28: of 100 submissions of 10 a third times out after it was taken: 1,000 native jobs, each body once', async () => {
  await using rig = new RemoteRig();
  const { cluster } = rig;
  const random = sequence(1);
  let lost = 0;
  cluster.fate = () => {
    if (random.next() >= 0.3) return 'taken';
    lost += 1;
    return 'taken, answer lost';
  };
  const backend = await rig.open();
  const orders: AttemptOrder[] = [];
  for (let n = 0; n < 100; n += 1) {
    const own = rig.orders(10);
    orders.push(...own);
    const answers = await rig.during(backend.launch(own));
    expect(new Set(answers.map(({ kind }) => kind)).size).toBe(1);
  }
  await rig.pass(3000);
  cluster.begin();
  cluster.finish(cluster.jobs);
  await rig.pass(30_000);

  expect(lost).toBeGreaterThan(15);
  expect(cluster.jobs).toHaveLength(1000);
  expect(cluster.jobs.every(({ begun }) => begun)).toBe(true);
  expect(new Set(rig.endsOf(orders))).toEqual(new Set(['ok']));
});

test('F30: an hour of no answer, no answer at all and half an answer ends nothing', async () => {
  await using rig = new RemoteRig();
  const { cluster } = rig;
  const backend = await rig.open();
  const orders = rig.orders(4);
  await rig.during(backend.launch(orders));
  cluster.begin();
  await rig.pass(5000);

  for (const answer of [
    { kind: 'unknown', why: 'Unable to contact slurm controller' } as const,
    { kind: 'known', jobs: [], isWhole: false } as const,
  ]) {
    cluster.statusAnswer = () => answer;
    await rig.pass(HOUR_MS / 2);
  }
  expect(rig.endsOf(orders)).toEqual(['none', 'none', 'none', 'none']);

  // What has ended by its own record is told, whatever the system says.
  cluster.finish(cluster.jobs.slice(0, 1));
  await rig.pass(5000);
  cluster.statusAnswer = undefined;
  cluster.finish(cluster.jobs.slice(1));
  await rig.pass(20_000);
  expect(rig.endsOf(orders)).toEqual(['ok', 'ok', 'ok', 'ok']);
});

test('F31: 500 live, the engine dies, 100 end and are purged: 500 adopted or collected, none submitted again', async () => {
  await using rig = new RemoteRig();
  const { cluster } = rig;
  const first = await rig.open();
  const orders = rig.orders(500);
  await rig.during(first.launch(orders));
  cluster.begin();
  await first[Symbol.asyncDispose]();
  const purged = cluster.jobs.slice(0, 100);
  cluster.finish(purged);
  cluster.purge(purged);

  const second = await rig.open();
  const asked = cluster.statusAt.length;
  const answers = await rig.during(second.recover(rig.asQueries(orders)));
  expect(cluster.statusAt.length).toBe(asked + 1);
  expect(new Set(answers.map(({ kind }) => kind))).toEqual(new Set(['running']));
  await rig.pass(5000);
  expect(rig.endsOf(orders.slice(0, 100)).every((end) => end === 'ok')).toBe(true);
  cluster.finish(cluster.jobs);
  await rig.pass(20_000);

  expect(new Set(rig.endsOf(orders))).toEqual(new Set(['ok']));
  expect(cluster.submissions).toHaveLength(1);
});

test('F01: killed before the submission, or after it was taken: found by its marker, or fenced for good', async () => {
  await using rig = new RemoteRig();
  const { cluster } = rig;
  const taken = rig.orders(3);
  const never = rig.orders(2);
  cluster.fate = () => 'taken, answer lost';
  const first = await rig.open();
  await rig.during(first.launch(taken));
  await first[Symbol.asyncDispose]();

  const second = await rig.open();
  const [one, two] = await rig.during(
    Promise.all([second.recover(rig.asQueries(taken)), second.recover(rig.asQueries(never))]),
  );
  expect(one?.map(({ kind }) => kind)).toEqual(['running', 'running', 'running']);
  expect(two?.map((answer) => answer.kind === 'gone' && answer.neverStarted)).toEqual([true, true]);
  // An order of the dead engine that comes late starts nothing.
  cluster.fate = () => 'taken';
  await rig.during(second.launch(never));
  cluster.begin();
  expect(cluster.jobs.map(({ begun }) => begun)).toEqual([true, true, true, false, false]);
});

test('F32: begun anew by the system: who had begun is preempted and taken out of the queue, who had not runs', async () => {
  await using rig = new RemoteRig();
  const { cluster } = rig;
  const backend = await rig.open();
  const orders = rig.orders(2);
  await rig.during(backend.launch(orders));
  const [begun, waiting] = cluster.jobs;
  cluster.begin(begun === undefined ? [] : [begun]);
  await rig.pass(3000);
  for (const job of [begun, waiting]) if (job !== undefined) cluster.requeue(job);
  await rig.pass(15_000);

  expect(rig.endsOf(orders)).toEqual(['preempted', 'none']);
  expect(cluster.cancels).toEqual([[begun?.id]]);
  cluster.begin();
  cluster.finish(cluster.jobs);
  await rig.pass(20_000);
  expect(rig.endsOf(orders)).toEqual(['preempted', 'ok']);
});

test('F32: out of time, out of memory, a lost node, and held by an admin are told as what they are', async () => {
  await using rig = new RemoteRig();
  const { cluster } = rig;
  const backend = await rig.open();
  const orders = rig.orders(5);
  await rig.during(backend.launch(orders));
  const [late, big, unlucky, held, own] = cluster.jobs.map((job) => [job]) as [...(typeof cluster.jobs)[]];
  for (const job of held ?? []) Object.assign(job, { standing: 'held', state: 'PENDING', reason: 'JobHeldAdmin' });
  cluster.begin();
  await rig.pass(2000);
  // Its wrapper could still write that it was told to end; another's could not.
  cluster.finish(late ?? [], '"signal":"SIGTERM"');
  cluster.end(late ?? [], 'TIMEOUT', { kind: 'timeout', timeout: 'run' });
  cluster.end(big ?? [], 'OUT_OF_MEMORY', { kind: 'memory' });
  cluster.end(unlucky ?? [], 'NODE_FAIL', { kind: 'lost', why: 'node n1 failed', placeDied: true });
  cluster.finish(own ?? [], '"code":7');
  await rig.pass(20_000);

  expect(rig.endsOf(orders)).toEqual(['timeout', 'memory', 'gone', 'none', 'exit']);
  expect(rig.of(orders[2], 'gone')).toMatchObject([{ placeDied: true }]);
});

test('F33: an admin ends some elements of an array: those are cancelled, the others go on', async () => {
  await using rig = new RemoteRig();
  const { cluster } = rig;
  const backend = await rig.open();
  const orders = rig.orders(6);
  await rig.during(backend.launch(orders));
  cluster.begin(cluster.jobs.slice(0, 3));
  cluster.end(cluster.jobs.slice(2, 4), 'CANCELLED', { kind: 'cancelled', by: 'user' });
  await rig.pass(10_000);
  cluster.begin();
  cluster.finish(cluster.jobs.filter(({ standing }) => standing === 'running'));
  await rig.pass(20_000);

  expect(rig.endsOf(orders)).toEqual(['ok', 'ok', 'cancelled', 'cancelled', 'ok', 'ok']);
});

test('not known to anybody any more, and without a record: asked after once, fenced, and lost', async () => {
  await using rig = new RemoteRig();
  const { cluster } = rig;
  const backend = await rig.open();
  const orders = rig.orders(20);
  await rig.during(backend.launch(orders));
  cluster.begin(cluster.jobs.slice(0, 19));
  await rig.pass(3000);
  cluster.purge([...cluster.jobs]);
  await rig.pass(20_000);

  expect(new Set(rig.endsOf(orders))).toEqual(new Set(['gone']));
  expect(cluster.histories).toEqual([['1']]);
  expect(rig.of(orders[0], 'gone')).toMatchObject([
    { why: 'it began and left no record, and the batch system does not know it' },
  ]);
  expect(rig.of(orders[19], 'gone')).toMatchObject([{ neverStarted: true }]);
});

test('F35: who does not answer is unreachable, who wants its user says so once, and nothing is lost', async () => {
  await using rig = new RemoteRig();
  const { cluster } = rig;
  const backend = await rig.open({ loginRetryMs: 30_000 });
  const orders = rig.orders(2);
  await rig.during(backend.launch(orders));
  cluster.begin();
  await rig.pass(3000);

  cluster.outage = { kind: 'unreachable', why: 'no route', began: false };
  await rig.pass(HOUR_MS / 6);
  expect(orders.map((order) => rig.of(order, 'unreachable').length)).toEqual([1, 1]);
  expect(await rig.during(backend.recover(rig.asQueries(orders)))).toMatchObject([
    { kind: 'unknown' },
    { kind: 'unknown' },
  ]);

  const need = { why: 'Permission denied (keyboard-interactive)', mend: 'ssh login.example.org' };
  cluster.outage = { kind: 'login', need };
  await rig.pass(HOUR_MS / 6);
  expect(await rig.during(backend.launch(rig.orders(1)))).toMatchObject([{ kind: 'refused', retryable: true }]);

  cluster.outage = undefined;
  cluster.finish(cluster.jobs);
  await rig.pass(60_000);
  expect(rig.events.filter(({ kind }) => kind === 'access')).toEqual([
    { kind: 'access', needs: need },
    { kind: 'access' },
  ]);
  expect(rig.endsOf(orders)).toEqual(['ok', 'ok']);
});

test('a full house refuses for now; more than the user allows stand in line, and come in as others leave', async () => {
  await using rig = new RemoteRig();
  const { cluster } = rig;
  const backend = await rig.open({ maxJobs: 10 });
  cluster.fate = () => 'refused, wait';
  expect(await rig.during(backend.launch(rig.orders(1)))).toMatchObject([
    { kind: 'refused', retryable: true, why: 'QOSMaxSubmitJobPerUserLimit' },
  ]);

  cluster.fate = () => 'taken';
  const orders = rig.orders(25);
  const answers = await rig.during(backend.launch(orders));
  expect(new Set(answers.map(({ kind }) => kind))).toEqual(new Set(['accepted']));
  backend.cancel(orders[24]?.attempt ?? orders[0]!.attempt, 0);
  let most = 0;
  for (let step = 0; step < 6; step += 1) {
    const there = cluster.jobs.filter(({ standing }) => standing !== 'ended');
    most = Math.max(most, there.length);
    cluster.begin();
    cluster.finish(there);
    await rig.pass(10_000);
  }

  expect(most).toBe(10);
  expect(rig.endsOf(orders)).toEqual([...Array<string>(24).fill('ok'), 'cancelled']);
  expect(cluster.submissions.map(({ elements }) => elements)).toEqual([10, 10, 4]);
});

test('a hundred cancels are one command, and none is told before its native job is gone', async () => {
  await using rig = new RemoteRig();
  const { cluster } = rig;
  const backend = await rig.open();
  const orders = rig.orders(100);
  await rig.during(backend.launch(orders));
  cluster.begin(cluster.jobs.slice(0, 50));
  await rig.pass(3000);
  for (const { attempt } of orders) backend.cancel(attempt, 1000);
  expect(new Set(rig.endsOf(orders))).toEqual(new Set(['none']));
  await rig.pass(20_000);

  expect(cluster.cancels.map((ids) => ids.length)).toEqual([100]);
  expect(new Set(rig.endsOf(orders))).toEqual(new Set(['cancelled']));
});
