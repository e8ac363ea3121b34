import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { type Figures, perSecond, type Row, times } from '../row.ts';

/**
 * What lies below the engine, measured without it: where a budget of the engine's is missed, these say whether the
 * engine is to blame. They have no budgets of their own.
 */

/** Runs a script beside this folder and reads figures off what it prints, each by a pattern with one group. */
function readOff(script: string, args: readonly string[], patterns: Readonly<Record<string, RegExp>>): Figures {
  const path = fileURLToPath(new URL(`../${script}`, import.meta.url));
  const { stdout, stderr, status } = spawnSync(process.execPath, [path, ...args], { encoding: 'utf8' });
  if (status !== 0) throw new Error(stderr);
  return Object.fromEntries(
    Object.entries(patterns).map(([name, pattern]) => [name, Number(pattern.exec(stdout)?.[1])]),
  );
}

export const store: Row = {
  name: 'store',
  repetitions: 3,
  probes: {
    alone: {
      run: async () =>
        readOff('store.ts', ['100000'], {
          bare: /bare updates in transactions of 200, full +(\d+)/,
          steps: /writer on main +(\d+)/,
          p99: /writer on main.*p99 of a commit ([\d.]+)/,
        }),
    },
  },
  conclude: (median) => [
    {
      what: 'below: the store alone, durable no-op steps, full',
      ours: `${perSecond(median('alone', 'steps'))}, p99 of a commit ${median('alone', 'p99').toFixed(1)} ms`,
      rival: `${perSecond(median('alone', 'bare'))} bare updates`,
      ratio: times(median('alone', 'steps') / median('alone', 'bare')),
      budget: '-',
      isMet: true,
      method: 'bench/store.ts: two rows and two transitions a step in commits of 200 steps, rows in order; no engine',
    },
  ],
};

export const launcher: Row = {
  name: 'launcher',
  repetitions: 1,
  probes: {
    alone: {
      run: async () =>
        readOff('launcher.ts', [], {
          wallMs: /wall ms each: ours ([\d.]+)/,
          makeMs: /wall ms each:.*make -j2 ([\d.]+)/,
          cpuMs: /CPU ms each: ours ([\d.]+)/,
          makeCpuMs: /CPU ms each:.*make -j2 ([\d.]+)/,
        }),
    },
  },
  conclude: (median) => [
    {
      what: 'below: the commands backend alone, true, 2 at a time',
      ours: `${median('alone', 'wallMs').toFixed(2)} ms wall, ${median('alone', 'cpuMs').toFixed(2)} ms CPU each`,
      rival: `${median('alone', 'makeMs').toFixed(2)} ms wall, ${median('alone', 'makeCpuMs').toFixed(2)} ms CPU each make -j2`,
      ratio: `${times(median('alone', 'wallMs') / median('alone', 'makeMs'))} wall`,
      budget: '-',
      isMet: true,
      method:
        'bench/launcher.ts: 2,000 commands through the backend without engine and store, medians of 5 rounds in turn with make',
    },
  ],
};
