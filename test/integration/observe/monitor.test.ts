import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { command, Engine, ExecutionMonitor, ProcessJob, sh, ThreadJob, workflow } from '../../../src/index.ts';
import { type AttemptUsage, readUsage, type UsageLine } from '../../../src/observe/index.ts';
import { needed } from '../../needed.ts';
import { giveBack, ownFolder } from '../../own-folder.ts';

const hasProc = needed(process.platform === 'linux', 'a system with /proc');

async function linesOf(store: string, run: string): Promise<readonly UsageLine[]> {
  const lines: UsageLine[] = [];
  for await (const line of readUsage(store, run)) lines.push(line);
  return lines;
}

const attemptIn = (lines: readonly UsageLine[], job = 0): AttemptUsage => {
  const found = lines.find((line) => line.kind === 'attempt' && line.job === job);
  if (found?.kind !== 'attempt') throw new Error(`nothing was measured of job ${job}: ${JSON.stringify(lines)}`);
  return found;
};

/** Keeps a core busy until it has used most of a second, and 40 MB resident, in a child of a child. */
const BUSY = `
const held = Buffer.alloc(40_000_000, 1);
let sum = 0;
while (process.cpuUsage().user < 800_000) for (let i = 0; i < 1e6; i += 1) sum += i % 7;
const { user, system } = process.cpuUsage();
require('node:fs').writeFileSync(process.argv[1], String((user + system) / 1e6));
process.stdout.write(String(held.length + sum));`;

test.runIf(hasProc)('what a command and its children use is measured, written down, and told as peaks', async () => {
  const folder = ownFolder('monitor');
  const monitor = new ExecutionMonitor({ intervalMs: 100 });
  // A subshell, and below it a program that has left session and group, and cleaned its environment.
  const busy = command('busy', {
    run: () =>
      sh`( env -i setsid -w ${process.execPath} -e ${BUSY} ${join(folder, 'cpu')} > said ); head -c 300000 /dev/zero > out`,
  });
  let run = '';
  {
    await using engine = await Engine.open({ store: join(folder, 'store'), observers: [monitor], project: folder });
    const handle = await engine.run(workflow('one', () => busy()).build({}));
    run = handle.id;
    expect((await handle.wait()).status).toBe('done');
  }

  const lines = await linesOf(join(folder, 'store'), run);
  const usage = attemptIn(lines);
  expect(usage.maxRssBytes).toBeGreaterThan(40_000_000);
  // What the busy one says of itself; of what it used after the last look only it knows.
  const told = Number(readFileSync(join(folder, 'cpu'), 'utf8'));
  expect(usage.cpuSeconds).toBeGreaterThan(0.5);
  expect(usage.cpuSeconds).toBeLessThan(told + 0.15);
  expect(usage.series?.cpu.length).toBeGreaterThan(1);
  expect(lines.some((line) => line.kind === 'run')).toBe(true);
  const report = monitor.report();
  expect(report.peakCpuPercent).toBeGreaterThan(10);
  expect(report.peakMemoryMb).toBeGreaterThan(40);
  expect(report.totalIoOperations).toBeGreaterThan(0);
  await giveBack(folder);
});

test.runIf(hasProc)('calls in child processes are told apart, and those in threads are the engine’s', async () => {
  const folder = ownFolder('monitor-calls');
  const monitor = new ExecutionMonitor({ intervalMs: 100 });
  const spin = (seconds: number): number => {
    const end = process.cpuUsage().user + seconds * 1e6;
    let sum = 0;
    while (process.cpuUsage().user < end) for (let i = 0; i < 1e6; i += 1) sum += i % 7;
    return sum;
  };
  const apart = new ProcessJob(spin, [0.6]);
  {
    await using engine = await Engine.open({ store: join(folder, 'store'), observers: [monitor] });
    engine.submit(apart, new ThreadJob(spin, [0.6]));
    expect(await apart.result()).toBeGreaterThan(0);
  }
  const [file = ''] = readdirSync(join(folder, 'store', 'usage'));
  const run = file.replace('.ndjson', '');

  const lines = await linesOf(join(folder, 'store'), run);
  expect(attemptIn(lines, 0).cpuSeconds).toBeGreaterThan(0.2);
  expect(lines.filter((line) => line.kind === 'attempt')).toHaveLength(1);
  expect(monitor.report().engine.peakCpuPercent).toBeGreaterThan(5);
  await giveBack(folder);
});

test('an interval that would cost more than it tells is refused', () => {
  expect(() => new ExecutionMonitor({ intervalMs: 5 })).toThrow("a monitor can't look every 5 ms");
});
