/**
 * What a durable command costs before the engine: 2,000 x `true`, two at a time, through the commands backend alone,
 * beside `make -j2` over the same. Directories on tmpfs where there is one; CPU is that of this process and of all
 * children. `node bench/launcher.ts [--rounds 5] [--count 2000] [--shell bash|dash|dash-setsid|dash-bare|busybox]`
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { commandsBackend } from '../src/backends/commands/index.ts';
import {
  type AttemptOrder,
  asJobId,
  asRunId,
  attemptIds,
  type BackendEvent,
  newSubmissionId,
  silentLogger,
} from '../src/model/index.ts';
import { type LauncherShell, systemClock, systemRandom } from '../src/process/index.ts';

interface Cost {
  readonly wallMs: number;
  readonly cpuMs: number;
}

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    count: { type: 'string', default: '2000' },
    shell: { type: 'string' },
  },
});
const COUNT = Number(values.count);
const SLOTS = 2;
const root = existsSync('/dev/shm') ? '/dev/shm' : tmpdir();

const SHELLS: Readonly<Record<string, LauncherShell>> = {
  bash: { command: ['/bin/bash'], isolation: 'groups' },
  dash: { command: ['/bin/dash'], isolation: 'shared' },
  'dash-setsid': { command: ['/bin/dash'], isolation: 'setsid' },
  'dash-bare': { command: ['/bin/dash'], isolation: 'bare' },
  busybox: { command: ['/bin/busybox', 'sh'], isolation: 'setsid' },
};

/** CPU of this process and of all its children that were waited for, in milliseconds. */
function cpuMs(): number {
  const own = process.cpuUsage();
  const fields = readFileSync('/proc/self/stat', 'latin1').split(') ')[1]?.split(' ') ?? [];
  return (own.user + own.system) / 1000 + (Number(fields[13]) + Number(fields[14])) * 10;
}

async function ours(): Promise<Cost> {
  const directory = mkdtempSync(join(root, 'heddle-bench-'));
  const shell = values.shell === undefined ? undefined : SHELLS[values.shell];
  const begin = { cpu: cpuMs(), wall: performance.now() };
  const nextId = attemptIds(systemRandom);
  const submission = newSubmissionId(systemRandom);
  const backend = commandsBackend({ slots: SLOTS, ...(shell === undefined ? {} : { shell }) });
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  let given = 0;
  let ended = 0;
  const give = (n: number): void => {
    const orders = Array.from({ length: Math.min(n, COUNT - given) }, (): AttemptOrder => {
      const index = given;
      given += 1;
      return {
        attempt: nextId(),
        fence: 1,
        run: asRunId('r-bench'),
        job: asJobId(`true-${index}`),
        index,
        work: { kind: 'command', text: 'true', inputs: [], outputs: [], environment: {} },
        grant: { place: 'local', cpus: 1 },
        limits: { graceMs: 10_000, outputBytes: 64 * 1024 * 1024 },
        directory: join(directory, 'work', 'r-bench', String(Math.floor(index / 1000)), `true-${index}.1`),
        submission,
        element: index,
      };
    });
    if (orders.length > 0) void backend.launch(orders);
  };
  const report = (event: BackendEvent): void => {
    if (event.kind === 'gone') reject(new Error(event.why));
    if (event.kind !== 'ended') return;
    if (event.outcome.kind !== 'ok') reject(new Error(JSON.stringify(event.outcome)));
    ended += 1;
    backend.release([event.attempt]);
    if (ended === COUNT) resolve();
    else give(1);
  };
  await backend.open({ clock: systemClock, logger: silentLogger, report, directory, project: directory });
  give(SLOTS);
  await promise;
  const wallMs = performance.now() - begin.wall;
  await backend[Symbol.asyncDispose]();
  const cost = { wallMs, cpuMs: cpuMs() - begin.cpu };
  rmSync(directory, { recursive: true });
  return cost;
}

function make(): Cost {
  const directory = mkdtempSync(join(root, 'heddle-bench-make-'));
  const targets = Array.from({ length: COUNT }, (_, n) => `t${n}`);
  writeFileSync(
    join(directory, 'Makefile'),
    `all: ${targets.join(' ')}\n${targets.map((target) => `${target}:\n\t@true\n`).join('')}.PHONY: all ${targets.join(' ')}\n`,
  );
  const begin = { cpu: cpuMs(), wall: performance.now() };
  execFileSync('make', ['-s', `-j${SLOTS}`], { cwd: directory, stdio: 'ignore' });
  const cost = { wallMs: performance.now() - begin.wall, cpuMs: cpuMs() - begin.cpu };
  rmSync(directory, { recursive: true });
  return cost;
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}

const rounds = Array.from({ length: Number(values.rounds) });
const mine: Cost[] = [];
const theirs: Cost[] = [];
for (const _ of rounds) {
  mine.push(await ours());
  theirs.push(make());
}
for (const [what, pick] of [
  ['wall ms each', (cost: Cost) => cost.wallMs / COUNT],
  ['CPU ms each', (cost: Cost) => cost.cpuMs / COUNT],
] as const) {
  const [own, rival] = [median(mine.map(pick)), median(theirs.map(pick))];
  console.log(
    `${what}: ours ${own.toFixed(3)}  make -j${SLOTS} ${rival.toFixed(3)}  ratio ${(own / rival).toFixed(2)}`,
  );
}
