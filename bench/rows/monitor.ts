import { setTimeout as delay } from 'node:timers/promises';
import { command, Engine, ExecutionMonitor, sh, workflow } from '../../src/index.ts';
import { scratch } from '../engine.ts';
import { type Figures, ms, type Row, times } from '../row.ts';

const ATTEMPTS = 64;
const MEASURED_MS = 20_000;
const BUDGET_PERCENT = 1;

/** Sleeps in a child of its shell, so that there are two processes an attempt. */
const waits = command('waits', { run: (p: { readonly i: number }) => sh`sleep 3600; echo ${p.i}` });

/** CPU of the engine's process in 20 seconds in which 64 commands run and do nothing. */
async function idling(monitored: boolean): Promise<Figures> {
  await using directory = await scratch('memory');
  const monitor = new ExecutionMonitor();
  await using engine = await Engine.open({
    store: directory.path,
    slots: ATTEMPTS,
    observers: monitored ? [monitor] : [],
  });
  const graph = workflow('waits', () => {
    for (let i = 0; i < ATTEMPTS; i += 1) waits({ i });
  }).build({});
  const run = await engine.run(graph);
  while (run.counts().running < ATTEMPTS) await delay(50);
  await delay(2000);
  const before = process.cpuUsage();
  const looks = monitor.report().samples;
  await delay(MEASURED_MS);
  const { user, system } = process.cpuUsage(before);
  const figures = { cpuMs: (user + system) / 1000, looks: monitor.report().samples - looks };
  await run.cancel();
  await run.wait();
  return figures;
}

export const monitor: Row = {
  name: 'monitor',
  repetitions: 1,
  probes: {
    with: { run: async () => idling(true) },
    without: { run: async () => idling(false) },
  },
  conclude(median) {
    const extraMs = median('with', 'cpuMs') - median('without', 'cpuMs');
    const percent = (100 * extraMs) / MEASURED_MS;
    return [
      {
        what: `measuring ${ATTEMPTS} attempts, a look a second`,
        ours: `${percent.toFixed(2)} % of a core (${ms(extraMs / median('with', 'looks'))} a look)`,
        rival: `${ms(median('without', 'cpuMs'))} CPU in ${MEASURED_MS / 1000} s without`,
        ratio: times(median('with', 'cpuMs') / median('without', 'cpuMs')),
        budget: `<= ${BUDGET_PERCENT} %`,
        isMet: percent <= BUDGET_PERCENT,
        method: `CPU of the engine's process in ${MEASURED_MS / 1000} s with ${ATTEMPTS} commands that sleep, two processes each, less the same without the monitor`,
      },
    ];
  },
};
