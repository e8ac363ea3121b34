import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { pbsScheduler } from '../../../src/backends/pbs/index.ts';
import type { AttemptOrder } from '../../../src/model/index.ts';
import { newSubmissionId } from '../../../src/model/index.ts';
import { systemRandom } from '../../../src/process/index.ts';
import { BackendRig } from '../../../src/testing/index.ts';
import { nobodyUnder } from '../../processes.ts';
import { onServer, runShell, runTool } from './server-of-our-own.ts';
import { startStandIn } from './stand-in/start.ts';

interface Wish {
  readonly text: string;
  readonly more?: Partial<AttemptOrder>;
}

/** Orders of one submission. */
function ordersOf(rig: BackendRig, wishes: readonly Wish[]): readonly [AttemptOrder, ...AttemptOrder[]] {
  const submission = newSubmissionId(systemRandom);
  return wishes.map(({ text, more }) => ({
    ...rig.order({ kind: 'command', text, inputs: [], outputs: [], environment: {} }),
    submission,
    ...more,
  })) as [AttemptOrder, ...AttemptOrder[]];
}

/** Launches orders of one native job, and answers what PBS calls it. */
async function launchAll(rig: BackendRig, orders: readonly AttemptOrder[]): Promise<string> {
  const answers = await rig.launch(orders);
  const ids = new Set(answers.map((answer) => (answer.kind === 'accepted' ? answer.handle : JSON.stringify(answer))));
  expect(ids.size).toBe(1);
  return [...ids].join('');
}

const started = (order: AttemptOrder): true | undefined => existsSync(join(order.directory, 'started')) || undefined;

const HEARS_TERM = 'touch started; trap "touch warned; exit 3" TERM; sleep 100 & wait';
const HEARS_NOTHING = 'touch started; trap "" TERM; while :; do sleep 1; done';

/** What users have in their environment, as the server puts it into what it calls JSON. */
const RAW_VARIABLES = [
  '"ZEROS":005',
  '"BASH_FUNC_ml%%":"() {  eval "$(run "$@")"',
  '}"',
  '"comment":"Can Never Run: not its own"',
];

describe('ends on PBS (a stand-in for it)', () => {
  test('an array is one submission, and each of its elements ends as it did, whatever the JSON is like', async () => {
    await using server = await startStandIn({ rawVariables: RAW_VARIABLES });
    await using fixture = await onServer(server);
    await using rig = await BackendRig.open(fixture);
    const codes = [0, 1, 121, 200];
    const orders = ordersOf(
      rig,
      Array.from({ length: 24 }, (_, n) => ({ text: `echo ${n} > out; exit ${codes[n % 4]}` })),
    );

    expect(await launchAll(rig, orders)).toBe('1[].pbslab');
    const ends = await Promise.all(orders.map((order) => rig.end(order)));

    expect(ends).toMatchObject(
      orders.map((_, n) => ({
        kind: 'ended',
        outcome: n % 4 === 0 ? { kind: 'ok' } : { kind: 'exit', code: codes[n % 4] },
      })),
    );
    expect(orders.map(({ directory }) => readFileSync(join(directory, 'out'), 'utf8'))).toEqual(
      orders.map((_, n) => `${n}\n`),
    );
  });

  test('a time limit is told as such, and nothing outlives it', async () => {
    await using server = await startStandIn({ killDelayMs: 3000 });
    await using fixture = await onServer(server);
    await using rig = await BackendRig.open(fixture);
    const request = { cpus: 1, timeMs: 2000 };
    const orders = ordersOf(rig, [
      { text: HEARS_TERM, more: { request } },
      { text: HEARS_NOTHING, more: { request } },
    ]);

    await launchAll(rig, orders);
    const ends = await Promise.all(orders.map((order) => rig.end(order)));

    const timeout = { kind: 'ended', outcome: { kind: 'timeout', timeout: 'run' } };
    expect(ends).toEqual([timeout, timeout]);
    expect(existsSync(join(orders[0].directory, 'warned'))).toBe(true);
    await nobodyUnder(fixture.directory);
  });

  test('who is killed by the system at once leaves nobody behind, and is lost where nothing says how', async () => {
    await using server = await startStandIn({ killDelayMs: 0, history: false });
    await using fixture = await onServer(server);
    await using rig = await BackendRig.open(fixture);
    const orders = ordersOf(rig, [{ text: HEARS_NOTHING, more: { request: { cpus: 1, timeMs: 1000 } } }]);

    await launchAll(rig, orders);
    expect(await rig.end(orders[0])).toEqual({ kind: 'gone' });
    await nobodyUnder(fixture.directory);
  });

  test('what can never run ends with the words of the system', async () => {
    await using server = await startStandIn();
    await using fixture = await onServer(server);
    await using rig = await BackendRig.open(fixture);
    const orders = ordersOf(rig, [{ text: 'true', more: { request: { cpus: 99 } } }]);

    await launchAll(rig, orders);

    expect(await rig.end(orders[0])).toMatchObject({
      kind: 'ended',
      outcome: { kind: 'error', error: { code: 'BACKEND_UNAVAILABLE' } },
    });
    expect(JSON.stringify(rig.reported(orders[0]))).toContain(
      'Can Never Run: Insufficient amount of resource: ncpus (R: 99 A: 16 T: 16)',
    );
  });

  test('a limit means later, a queue that is not there never', async () => {
    await using server = await startStandIn({ maxQueued: 1 });
    await using fixture = await onServer(server);
    await using rig = await BackendRig.open(fixture);
    const orders = ordersOf(rig, [{ text: 'true' }, { text: 'true' }]);
    const [elsewhere] = ordersOf(rig, [{ text: 'true', more: { scheduling: { queue: 'nope' } } }]);

    const why = "would exceed complex's per-user limit of jobs in 'Q' state";
    const later = { kind: 'refused', retryable: true, why };
    expect(await rig.launch(orders)).toEqual([later, later]);
    expect(await rig.launch([elsewhere])).toEqual([{ kind: 'refused', retryable: false, why: 'Unknown queue' }]);
  });

  test('what is held waits, and runs when it is let go', async () => {
    await using server = await startStandIn();
    await using fixture = await onServer(server);
    await using rig = await BackendRig.open(fixture);
    const orders = ordersOf(rig, [{ text: 'touch started', more: { scheduling: { options: ['-h'] } } }]);
    const id = await launchAll(rig, orders);
    expect(await rig.recover(orders[0])).toMatchObject({ kind: 'running', phase: 'starting' });

    await runTool(server, 'qrls', id);
    expect(await rig.end(orders[0])).toMatchObject({ kind: 'ended', outcome: { kind: 'ok' } });
  });

  test('what somebody else deletes is told as cancelled, also before it ran', async () => {
    await using server = await startStandIn({ ncpus: 1 });
    await using fixture = await onServer(server);
    await using rig = await BackendRig.open(fixture);
    const orders = ordersOf(rig, [{ text: 'touch started; sleep 100' }, { text: 'touch started' }]);
    const id = await launchAll(rig, orders);
    await rig.until(() => started(orders[0]), 'it was never begun');

    await runTool(server, 'qdel', id);

    const ends = await Promise.all(orders.map((order) => rig.end(order)));
    expect(ends).toMatchObject([{ kind: 'ended' }, { kind: 'ended', outcome: { kind: 'cancelled' } }]);
    expect(orders.map(started)).toEqual([true, undefined]);
    await nobodyUnder(fixture.directory);
  });

  test('a look around names the version, and a history that is not kept', async () => {
    await using server = await startStandIn({ history: false });
    const scheduler = pbsScheduler();
    const stdout = await runShell(server, scheduler.describe());
    const facts = scheduler.readDescribe({ code: 0, stdout, stderr: '' });

    expect(facts).toMatchObject({ version: 'PBS 23.06.06', maxArraySize: 10_000 });
    expect(facts.problems.join()).toContain("qmgr -c 'set server job_history_enable = True'");
  });
});
