import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Engine } from '../../../src/jobs/index.ts';
import { type AttemptOrder, DEFAULT_REQUEST, DEFAULT_RETRY, type Graph } from '../../../src/model/index.ts';
import { giveBack, ownFolder } from '../../own-folder.ts';
import { admin, controller, jobsSoFar, openCluster, slurm, standIn } from './cluster.ts';
import { COMMAND, independent } from './graphs.ts';
import { testBackend } from './test-backend.ts';

const TASKS = 1000;
const SINGLES = 50;
const ARRAY = 25;
const MINUTE_MS = 60_000;

describe.skipIf(!slurm.available)('a Slurm that does not do as it is asked', () => {
  let home: string;
  let bin: string;

  beforeEach(() => {
    home = ownFolder('slurm-mischief');
    bin = join(home, 'bin');
  });
  afterEach(async () => {
    controller('up');
    admin('scancel', '--user=root');
    await giveBack(home);
  });

  const calls = (): readonly string[] => {
    const path = join(home, 'calls');
    return existsSync(path) ? readFileSync(path, 'utf8').trim().split('\n') : [];
  };

  test(`three of ten submissions time out after they succeeded: ${TASKS} tasks, exactly ${TASKS} native jobs`, async () => {
    // Numbered by a directory each: mkdir tells one number to one only.
    standIn(
      bin,
      'sbatch',
      `n=0; while ! mkdir '${home}'/call.$n 2>/dev/null; do n=$((n + 1)); done
echo $n >>'${home}/calls'
case $n in *[147]) "$real" "$@" >/dev/null
echo 'sbatch: error: Batch job submission failed: Socket timed out on send/recv operation' >&2; exit 1;; esac
exec "$real" "$@"`,
    );
    const before = jobsSoFar();
    const settings = { maxArray: ARRAY, settleMs: 10_000 };
    await using engine = await Engine.open({
      store: join(home, 'store'),
      backends: [testBackend({ slurm: { bin }, settings })],
    });

    const run = await engine.run(thousand(join(home, 'ledger')), { id: 'r-lossy', backend: 'cluster' });
    await run.wait();

    expect(run.counts()).toMatchObject({ done: TASKS, failed: 0, cancelled: 0 });
    expect(jobsSoFar() - before).toBe(TASKS);
    expect(readFileSync(join(home, 'ledger'), 'utf8').trim().split('\n').length).toBe(TASKS);
    // So many answers at least were lost.
    expect(calls().filter((call) => /[147]$/.test(call)).length).toBeGreaterThan(20);
  });

  test("a limit on how many jobs a user may have is waited for; what can never be is an end, in Slurm's own words", async () => {
    const limit = `echo 'sbatch: error: QOSMaxSubmitJobPerUserLimit
sbatch: error: Batch job submission failed: Job violates accounting/QOS policy (job submit limit, user'\\''s size and/or time limits)' >&2; exit 1`;
    standIn(bin, 'sbatch', `if rmdir '${home}'/limit.* 2>/dev/null; then ${limit}; fi\nexec "$real" "$@"`);
    admin('mkdir', join(home, 'limit.1'));
    const before = jobsSoFar();
    await using engine = await Engine.open({ store: join(home, 'store'), backends: [testBackend({ slurm: { bin } })] });

    const limited = await engine.run(independent('limited', ['true', 'exit 3']).build(), { backend: 'cluster' });
    await limited.wait();
    const nowhere = independent('nowhere', ['true'], { scheduling: { queue: 'nowhere' } }).build();
    const refused = await engine.run(nowhere, { backend: 'cluster' });
    await refused.wait();

    const charged = await Promise.all(['job-0', 'job-1'].map(async (job) => (await limited.why(job)).job));
    expect(charged).toMatchObject([
      { status: 'done', charged: 0, losses: 0 },
      { status: 'failed', detail: 'exit', charged: 1, losses: 0 },
    ]);
    const [{ cause } = { cause: '' }] = await refused.failedJobs();
    expect(cause).toContain('Batch job submission failed: Invalid partition name specified');
    expect(jobsSoFar() - before).toBe(2);
  });

  test('of an array whose elements end differently only those that failed are submitted again', async () => {
    const before = jobsSoFar();
    await using engine = await Engine.open({ store: join(home, 'store'), backends: [testBackend()] });
    const once = (n: number): string => `mkdir '${home}/first.${n}' 2>/dev/null && exit ${n % 2}; exit 0`;
    const texts = Array.from({ length: 6 }, (_, n) => once(n));
    const retry = { ...DEFAULT_RETRY, maxAttempts: 2 };

    const run = await engine.run(independent('mixed', texts, { retry }).build(), { backend: 'cluster' });
    await run.wait();

    expect(run.counts()).toMatchObject({ done: 6, failed: 0 });
    expect(jobsSoFar() - before).toBe(6 + 3);
  });

  test('a squeue that says nothing, half of it, an old answer or no, and a controller that is away: nobody ends, nothing is lost', async () => {
    standIn(
      bin,
      'squeue',
      `mode=$(cat '${home}/mode'); echo x >>'${home}/calls'
case $mode in
empty) exit 0;;
none) "$real" "$@" | head -n 1;;
cut) "$real" "$@" | head -c 250;;
old) cat '${home}/old';;
no) echo 'slurm_load_jobs error: Unable to contact slurm controller (connect failure)' >&2; exit 1;;
*) exec "$real" "$@";;
esac`,
    );
    const mode = (word: string): void => writeFileSync(join(home, 'mode'), word);
    mode('none');
    const gate = join(home, 'gate');
    await using cluster = await openCluster(
      { slurm: { bin }, settings: { pollMs: { floor: 250, ceiling: 250 } } },
      home,
    );
    writeFileSync(join(home, 'old'), admin('squeue', '-O', 'arrayjobid:0|,jobid:0|'));
    const orders = cluster.orders(Array.from({ length: 6 }, () => `until [ -e '${gate}' ]; do sleep 0.3; done`));
    await cluster.start(orders);

    const ended = (): readonly AttemptOrder[] => orders.filter((order) => cluster.rig.reported(order) !== undefined);
    const askedAgain = async (times: number): Promise<void> => {
      const before = calls().length;
      await cluster.rig.until(() => calls()[before + times - 1], 'squeue was not asked again');
    };
    for (const word of ['none', 'empty', 'cut', 'old', 'no', 'true']) {
      mode(word);
      await askedAgain(3);
      expect(ended()).toEqual([]);
    }
    controller('stop');
    // Each of these takes Slurm's own ten seconds to fail.
    await askedAgain(2);
    expect(ended()).toEqual([]);
    controller('up');
    writeFileSync(gate, '');

    const outcomes = await Promise.all(orders.map((order) => cluster.outcome(order)));
    expect(outcomes).toEqual(orders.map(() => expect.objectContaining({ kind: 'ok' }) as unknown));
  });
});

/** Arrays of what is alike, and some that travel alone, since each asks for a time of its own. */
function thousand(ledger: string): Graph {
  const line = `echo run >>'${ledger}'`;
  const builder = independent('thousand', Array<string>(TASKS - SINGLES).fill(line));
  for (let n = 1; n <= SINGLES; n += 1) {
    const resources = { ...DEFAULT_REQUEST, timeMs: n * MINUTE_MS };
    builder.add(`single-${n}`, { definition: { ...COMMAND, resources }, payload: { script: [line] } });
  }
  return builder.build();
}
