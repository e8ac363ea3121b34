import { spawnSync } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { scratch } from '../engine.ts';
import { count, type Figures, ms, type Row, times } from '../row.ts';

const COMMANDS = 2000;
const AT_A_TIME = 2;
const WALL_BUDGET = 2;
const CPU_BUDGET_MS = 1.2;

const path = (relative: string): string => fileURLToPath(new URL(relative, import.meta.url));

/**
 * Runs a program to its end and gives its wall time, and the CPU time of it and of everything it and its children
 * waited for, as bash's `time` reads them.
 */
function timed(argv: readonly string[], cwd: string): Figures {
  const { status, stderr } = spawnSync(
    'bash',
    ['-c', 'TIMEFORMAT="%3R %3U %3S"; time "$@" >/dev/null', 'bash', ...argv],
    {
      cwd,
      encoding: 'utf8',
      // The sources as they are, whatever was built from them last.
      env: { ...process.env, HEDDLE_SOURCE: '1' },
    },
  );
  if (status !== 0) throw new Error(`${argv.join(' ')} ended with ${status}: ${stderr}`);
  const [wall = Number.NaN, user = Number.NaN, system = Number.NaN] = (stderr.trimEnd().split('\n').at(-1) ?? '')
    .split(' ')
    .map(Number);
  return { wallMs: wall * 1000, cpuMs: (user + system) * 1000 };
}

async function heddle(commands: number): Promise<Figures> {
  await using directory = await scratch('memory');
  const argv = ['run', path('../true.workflow.ts'), '-p', `count=${commands}`, '--jobs', String(AT_A_TIME)];
  return timed(
    [process.execPath, path('../../bin/heddle.cjs'), ...argv, '--store', join(directory.path, 'store')],
    directory.path,
  );
}

async function make(): Promise<Figures> {
  await using directory = await scratch('memory');
  const targets = Array.from({ length: COMMANDS }, (_, i) => `job-${i}`);
  const rules = targets.map((target) => `${target}:\n\t@/bin/true\n`).join('');
  await writeFile(
    join(directory.path, 'Makefile'),
    `all: ${targets.join(' ')}\n${rules}.PHONY: all ${targets.join(' ')}\n`,
  );
  return timed(['make', '-s', `-j${AT_A_TIME}`], directory.path);
}

export const commands: Row = {
  name: 'commands',
  repetitions: 5,
  probes: { heddle: { run: () => heddle(COMMANDS) }, make: { run: make }, start: { run: () => heddle(1) } },
  conclude(median) {
    const wall = median('heddle', 'wallMs');
    const rival = median('make', 'wallMs');
    const cpu = median('heddle', 'cpuMs') / COMMANDS;
    const rivalCpu = median('make', 'cpuMs') / COMMANDS;
    const what = `${count(COMMANDS)} durable commands (true), ${AT_A_TIME} at a time`;
    return [
      {
        what: `${what}: wall`,
        ours: ms(wall),
        rival: `${ms(rival)} make -j${AT_A_TIME}`,
        ratio: times(wall / rival),
        budget: `<= ${WALL_BUDGET} x`,
        isMet: wall <= WALL_BUDGET * rival,
        method: `heddle run from start to exit, store and work directories in memory (tmpfs); of that ${ms(median('start', 'wallMs'))} is a run of one command; make runs the same from a Makefile`,
      },
      {
        what: `${what}: CPU each, in all`,
        ours: ms(cpu),
        rival: `${ms(rivalCpu)} make -j${AT_A_TIME}`,
        ratio: times(cpu / rivalCpu),
        budget: `<= ${CPU_BUDGET_MS} ms`,
        isMet: cpu <= CPU_BUDGET_MS,
        method:
          "user and system time of the process, its launchers and the commands, by bash's time, over their number",
      },
    ];
  },
};
