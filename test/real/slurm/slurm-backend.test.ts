import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { AttemptOrder, BackendEvent, RecoverQuery } from '../../../src/model/index.ts';
import { EMPTY_VALUE } from '../../../src/backends/workdir/index.ts';
import { asJobId, asRunId, attemptIds, newSubmissionId, silentLogger } from '../../../src/model/index.ts';
import { systemClock, systemRandom } from '../../../src/process/index.ts';
import { requireComponent } from '../components/components.ts';
import { SlurmBackend } from './slurm-backend.ts';

const slurm = await requireComponent('slurm');
if (slurm.available) Object.assign(process.env, slurm.env);

const JOBS = 10;

type End = Extract<BackendEvent, { readonly kind: 'ended' | 'gone' }>;

describe.skipIf(!slurm.available)('the Slurm backend, against a real Slurm', () => {
  let home: string;
  let ledger: string;

  beforeEach(() => {
    home = mkdtempSync(join(tmpdir(), 'heddle-slurm-'));
    ledger = join(home, 'ledger');
  });
  afterEach(() => rmSync(home, { recursive: true, force: true }));

  /** Orders of one submission; the body of each writes the attempt's id into the ledger. */
  function makeOrders(text: (n: number) => string): AttemptOrder[] {
    const submission = newSubmissionId(systemRandom);
    const nextAttempt = attemptIds(systemRandom);
    return Array.from({ length: JOBS }, (_, n) => ({
      attempt: nextAttempt(),
      fence: 1,
      run: asRunId('r-test'),
      job: asJobId(`job-${n}`),
      index: n,
      work: { kind: 'command', text: text(n), inputs: [], outputs: [], environment: { LEDGER: ledger } },
      grant: { place: 'slurm', cpus: 1 },
      limits: { graceMs: 1000, outputBytes: 1 << 20 },
      directory: join(home, 'work', `job-${n}.1`),
      submission,
      element: n,
    }));
  }

  /** Opens a backend, hands it to `act`, and answers the ends it reports until there are `count`. */
  async function ends(count: number, act: (backend: SlurmBackend) => Promise<void>): Promise<readonly End[]> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const ended: End[] = [];
    await using backend = new SlurmBackend();
    const places = await backend.open({
      clock: systemClock,
      logger: silentLogger,
      directory: home,
      project: home,
      report: (event) => {
        if (event.kind === 'ended' || event.kind === 'gone') ended.push(event);
        if (ended.length === count) resolve();
      },
    });
    expect(places).toEqual([{ name: 'slurm', cpus: 16 }]);
    await act(backend);
    if (count > 0) await promise;
    return ended;
  }

  const ledgerLines = (): string[] => readFileSync(ledger, 'utf8').trim().split('\n');
  const asQuery = (order: AttemptOrder): RecoverQuery => ({ ...order, handle: '' });

  test('an array of ten runs each body once and tells each end by its exit record', async () => {
    const orders = makeOrders((n) => `echo "$HEDDLE_ATTEMPT" >> "$LEDGER"; exit ${n % 2 === 0 ? 0 : 130 + n}`);

    const ended = await ends(JOBS, async (backend) => {
      const answers = await backend.launch(orders);
      expect(new Set(answers.map((answer) => answer.kind))).toEqual(new Set(['accepted']));
    });

    const outcomes = new Map(ended.map((event) => [event.attempt, event]));
    expect(orders.map((order) => outcomes.get(order.attempt))).toEqual(
      orders.map(({ attempt, index }) => ({
        kind: 'ended',
        attempt,
        outcome: index % 2 === 0 ? { kind: 'ok', value: EMPTY_VALUE } : { kind: 'exit', code: 130 + index },
        startedAt: expect.any(Number) as number,
        endedAt: expect.any(Number) as number,
      })),
    );
    expect(ledgerLines().toSorted()).toEqual(orders.map((order) => order.attempt).toSorted());
  });

  test('what was submitted and never answered is found by its marker and collected', async () => {
    const orders = makeOrders(() => 'echo "$HEDDLE_ATTEMPT" >> "$LEDGER"; sleep 1');
    // The first backend is gone before it could report anything.
    await ends(0, async (backend) => {
      await backend.launch(orders);
    });

    const ended = await ends(JOBS, async (backend) => {
      const answers = await backend.recover(orders.map(asQuery));
      expect(new Set(answers.map((answer) => answer.kind))).toEqual(new Set(['running']));
    });

    expect(ended.map((event) => event.kind === 'ended' && event.outcome.kind)).toEqual(Array(JOBS).fill('ok'));
    expect(ledgerLines().toSorted()).toEqual(orders.map((order) => order.attempt).toSorted());
  });

  test('what was never submitted is gone for good: a submission that arrives late starts nothing', async () => {
    const orders = makeOrders(() => 'echo "$HEDDLE_ATTEMPT" >> "$LEDGER"');

    const ended = await ends(JOBS, async (backend) => {
      const answers = await backend.recover(orders.map(asQuery));
      expect(answers).toEqual(
        orders.map(() => ({ kind: 'gone', why: 'Slurm has no such job, and it can start no more' })),
      );
      await backend.launch(orders);
    });

    expect(new Set(ended.map((event) => event.kind))).toEqual(new Set(['gone']));
    expect(() => ledgerLines()).toThrow('ENOENT');
  });

  test('a cancelled attempt ends as cancelled, the others of its array go on', async () => {
    const orders = makeOrders((n) => (n === 3 ? 'sleep 600' : 'true'));
    const [victim] = orders.slice(3, 4);

    const ended = await ends(JOBS, async (backend) => {
      await backend.launch(orders);
      if (victim !== undefined) backend.cancel(victim.attempt);
    });

    const kinds = ended.map((event) => event.kind === 'ended' && [event.attempt, event.outcome.kind]);
    expect(kinds).toContainEqual([victim?.attempt, 'cancelled']);
    expect(kinds.filter((one) => Array.isArray(one) && one[1] === 'ok')).toHaveLength(JOBS - 1);
  });
});
