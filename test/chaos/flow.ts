import { command, sh, text, type Workflow, workflow } from '../../src/index.ts';

/**
 * Four shapes of graph whose every body writes its attempt into a ledger that no part of Heddle reads: what ran
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

interface Parameters {
  readonly shape: 'chain' | 'fan' | 'layers' | 'mixed';
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
  }
});

type Made = ReturnType<typeof step>;

export default chaos;
