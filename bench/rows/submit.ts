import { setTimeout as sleep } from 'node:timers/promises';
import { Engine, ThreadJob } from '../../src/index.ts';
import { draws } from '../graphs.ts';
import { quantile, scratch } from '../engine.ts';
import { type Figures, ms, type Row } from '../row.ts';

const JOBS = 2000;
const WARM_UP = 200;
/** Jobs come one by one, so many milliseconds apart at most. */
const APART_MS = 4;
const P50_BUDGET_MS = 1;
const P99_BUDGET_MS = 5;

/** The moment the body begins, in milliseconds of the clock that all threads share. */
const begins = (): number => Number(process.hrtime.bigint()) / 1e6;

async function latency(): Promise<Figures> {
  await using directory = await scratch();
  await using engine = await Engine.open({ store: directory.path, slots: 2 });
  engine.listen(() => undefined);
  const found = new Float64Array(JOBS);
  const draw = draws(1);
  for (let i = -WARM_UP; i < JOBS; i += 1) {
    const job = new ThreadJob(begins);
    const submitted = begins();
    engine.submit(job);
    const waited = (await job.result()) - submitted;
    if (i >= 0) found[i] = waited;
    await sleep(draw(APART_MS));
  }
  return { p50: quantile(found, 0.5), p99: quantile(found, 0.99), worst: quantile(found, 1) };
}

export const submit: Row = {
  name: 'submit',
  repetitions: 3,
  probes: { heddle: { run: latency } },
  conclude(median) {
    const p50 = median('heddle', 'p50');
    const p99 = median('heddle', 'p99');
    return [
      {
        what: 'submit to start of the body, threads, durable (normal)',
        ours: `p50 ${ms(p50)}, p99 ${ms(p99)}`,
        rival: '-',
        ratio: '-',
        budget: `p50 <= ${ms(P50_BUDGET_MS)}, p99 <= ${ms(P99_BUDGET_MS)}`,
        isMet: p50 <= P50_BUDGET_MS && p99 <= P99_BUDGET_MS,
        method: `${JOBS} ThreadJobs one by one, at random up to ${APART_MS} ms apart, Engine.open({ store }), somebody listening, lanes warm; from engine.submit to the first line of the body`,
      },
    ];
  },
};
