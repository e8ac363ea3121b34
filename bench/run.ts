/**
 * Measures what the issues promise, beside a rival or the raw limit, and says whether each budget is met:
 *
 *   npm run bench                     every row
 *   npm run bench -- durable chain    these rows
 *   npm run bench -- --write          every row, and the table into docs/performance.md
 *
 * Each probe runs in a process of its own, several times, the probes of a row in turn; figures are medians.
 * Ends with exit code 1 when a budget is missed.
 */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import type { Figures, Line, Row } from './row.ts';
import { allocation } from './rows/allocation.ts';
import { cache } from './rows/cache.ts';
import { calls } from './rows/calls.ts';
import { chain } from './rows/chain.ts';
import { commands } from './rows/commands.ts';
import { containers } from './rows/containers.ts';
import { durable } from './rows/durable.ts';
import { graph } from './rows/graph.ts';
import { launcher, store } from './rows/parts.ts';
import { loopGap } from './rows/loop-gap.ts';
import { granularity } from './rows/metg.ts';
import { monitor } from './rows/monitor.ts';
import { restart } from './rows/restart.ts';
import { scheduler } from './rows/scheduler.ts';
import { sshLane } from './rows/ssh-lane.ts';
import { submit } from './rows/submit.ts';
import { waiting } from './rows/waiting.ts';
import { machineFacts, printLine, writePage } from './table.ts';

const ROWS: readonly Row[] = [
  scheduler,
  durable,
  chain,
  commands,
  containers,
  graph,
  waiting,
  restart,
  cache,
  loopGap,
  store,
  launcher,
  calls,
  submit,
  granularity,
  monitor,
  allocation,
  sshLane,
];

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    /** Runs one probe in this process and prints its figures: `row/probe`. */
    probe: { type: 'string' },
    /** How often each probe runs, instead of what its row says. */
    repetitions: { type: 'string' },
    write: { type: 'boolean', default: false },
  },
});

function rowNamed(name: string): Row {
  const row = ROWS.find((each) => each.name === name);
  if (row !== undefined) return row;
  console.error(`there is no row '${name}'; there are: ${ROWS.map((each) => each.name).join(', ')}`);
  process.exit(2);
}

async function runHere(path: string): Promise<void> {
  const [rowName = '', probeName = ''] = path.split('/');
  const figures = await rowNamed(rowName).probes[probeName]?.run();
  console.log(JSON.stringify(figures));
}

/** Runs a probe in a process of its own. The last line it prints is its figures. */
function runApart(row: Row, probe: string): Figures {
  const flags = row.probes[probe]?.nodeFlags ?? [];
  const script = fileURLToPath(import.meta.url);
  const child = spawnSync(process.execPath, [...flags, script, '--probe', `${row.name}/${probe}`], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  if (child.status !== 0) throw new Error(`probe ${row.name}/${probe} ended with ${child.status ?? child.signal}`);
  return JSON.parse(child.stdout.trimEnd().split('\n').at(-1) ?? '{}') as Figures;
}

function median(numbers: readonly number[]): number {
  const sorted = numbers.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] as number;
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] as number)) / 2;
}

function measure(row: Row): readonly Line[] {
  const found = new Map<string, Figures[]>();
  const repetitions = Number(values.repetitions ?? row.repetitions);
  for (let i = 0; i < repetitions; i += 1) {
    for (const probe of Object.keys(row.probes)) {
      const figures = runApart(row, probe);
      found.set(probe, [...(found.get(probe) ?? []), figures]);
      console.error(`  ${row.name}/${probe}: ${JSON.stringify(figures)}`);
    }
  }
  return row.conclude((probe, figure) => median((found.get(probe) ?? []).map((figures) => figures[figure] as number)));
}

if (values.probe === undefined) {
  const rows = positionals.length === 0 ? ROWS : positionals.map(rowNamed);
  console.log(machineFacts());
  const lines: Line[] = [];
  for (const row of rows) {
    for (const line of measure(row)) {
      printLine(line);
      lines.push(line);
    }
  }
  if (values.write) await writePage(lines);
  process.exitCode = lines.every((line) => line.isMet) ? 0 : 1;
} else {
  await runHere(values.probe);
}
