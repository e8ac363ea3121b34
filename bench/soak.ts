/**
 * Plays simulated worlds until it is told to stop, or one of them again:
 *
 *   node bench/soak.ts --minutes 30           random seeds for half an hour
 *   node bench/soak.ts --runs 20000 --from 1  these seeds, and no others
 *   node bench/soak.ts --seed 4711            one seed, with everything that happens in it
 *
 * Ends with exit code 1 at the first broken promise, and says how to see it again.
 */
import { parseArgs } from 'node:util';
import { drawScenario, simulate, turnOfTheLoop, type Verdict } from '../src/simulation/index.ts';

const { values } = parseArgs({
  options: {
    seed: { type: 'string' },
    from: { type: 'string' },
    runs: { type: 'string' },
    minutes: { type: 'string' },
    /** Goes on after a failure, and counts them by promise. */
    all: { type: 'boolean', default: false },
  },
});

let current = 0;
process.on('unhandledRejection', (reason) => {
  console.error(
    `seed ${current}: a rejection nobody handles: ${reason instanceof Error ? reason.stack : String(reason)}`,
  );
  process.exit(1);
});

function describe(verdict: Verdict): string {
  const { violation } = verdict;
  if (violation === undefined) return `seed ${verdict.seed}: every promise kept`;
  return `seed ${verdict.seed}: ${violation.invariant} at ${violation.atMs} ms: ${violation.message}`;
}

async function one(seed: number): Promise<boolean> {
  current = seed;
  const scenario = drawScenario(seed);
  console.log(JSON.stringify(scenario, (_, value) => (value === Number.POSITIVE_INFINITY ? 'for ever' : value), 1));
  const verdict = await simulate(scenario, { trace: (line) => console.log(line) });
  console.log(describe(verdict));
  return verdict.violation === undefined;
}

async function many(from: number, runs: number, until: number): Promise<boolean> {
  const began = performance.now();
  const found = new Map<string, number[]>();
  let count = 0;
  let events = 0;
  for (let seed = from; count < runs && performance.now() < until; seed += 1) {
    current = seed;
    const verdict = await simulate(drawScenario(seed));
    count += 1;
    await turnOfTheLoop();
    events += verdict.events;
    if (verdict.violation === undefined) continue;
    const { invariant } = verdict.violation;
    const list = found.get(invariant) ?? [];
    list.push(seed);
    found.set(invariant, list);
    if (list.length <= 2) console.log(describe(verdict));
    if (!values.all) {
      console.log(`again, with all that happens: node bench/soak.ts --seed ${seed}`);
      break;
    }
  }
  const ms = performance.now() - began;
  const rate = `${(ms / count).toFixed(2)} ms and ${Math.round(events / count)} events a run`;
  console.log(
    `${count} runs from seed ${from}: ${found.size === 0 ? 'every promise kept' : 'promises broken'}; ${rate}`,
  );
  for (const [invariant, seeds] of found)
    console.log(`${invariant}: ${seeds.length} (${seeds.slice(0, 10).join(', ')})`);
  return found.size === 0;
}

const isKept =
  values.seed === undefined
    ? await many(
        Number(values.from ?? Date.now() % 1_000_000_000),
        values.runs === undefined ? Number.POSITIVE_INFINITY : Number(values.runs),
        values.minutes === undefined && values.runs !== undefined
          ? Number.POSITIVE_INFINITY
          : performance.now() + Number(values.minutes ?? 1) * 60_000,
      )
    : await one(Number(values.seed));
process.exitCode = isKept ? 0 : 1;
