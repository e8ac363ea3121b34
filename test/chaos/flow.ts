import { appendFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  attemptContext,
  command,
  is,
  json,
  loop,
  map,
  sh,
  task,
  text,
  when,
  type Workflow,
  workflow,
} from '../../src/index.ts';

/**
 * Seven shapes of graph whose every body writes its attempt into a ledger that no part of Heddle reads: what ran
 * is known without asking the system under test. Each value is computed from the values it came from, so a lost, doubled or
 * mixed-up result shows in the last one.
 */
interface Step {
  readonly ledger: string;
  readonly sleep: number;
  readonly inputs: readonly string[];
}

const RETRY = { maxAttempts: 50, maxLosses: 50 };

const body = (p: Step) => sh`printf '%s %s start\n' "$HEDDLE_JOB_ID" "$HEDDLE_ATTEMPT" >> ${p.ledger}
sleep ${p.sleep}
printf '%s ' "$HEDDLE_JOB_ID" ${p.inputs} | cksum > value
printf '%s %s end\n' "$HEDDLE_JOB_ID" "$HEDDLE_ATTEMPT" >> ${p.ledger}`;

const step = command('step', { run: body, outputs: { value: text('value') }, retry: RETRY });

/** Fails until its marker is there: once, undisturbed. */
const flaky = command('flaky', {
  run: (p: Step & { marker: string }) => sh`printf '%s %s start\n' "$HEDDLE_JOB_ID" "$HEDDLE_ATTEMPT" >> ${p.ledger}
if [ ! -e ${p.marker} ]; then : > ${p.marker}; exit 3; fi
sleep ${p.sleep}
printf '%s ' "$HEDDLE_JOB_ID" ${p.inputs} | cksum > value
printf '%s %s end\n' "$HEDDLE_JOB_ID" "$HEDDLE_ATTEMPT" >> ${p.ledger}`,
  outputs: { value: text('value') },
  retry: RETRY,
});

const hopeless = command('hopeless', {
  run: (p: { ledger: string }) => sh`printf '%s %s start\n' "$HEDDLE_JOB_ID" "$HEDDLE_ATTEMPT" >> ${p.ledger}; exit 4`,
  outputs: { value: text('value') },
  retry: { maxAttempts: 1, maxLosses: 50 },
});

/** A list that nobody knows before. */
const words = command('words', {
  run: (p: Step) => sh`printf '%s %s start\n' "$HEDDLE_JOB_ID" "$HEDDLE_ATTEMPT" >> ${p.ledger}
printf '["a", "b", "c", "d", "e", "f", "g", "h", "i", "j"]' > words.json
printf '%s %s end\n' "$HEDDLE_JOB_ID" "$HEDDLE_ATTEMPT" >> ${p.ledger}`,
  outputs: { list: json<string[]>('words.json') },
  retry: RETRY,
});

interface Call {
  readonly ledger: string;
  readonly sleepMs: number;
  readonly inputs: readonly number[];
}

function note(ledger: string, what: 'start' | 'end'): void {
  const { job, attempt } = attemptContext();
  appendFileSync(ledger, `${job} ${attempt} ${what}\n`);
}

/** A number that tells whether all that went in was what it should be. */
function digest(inputs: readonly number[], salt: string): number {
  let sum = 0;
  for (const each of [...inputs, ...Buffer.from(salt)]) sum = (Math.imul(sum, 31) + each) | 0;
  return sum;
}

const call = task(
  'call',
  async (p: Call) => {
    note(p.ledger, 'start');
    await sleep(p.sleepMs);
    note(p.ledger, 'end');
    return digest(p.inputs, attemptContext().job);
  },
  { retry: RETRY },
);

/** Keeps its thread from everything else while it works: no message reaches it then. */
const spin = task(
  'spin',
  (p: Call) => {
    note(p.ledger, 'start');
    const end = performance.now() + p.sleepMs;
    while (performance.now() < end);
    note(p.ledger, 'end');
    return digest(p.inputs, attemptContext().job);
  },
  { retry: RETRY },
);

/** Its value is the list of what it yields, whole or not at all. */
const series = task(
  'series',
  async function* (p: Call): AsyncGenerator<number> {
    note(p.ledger, 'start');
    for (let i = 0; i < 5; i += 1) {
      await sleep(p.sleepMs / 5);
      yield digest(p.inputs, `${attemptContext().job} ${i}`);
    }
    note(p.ledger, 'end');
  },
  { retry: RETRY },
);

interface Parameters {
  readonly shape: 'chain' | 'fan' | 'layers' | 'mixed' | 'control' | 'threads' | 'processes';
  readonly directory: string;
}

const chaos: Workflow<Parameters> = workflow('chaos', ({ shape, directory }: Parameters) => {
  const ledger = `${directory}/ledger`;
  const make = (sleep: number, inputs: readonly Made[]): Made =>
    step({ ledger, sleep, inputs: inputs.map((made) => made.value) });
  switch (shape) {
    case 'chain': {
      let last = make(0.02, []);
      for (let i = 0; i < 11; i += 1) last = make(0.03, [last]);
      return last.value;
    }
    case 'fan': {
      const first = make(0.02, []);
      const middle = Array.from({ length: 24 }, (_, i) => make(0.01 + (i % 5) * 0.02, [first]));
      return make(0.02, middle).value;
    }
    case 'layers': {
      let layer = [make(0.02, []), make(0.05, []), make(0.01, []), make(0.03, [])];
      for (let depth = 0; depth < 4; depth += 1) {
        layer = layer.map((made, i) =>
          make(0.02 + ((i * 7 + depth * 3) % 5) * 0.01, [made, layer[(i + depth + 1) % 4] ?? made]),
        );
      }
      return make(0.01, layer).value;
    }
    case 'mixed': {
      const first = make(0.02, []);
      const tried = Array.from({ length: 5 }, (_, i) =>
        flaky({ ledger, sleep: 0.02, inputs: [first.value], marker: `${directory}/marker-${i}` }),
      );
      const never = hopeless({ ledger }).named('never');
      make(0.01, [never]);
      const cleanUp = make(0.01, []).named('clean-up').after(never, ['failed']);
      return make(0.02, [...tried, cleanUp]).value;
    }
    case 'control': {
      const mapped = map(
        words({ ledger, sleep: 0.01, inputs: [] }).list,
        (word, i) => {
          const made = step({ ledger, sleep: 0.03, inputs: [word] }).value;
          return when(
            is(i, '<', 4),
            () => step({ ledger, sleep: 0.02, inputs: [made, word] }).value,
            () => made,
          );
        },
        { maxConcurrency: 3 },
      );
      const turned = loop({
        initial: mapped[0]!,
        body: (state) => step({ ledger, sleep: 0.02, inputs: [state, mapped[1]!] }).value,
        until: (_, turn) => is(turn, '==', 3),
        maxIterations: 9,
      });
      const all = map([1, 2], () => map(mapped, (each) => step({ ledger, sleep: 0.01, inputs: [each] }).value));
      return step({ ledger, sleep: 0.01, inputs: [turned, all[0]![3]!, all[1]![9]!] }).value;
    }
    case 'threads':
    case 'processes': {
      const first = series.on(shape)({ ledger, sleepMs: 30, inputs: [1] });
      const middle = Array.from({ length: 16 }, (_, i) => {
        const work = i % 3 === 0 ? spin : call;
        return work.on(shape)({ ledger, sleepMs: 5 + (i % 5) * 15, inputs: [i, first[i % 5]] as number[] });
      });
      const streams = [0, 8].map((from) => {
        const inputs = middle.slice(from, from + 8) as unknown as number[];
        return series.on(shape)({ ledger, sleepMs: 40, inputs });
      });
      return call.on(shape)({ ledger, sleepMs: 20, inputs: streams.map((stream) => stream[4]) as unknown as number[] });
    }
  }
});

type Made = ReturnType<typeof step>;

export default chaos;
