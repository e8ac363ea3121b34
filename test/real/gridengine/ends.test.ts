import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { type GridEngineOptions, gridEngineScheduler } from '../../../src/backends/gridengine/index.ts';
import type { AttemptOrder, SubmissionId } from '../../../src/model/index.ts';
import { newSubmissionId } from '../../../src/model/index.ts';
import { systemRandom } from '../../../src/process/index.ts';
import { BackendRig } from '../../../src/testing/index.ts';
import { giveBack, ownFolder } from '../../own-folder.ts';
import { nobodyUnder } from '../../processes.ts';
import { cell, onCell, restartExecd, runTool, SETUP } from './cell.ts';

interface Wish {
  readonly text: string;
  readonly more?: Partial<AttemptOrder>;
}

/** Orders of one submission. */
function ordersOf(rig: BackendRig, wishes: readonly Wish[]): readonly AttemptOrder[] {
  const submission: SubmissionId = newSubmissionId(systemRandom);
  return wishes.map(({ text, more }) => ({
    ...rig.order({ kind: 'command', text, inputs: [], outputs: [], environment: {} }),
    submission,
    ...more,
  }));
}

/** Launches one order, and answers what Grid Engine calls it. */
async function launchOne(rig: BackendRig, order: AttemptOrder): Promise<string> {
  const [answer] = await rig.launch([order]);
  if (answer?.kind !== 'accepted') throw new Error(JSON.stringify(answer));
  return answer.handle;
}

const NO_ANSWER = `echo 'Unable to run job: got no response from qmaster' >&2\necho Exiting. >&2\nexit 1\n`;

const started = (order: AttemptOrder): true | undefined => existsSync(join(order.directory, 'started')) || undefined;

function isStopped(pid: number): boolean {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  return stat.slice(stat.lastIndexOf(')')).startsWith(') T');
}

const HEARS_TERM = 'touch started; trap "touch warned; exit 3" TERM; sleep 100 & wait';
const HEARS_NOTHING = 'touch started; trap "" TERM; while :; do sleep 1; done';

describe.skipIf(!cell.available)('ends on Grid Engine', () => {
  test('an array is one submission, and each of its elements ends as it did', async () => {
    await using fixture = await onCell();
    await using rig = await BackendRig.open(fixture);
    const wishes = Array.from({ length: 24 }, (_, n) => ({
      text: `echo ${n} > out; exit ${[0, 99, 100, 255][n % 4]}`,
    }));
    const orders = ordersOf(rig, wishes);

    const answers = await rig.launch(orders);
    const ends = await Promise.all(orders.map((order) => rig.end(order)));

    expect(new Set(answers.map((answer) => answer.kind === 'accepted' && answer.handle)).size).toBe(1);
    // 99 and 100 are orders to Grid Engine, and must not be taken for such.
    expect(ends).toMatchObject(
      orders.map((_, n) => ({
        kind: 'ended',
        outcome: n % 4 === 0 ? { kind: 'ok' } : { kind: 'exit', code: [0, 99, 100, 255][n % 4] },
      })),
    );
    expect(orders.map((order) => readFileSync(join(order.directory, 'out'), 'utf8').trim())).toEqual(
      orders.map((_, n) => `${n}`),
    );
  });

  test('a time limit is told as such, and nothing outlives it', async () => {
    await using fixture = await onCell();
    await using rig = await BackendRig.open(fixture);
    const request = { cpus: 1, timeMs: 3000 };
    const orders = ordersOf(rig, [
      { text: HEARS_TERM, more: { request } },
      { text: HEARS_NOTHING, more: { request } },
    ]);

    await rig.launch(orders);
    const ends = await Promise.all(orders.map((order) => rig.end(order)));

    const timeout = { kind: 'ended', outcome: { kind: 'timeout', timeout: 'run' } };
    expect(ends).toEqual([timeout, timeout]);
    expect(existsSync(join(orders[0]?.directory ?? '', 'warned'))).toBe(true);
    await nobodyUnder(fixture.directory);
  });

  test('who is cancelled is warned, then killed with all that is its own', async () => {
    await using fixture = await onCell();
    await using rig = await BackendRig.open(fixture);
    const orders = ordersOf(rig, [{ text: HEARS_TERM }, { text: `(${HEARS_NOTHING}) & ${HEARS_NOTHING}` }]);
    await rig.launch(orders);
    for (const order of orders) await rig.until(() => started(order), 'it was never begun');

    for (const { attempt } of orders) rig.backend.cancel(attempt, 2000);
    const ends = await Promise.all(orders.map((order) => rig.end(order)));

    const cancelled = { kind: 'ended', outcome: { kind: 'cancelled', by: 'user' } };
    expect(ends).toEqual([cancelled, cancelled]);
    expect(existsSync(join(orders[0]?.directory ?? '', 'warned'))).toBe(true);
    await nobodyUnder(fixture.directory);
  });

  test('what can never begin ends with the words of the system', async () => {
    await using fixture = await onCell();
    await using rig = await BackendRig.open(fixture);
    const [order] = ordersOf(rig, [{ text: 'true', more: { scheduling: { options: ['-wd /nowhere'] } } }]);
    if (order === undefined) throw new Error('no order');

    const id = await launchOne(rig, order);
    const end = await rig.end(order);

    expect(end).toMatchObject({ kind: 'ended', outcome: { kind: 'error', error: { code: 'BACKEND_UNAVAILABLE' } } });
    expect(JSON.stringify(end)).toContain("can't chdir to /nowhere: No such file or directory");
    expect(await runTool('qstat')).not.toMatch(new RegExp(`^\\s*${id} `, 'm'));
  });

  test('what is refused is told with the words of the system, and not tried again', async () => {
    await using fixture = await onCell();
    await using rig = await BackendRig.open(fixture);
    const [order] = ordersOf(rig, [{ text: 'true', more: { scheduling: { queue: 'nope.q' } } }]);
    if (order === undefined) throw new Error('no order');

    expect(await rig.launch([order])).toEqual([
      {
        kind: 'refused',
        retryable: false,
        why: 'Job was rejected because job requests unknown queue "nope.q"',
      },
    ]);
  });

  test('a submission whose answer was lost is found by its name, and not made again', async () => {
    const bin = ownFolder('lossy-qsub');
    const lossy = `#!/bin/sh\nPATH=$SGE_BIN:$PATH\nqsub "$@" >/dev/null\n${NO_ANSWER}`;
    writeFileSync(join(bin, 'qsub'), lossy, { mode: 0o755 });
    await using fixture = await onCell({ gridEngine: { setup: `PATH='${bin}':$SGE_BIN:$PATH` } });
    await using rig = await BackendRig.open(fixture);
    const orders = ordersOf(rig, [{ text: 'echo >> runs' }, { text: 'echo >> runs' }]);

    const why = 'got no response from qmaster';
    expect(await rig.launch(orders)).toEqual(orders.map(() => ({ kind: 'unknown', why })));
    const ends = await Promise.all(orders.map((order) => rig.settle(order)));

    expect(ends).toMatchObject(orders.map(() => ({ kind: 'ended', outcome: { kind: 'ok' } })));
    expect(orders.map(({ directory }) => readFileSync(join(directory, 'runs'), 'utf8'))).toEqual(['\n', '\n']);
    await giveBack(bin);
  });

  test('what is held waits, and runs when it is let go', async () => {
    await using fixture = await onCell();
    await using rig = await BackendRig.open(fixture);
    const [order] = ordersOf(rig, [{ text: 'touch started', more: { scheduling: { options: ['-h'] } } }]);
    if (order === undefined) throw new Error('no order');
    const id = await launchOne(rig, order);
    const recovered = await rig.recover(order);
    expect(recovered).toMatchObject({ kind: 'running', phase: 'starting' });

    await runTool('qrls', id);
    expect(await rig.end(order)).toMatchObject({ kind: 'ended', outcome: { kind: 'ok' } });
  });

  test('who is suspended stands still with all that is its own, and goes on', async () => {
    await using fixture = await onCell();
    await using rig = await BackendRig.open(fixture);
    const [order] = ordersOf(rig, [{ text: 'echo $$ > p; mv p started; while [ ! -e go ]; do sleep 0.1; done' }]);
    if (order === undefined) throw new Error('no order');
    const id = await launchOne(rig, order);
    await rig.until(() => started(order), 'it was never begun');
    const pid = Number(readFileSync(join(order.directory, 'started'), 'utf8'));

    await runTool('qmod', '-sj', id);
    await rig.until(() => isStopped(pid) || undefined, 'it was never suspended');
    await runTool('touch', join(order.directory, 'go'));
    await runTool('qmod', '-usj', id);

    expect(await rig.end(order)).toMatchObject({ kind: 'ended', outcome: { kind: 'ok' } });
  });

  test('who is begun anew by an operator does not run twice', async () => {
    await using fixture = await onCell();
    await using rig = await BackendRig.open(fixture);
    const [order] = ordersOf(rig, [{ text: 'echo >> runs; touch started; sleep 100' }]);
    if (order === undefined) throw new Error('no order');
    const id = await launchOne(rig, order);
    await rig.until(() => started(order), 'it was never begun');

    await runTool('qmod', '-f', '-rj', id);
    const end = await rig.end(order);

    expect(end).toMatchObject({ kind: 'ended', outcome: { kind: 'preempted' } });
    expect(readFileSync(join(order.directory, 'runs'), 'utf8')).toBe('\n');
    await nobodyUnder(fixture.directory);
  });

  test('a look around names the version, the queues, and what is not there', async () => {
    const look = async (options: GridEngineOptions) => {
      const scheduler = gridEngineScheduler({ setup: SETUP, ...options });
      const stdout = await runTool('sh', '-c', scheduler.describe());
      return scheduler.readDescribe({ code: 0, stdout, stderr: '' });
    };

    const facts = await look({});
    expect(facts).toMatchObject({ version: 'SGE 8.1.9', maxArraySize: 75_000, problems: [] });
    expect(facts.notes.some((note) => note.startsWith('queue all.q: '))).toBe(true);
    expect((await look({ parallelEnvironment: 'threads', memoryResource: 'ram' })).problems).toEqual([
      "there is no parallel environment 'threads' for several cpus: set parallelEnvironment to one of mpi, smp",
      "there is no resource 'ram': set memoryResource to one of those of 'qconf -sc'",
    ]);
  });

  test('a daemon that dies on the node loses nothing of what runs there', async () => {
    await using fixture = await onCell();
    await using rig = await BackendRig.open(fixture);
    const orders = ordersOf(rig, [
      { text: 'touch started; while [ ! -e go ]; do sleep 0.1; done' },
      { text: 'touch started; while [ ! -e go ]; do sleep 0.1; done; exit 4' },
    ]);
    await rig.launch(orders);
    for (const order of orders) await rig.until(() => started(order), 'it was never begun');

    await restartExecd(async () => {
      for (const order of orders) await runTool('touch', join(order.directory, 'go'));
    });
    const ends = await Promise.all(orders.map((order) => rig.end(order)));

    expect(ends).toMatchObject([
      { kind: 'ended', outcome: { kind: 'ok' } },
      { kind: 'ended', outcome: { kind: 'exit', code: 4 } },
    ]);
  });
});
