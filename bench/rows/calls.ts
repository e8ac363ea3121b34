import { threadsBackend } from '../../src/backends/threads/index.ts';
import { callRate, piscinaRate, stuckThread, workerpoolRate } from '../calls.ts';
import { type Line, ms, perSecond, type Row, times } from '../row.ts';

const CALLS = 100_000;
const FEWER = 50_000;
const DURABLE_BUDGET = 30_000;
const CANCEL_BUDGET_MS = 100;
const LATE_BUDGET_MS = 20;

interface Against {
  readonly what: string;
  readonly ours: number;
  readonly rival: number;
  readonly whose: string;
  readonly budget: number;
  readonly method: string;
}

function against({ what, ours, rival, whose, budget, method }: Against): Line {
  return {
    what,
    ours: perSecond(ours),
    rival: `${perSecond(rival)} ${whose}`,
    ratio: times(ours / rival),
    budget: `>= ${budget} x`,
    isMet: ours >= budget * rival,
    method,
  };
}

/** Calls of functions in warm workers. */
export const calls: Row = {
  name: 'calls',
  repetitions: 3,
  probes: {
    single: {
      run: () => callRate({ size: FEWER, backend: 'threads', instead: threadsBackend({ prefetch: 0 }) }),
    },
    piscinaSingle: { run: () => piscinaRate(FEWER, 2) },
    threads: { run: () => callRate({ size: CALLS, backend: 'threads' }) },
    piscina: { run: () => piscinaRate(FEWER, 'all') },
    processes: { run: () => callRate({ size: FEWER, backend: 'processes' }) },
    workerpool: { run: () => workerpoolRate(FEWER) },
    durable: { run: () => callRate({ size: CALLS, backend: 'threads', durable: true }) },
    stuck: { run: stuckThread },
  },
  conclude(median) {
    const durable = median('durable', 'callsPerSecond');
    const cancelMs = median('stuck', 'cancelMs');
    const lateMs = median('stuck', 'worstDelayMs');
    const through = `Engine.open({ slots: 2 }) in memory, somebody listening, workers warm, engine.run of named calls to the end`;
    return [
      against({
        what: 'no-op calls on 2 threads, one in flight each',
        ours: median('single', 'callsPerSecond'),
        rival: median('piscinaSingle', 'callsPerSecond'),
        whose: 'piscina',
        budget: 1,
        method: `${through}; nothing sent ahead; piscina 5.3.2, 2 callers that await each`,
      }),
      against({
        what: 'no-op calls on 2 threads, defaults',
        ours: median('threads', 'callsPerSecond'),
        rival: median('piscina', 'callsPerSecond'),
        whose: 'piscina',
        budget: 3,
        method: `${through}; piscina 5.3.2 handed all at once`,
      }),
      against({
        what: 'no-op calls on 2 processes',
        ours: median('processes', 'callsPerSecond'),
        rival: median('workerpool', 'callsPerSecond'),
        whose: 'workerpool',
        budget: 1.5,
        method: `${through}; workerpool 10.0.3 with processes, handed all at once`,
      }),
      {
        what: 'durable no-op calls on 2 threads, normal',
        ours: perSecond(durable),
        rival: `${perSecond(median('threads', 'callsPerSecond'))} in memory`,
        ratio: times(durable / median('threads', 'callsPerSecond')),
        budget: `>= ${perSecond(DURABLE_BUDGET)}`,
        isMet: durable >= DURABLE_BUDGET,
        method: `the same, on SQLite in a directory`,
      },
      {
        what: 'a thread stuck in a loop: cancelled without grace, told',
        ours: ms(cancelMs),
        rival: '-',
        ratio: '-',
        budget: `<= ${CANCEL_BUDGET_MS} ms`,
        isMet: cancelMs <= CANCEL_BUDGET_MS,
        method: 'from cancel() of its run to the end of its wait()',
      },
      {
        what: 'other jobs meanwhile: from their submission to their end, the slowest',
        ours: ms(lateMs),
        rival: `${ms(median('stuck', 'medianDelayMs'))} the median`,
        ratio: times(lateMs / median('stuck', 'medianDelayMs')),
        budget: `<= ${LATE_BUDGET_MS} ms`,
        isMet: lateMs <= LATE_BUDGET_MS,
        method: '60 runs of one no-op call, one after the other 10 ms apart, before and after the cancellation',
      },
    ];
  },
};
