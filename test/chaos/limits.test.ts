import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { asRunId } from '../../src/model/index.ts';
import { openStoreAt } from '../../src/jobs/open-store.ts';
import { cgroup } from '../cgroup.ts';
import { needed } from '../needed.ts';
import { Sandbox } from '../integration/cli/harness.ts';

/** F08: descriptors and processes run out. */

/** Bodies that write their attempt into a ledger and need no process beside their own; some fail in their own right. */
const FLOW = `
import { command, sh, text, workflow } from 'heddle';
const good = command('good', {
  run: (p) => sh\`echo \${p.i} > value; echo "$HEDDLE_JOB_ID $HEDDLE_ATTEMPT" >> "$project/ledger"; exec sleep 0.2\`,
  outputs: { value: text('value') },
});
const bad = command('bad', {
  run: (p) => sh\`echo "$HEDDLE_JOB_ID $HEDDLE_ATTEMPT" >> "$project/ledger"; test -z \${p.i}\`,
});
export default workflow('crowd', (p) => {
  for (let i = 0; i < p.n; i += 1) {
    good({ i });
    bad({ i });
  }
});
`;
const PAIRS = 15;

interface Ran {
  readonly code: number | null;
  readonly stderr: string;
}

/** Runs the crowd, 24 at a time, and sees to it that each ended as it does where there is plenty. */
async function runCrowd(box: Sandbox, before: string): Promise<Ran> {
  box.write('flow.js', FLOW);
  const ran = await box.run(['run', 'flow.js', '-p', `n=${PAIRS}`, '--jobs', '24', '--json'], { before });
  expect(ran.code, ran.stderr).toBe(1);
  const { run, counts } = JSON.parse(ran.stdout) as { run: string; counts: Record<string, number> };
  expect(counts).toMatchObject({ done: PAIRS, failed: PAIRS });
  const ledger = readFileSync(join(box.folder, 'ledger'), 'utf8').trim().split('\n');
  expect(ledger.filter((line, i) => ledger.indexOf(line) !== i)).toEqual([]);
  await using store = await openStoreAt(join(box.folder, '.heddle'));
  for await (const rows of store.jobs(asRunId(run))) {
    for (const row of rows) {
      const job = `${row.job % 2 === 0 ? 'good' : 'bad'}-${Math.floor(row.job / 2) + 1}`;
      const starts = ledger.filter((line) => line.startsWith(`${job} `)).length;
      if (row.status === 'failed') expect(row, job).toMatchObject({ detail: 'exit', charged: 1 });
      else expect(row, job).toMatchObject({ status: 'done', charged: 0 });
      expect(starts, `${job} began more than once; ${row.losses} attempts were lost`).toBe(1);
    }
  }
  return ran;
}

interface Fence extends Disposable {
  /** Shell text that puts the shell inside. */
  readonly enter: string;
  /** How often a process could not be had, where that is counted. */
  refused(): number | undefined;
}

/** Room for so many processes and threads, and no more: by a cgroup, or by an ordinary user's own limit. */
function fence(room: number): Fence | undefined {
  const group = cgroup('pids', room);
  if (group !== undefined) {
    const refused = (): number => Number(/max (\d+)/.exec(group.read('pids.events'))?.[1]);
    return { enter: group.enter, refused, [Symbol.dispose]: () => group[Symbol.dispose]() };
  }
  const uid = process.getuid?.() ?? 0;
  if (uid === 0) return undefined;
  return { enter: `ulimit -u ${threadsOf(uid) + room}`, refused: () => undefined, [Symbol.dispose]: () => undefined };
}

function threadsOf(uid: number): number {
  let threads = 0;
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    try {
      const status = readFileSync(`/proc/${pid}/status`, 'utf8');
      if (new RegExp(`^Uid:\\s+${uid}\\b`, 'm').test(status)) threads += Number(/^Threads:\s+(\d+)/m.exec(status)?.[1]);
    } catch {
      // It is gone.
    }
  }
  return threads;
}

function canFence(): boolean {
  const tried = fence(1000);
  tried?.[Symbol.dispose]();
  return needed(tried !== undefined, 'running out of processes: no cgroup can be made here');
}

describe('F08: the machine has no more', () => {
  test('descriptors: what cannot start now is refused and tried again, and nothing is lost, doubled or charged', async () => {
    await using box = new Sandbox();

    const { stderr } = await runCrowd(box, 'ulimit -n 60');

    expect(stderr).toMatch(/was refused by commands: cannot start [^;]*; tried again in 1 s/);
  });

  test.runIf(canFence())(
    'processes: as with descriptors; and a shell that had to wait for one tells ends as they are',
    async () => {
      await using box = new Sandbox();
      using room = fence(32) as Fence;

      await runCrowd(box, room.enter);

      expect(room.refused()).not.toBe(0);
    },
  );
});
