import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, test } from 'vitest';
import { giveBack, ownFolder } from '../own-folder.ts';
import { latestRun, type Ledger, readLedger, readStore } from './judging.ts';
import { childrenOf, type Process, processesUnder, send } from '../processes.ts';

/**
 * SIGKILL and SIGSTOP at random moments, on the engine, its launchers and lanes, and the processes of the jobs. Whatever
 * is hit, resuming must end every run like an undisturbed one, and never run again what was committed.
 */

const BIN = fileURLToPath(new URL('../../bin/heddle.cjs', import.meta.url));
const FLOW = fileURLToPath(new URL('flow.ts', import.meta.url));
const SHAPES = ['chain', 'fan', 'layers', 'mixed', 'control', 'threads', 'processes'] as const;
/** Blows a shape: 200 in all on commands where there is time and half as many a shape on lanes, a taste of it otherwise. */
const BLOWS = Number(process.env['HEDDLE_CHAOS_BLOWS'] ?? (process.env['CI'] === undefined ? 10 : 50));

const directories: string[] = [];

afterEach(async () => {
  for (const directory of directories.splice(0)) await giveBack(directory);
});

function freshDirectory(): string {
  const directory = ownFolder('chaos');
  directories.push(directory);
  return directory;
}

function heddle(directory: string, words: readonly string[]): ChildProcess {
  const environment = { ...process.env, HEDDLE_STORE: join(directory, 'store'), NO_COLOR: '1' };
  return spawn(process.execPath, [BIN, ...words], {
    cwd: directory,
    env: environment,
    stdio: ['ignore', 'ignore', 'pipe'],
    detached: true,
  });
}

const START = (directory: string, shape: string): string[] => [
  'run',
  FLOW,
  '-p',
  `shape=${shape}`,
  '-p',
  `directory=${directory}`,
  '--jobs',
  '4',
];

/** Numbers by chance, the same from the same seed (mulberry32). */
function dice(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** Who can be hit now: the engine, its children (launchers, lanes), and theirs. */
function victims(directory: string, engine: number): { readonly role: string; readonly process: Process }[] {
  const children = childrenOf(engine);
  const pids = new Set(children.map(({ pid }) => pid));
  const others = processesUnder(directory).filter(({ pid }) => !pids.has(pid));
  return [
    ...children.map((process) => ({ role: 'launcher', process })),
    ...others.map((process) => ({ role: process.pid === engine ? 'engine' : 'wrapper', process })),
  ];
}

function isLane(pid: number): boolean {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('/lanes/');
  } catch {
    return false;
  }
}

interface Blow {
  readonly role: string;
  readonly stops: boolean;
}

/** Hits one process; gives what was done, for the report of a failure. */
async function strike(
  directory: string,
  engine: number,
  { roll, roles }: Pick<Plan, 'roll' | 'roles'>,
): Promise<Blow | undefined> {
  const role = roles[Math.floor(roll() * roles.length)];
  const candidates = victims(directory, engine).filter((victim) => victim.role === role);
  const victim = candidates[Math.floor(roll() * candidates.length)];
  if (victim === undefined) return undefined;
  const stops = roll() < 0.3;
  if (stops) {
    send(victim.process.pid, 'SIGSTOP');
    await sleep(20 + roll() * 250);
    send(victim.process.pid, 'SIGCONT');
  } else send(victim.process.pid, 'SIGKILL');
  return { role: victim.role, stops };
}

/** How a run is disturbed. */
interface Plan {
  readonly blows: number;
  readonly roll: () => number;
  /** A blow falls within so many milliseconds of the one before. */
  readonly paceMs: number;
  /** Who is hit; more often named, more often hit. */
  readonly roles: readonly string[];
}

/** Threads die with their engine; lanes in processes come up late, so that chance would seldom find them. */
const ROLES = {
  threads: ['engine'],
  processes: ['engine', 'launcher', 'launcher', 'launcher'],
  commands: ['engine', 'engine', 'launcher', 'wrapper'],
} as const;

interface Committed {
  readonly jobs: readonly string[];
  readonly ledger: Ledger;
}

/** Runs one shape to its end through up to `blows` of them; gives how many fell and what was committed at each death. */
async function disturbedRun(
  directory: string,
  shape: string,
  options: Plan,
): Promise<{ blows: Blow[]; deaths: Committed[]; children: ReadonlySet<number>; stderr: string }> {
  const store = join(directory, 'store');
  const blows: Blow[] = [];
  const deaths: Committed[] = [];
  const children = new Set<number>();
  let stderr = '';
  for (let life = 0; life < 400; life += 1) {
    const run = await latestRun(store);
    if (run !== undefined && ['done', 'failed', 'cancelled'].includes(run.status))
      return { blows, deaths, children, stderr };
    const engine = heddle(directory, run === undefined ? START(directory, shape) : ['resume', run.id]);
    engine.stderr?.on('data', (chunk: Buffer) => {
      stderr = (stderr + chunk.toString()).slice(-4000);
    });
    const exited = once(engine, 'exit');
    while (engine.exitCode === null && engine.signalCode === null) {
      await Promise.race([sleep(20 + options.roll() * (blows.length < options.blows ? options.paceMs : 5000)), exited]);
      if (engine.exitCode !== null || engine.signalCode !== null || blows.length >= options.blows) continue;
      for (const { pid } of childrenOf(engine.pid ?? -1)) children.add(pid);
      const blow = await strike(directory, engine.pid ?? -1, options);
      if (blow !== undefined) blows.push(blow);
    }
    await exited;
    if (run === undefined) continue;
    const { statuses } = await readStore(store, run.id);
    const ledger = readLedger(directory);
    deaths.push({ jobs: [...statuses].filter(([, status]) => status === 'done').map(([job]) => job), ledger });
  }
  throw new Error(`${shape} did not end; its last words:\n${stderr}`);
}

async function finalState(
  directory: string,
): Promise<{ run: string; statuses: Record<string, string>; values: Record<string, string> }> {
  const run = await latestRun(join(directory, 'store'));
  if (run === undefined) throw new Error('no run');
  const { statuses, values } = await readStore(join(directory, 'store'), run.id);
  const sorted = (map: ReadonlyMap<string, string>) =>
    Object.fromEntries([...map].sort(([a], [b]) => (a < b ? -1 : 1)));
  return { run: run.status, statuses: sorted(statuses), values: sorted(values) };
}

describe('whatever is killed or stopped, and whenever', () => {
  test.each(SHAPES)('%s ends like an undisturbed run, and nothing committed runs again', async (shape) => {
    const calm = freshDirectory();
    const began = performance.now();
    const undisturbed = heddle(calm, START(calm, shape));
    await once(undisturbed, 'exit');
    // Blows fall within what an undisturbed run takes: an engine takes its time to come up, and so do lanes.
    const hasLanes = shape === 'threads' || shape === 'processes';
    const paceMs = (performance.now() - began) * (hasLanes ? 1 : 0.7);
    const roles = ROLES[hasLanes ? shape : 'commands'];
    const expected = await finalState(calm);
    const seed = Number(process.env['HEDDLE_CHAOS_SEED'] ?? Date.now() % 1_000_000);
    const roll = dice(seed);
    const most = hasLanes ? Math.ceil(BLOWS / 2) : BLOWS;
    let fallen = 0;
    const hit = new Map<string, number>();
    for (let round = 0; fallen < most; round += 1) {
      const directory = freshDirectory();
      const { blows, deaths, children, stderr } = await disturbedRun(directory, shape, {
        blows: Math.min(12, most - fallen),
        roll,
        paceMs,
        roles,
      });
      fallen += Math.max(1, blows.length);
      for (const { role, stops } of blows) {
        const what = `${stops ? 'stop' : 'kill'} ${role}`;
        hit.set(what, (hit.get(what) ?? 0) + 1);
      }
      const told = `HEDDLE_CHAOS_SEED=${seed}, round ${round}: ${blows.map((blow) => `${blow.stops ? 'stop' : 'kill'} ${blow.role}`).join(', ')}\n${stderr}`;

      expect(await finalState(directory), told).toEqual(expected);
      const ledger = readLedger(directory);
      for (const [job, entry] of ledger) expect(entry.doubled, `${job}: an attempt began twice; ${told}`).toEqual([]);
      for (const death of deaths) {
        for (const job of death.jobs) {
          expect(ledger.get(job)?.starts, `${job} ran again after it was committed; ${told}`).toBe(
            death.ledger.get(job)?.starts,
          );
        }
      }
      expect(readdirSync(directory)).toContain('ledger');
      // A lane works elsewhere than its engine, and must not outlive it all the same.
      await expect.poll(() => [...children].filter(isLane), { timeout: 10_000 }).toEqual([]);
    }
    console.info(
      `${shape}: ${[...hit].map(([what, times]) => `${times} x ${what}`).join(', ')} (HEDDLE_CHAOS_SEED=${seed})`,
    );
    expect(hit.get('kill engine'), 'chance never hit the engine').toBeGreaterThan(0);
  });
});
