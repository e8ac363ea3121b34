import { targetSettings } from '../../src/config/index.ts';
import { command, Engine, sh, workflow } from '../../src/index.ts';
import { targetBackends } from '../../src/jobs/index.ts';
import type { AttemptId, Backend } from '../../src/model/index.ts';
import { component } from '../component.ts';
import { quantile, scratch } from '../engine.ts';
import { count, type Figures, ms, perSecond, type Row, times } from '../row.ts';

const TASKS = 5000;
/** As single native jobs: enough for a rate. */
const SINGLE = 40;
const RATE_BUDGET = 500;
const START_BUDGET_MS = 20;
const TIMES_BUDGET = 10;
/** Of each machine: both of them are this one. */
const WORKERS = 2;
const WARM_UP = 50;

const nothing = command('true', { run: (p: { readonly n: number }) => sh`true ${p.n}` });
const NOTHING: Figures = { perSecond: Number.NaN, startMs: Number.NaN };

/** Notes when each attempt was handed over, and when its body says that it began. */
function watched(backend: Backend, waits: number[]): Backend {
  const given = new Map<AttemptId, number>();
  const launch = backend.launch.bind(backend);
  const open = backend.open.bind(backend);
  backend.open = (context) =>
    open({
      ...context,
      report: (event) => {
        const at = event.kind === 'ended' ? given.get(event.attempt) : undefined;
        if (event.kind === 'ended' && at !== undefined && event.startedAt !== undefined)
          waits.push(event.startedAt - at);
        context.report(event);
      },
    });
  backend.launch = (orders) => {
    const now = performance.timeOrigin + performance.now();
    for (const { attempt } of orders) given.set(attempt, now);
    return launch(orders);
  };
  return backend;
}

async function throughSlurm(tasks: number, isAllocation: boolean): Promise<Figures> {
  using slurm = component('slurm');
  if (slurm === undefined) return NOTHING;
  Object.assign(process.env, slurm.env);
  await using directory = await scratch('memory');
  const target = targetSettings(
    'pool',
    {
      scheduler: 'slurm',
      poll: { min: '250ms', max: '1s' },
      submitPerSecond: 1000,
      maxArray: 1,
      ...(isAllocation ? { allocation: { nodes: 2, workers: WORKERS, time: '10m', idle: '5s' } } : {}),
    },
    directory.path,
  );
  const waits: number[] = [];
  const backends = (await targetBackends([target])).map((backend) => watched(backend, waits));
  await using engine = await Engine.open({ store: `${directory.path}/store`, project: directory.path, backends });
  const through = async (size: number): Promise<number> => {
    const graph = workflow('tasks', () => {
      for (let n = 0; n < size; n += 1) nothing({ n });
    });
    const begin = performance.now();
    const view = await (await engine.run(graph, { backend: 'pool' })).wait();
    if (view.counts.done !== size) throw new Error(`${view.counts.done} of ${size} are done`);
    return performance.now() - begin;
  };
  // The allocation is there, as it is for all but the first of many tasks.
  if (isAllocation) await through(WARM_UP);
  waits.length = 0;
  const took = await through(tasks);
  return { perSecond: (tasks / took) * 1000, startMs: quantile(Float64Array.from(waits), 0.5) };
}

/** Short tasks where a batch system is. */
export const allocation: Row = {
  name: 'allocation',
  repetitions: 1,
  probes: {
    allocation: { run: () => throughSlurm(TASKS, true), place: 'memory' },
    single: { run: () => throughSlurm(SINGLE, false), place: 'memory' },
  },
  conclude(median) {
    const rate = median('allocation', 'perSecond');
    const single = median('single', 'perSecond');
    const startMs = median('allocation', 'startMs');
    if (Number.isNaN(rate)) return [];
    const what = `${count(TASKS)} commands (true) in one Slurm allocation of 2 nodes`;
    const method = `a target with allocation { nodes: 2, workers: ${WORKERS} }, whose agents have come; Slurm, its nodes, the agents and the engine on this one machine; from engine.run to the end of the run`;
    return [
      {
        what,
        ours: perSecond(rate),
        rival: `${perSecond(single)} as single jobs`,
        ratio: times(rate / single),
        budget: `>= ${RATE_BUDGET} /s, >= ${TIMES_BUDGET} x`,
        isMet: rate >= RATE_BUDGET && rate >= TIMES_BUDGET * single,
        method: `${method}; single: ${SINGLE} of them, an sbatch each`,
      },
      {
        what: `${what}: dispatch to start, p50`,
        ours: ms(startMs),
        rival: '',
        ratio: '',
        budget: `<= ${START_BUDGET_MS} ms`,
        isMet: startMs <= START_BUDGET_MS,
        method: 'from the order to the target until the body began, by the record of its launcher',
      },
    ];
  },
};
