import { describe, expect, test } from 'vitest';
import {
  calmScenario,
  CLUSTER_SITE,
  job,
  type JobPlan,
  LANES_SITE,
  LOCAL_SITE,
  NO_SITE_FAULTS,
  type Scenario,
  simulate,
  type TimedAction,
  type Verdict,
} from '../../src/simulation/index.ts';

const HOUR_MS = 3_600_000;
const RETRY = { maxAttempts: 3, initialDelayMs: 500, backoffFactor: 2, maxDelayMs: HOUR_MS, jitter: 0, maxLosses: 5 };
const on = (backend: string) => ({ definition: { backend } });

/** A diamond over a machine and a cluster, with a job that fails once. */
const DIAMOND: readonly JobPlan[] = [
  job(0),
  job(1, { data: [0], ...on('cluster') }),
  job(2, { data: [0], failures: 1, definition: { retry: RETRY } }),
  job(3, { data: [1, 2], ...on('cluster') }),
];
const BOTH = { sites: [LOCAL_SITE, CLUSTER_SITE] } as const;

async function play(scenario: Scenario): Promise<Verdict> {
  const verdict = await simulate(scenario);
  expect(verdict.violation).toBeUndefined();
  return verdict;
}

function at(atMs: number, action: TimedAction['action']): TimedAction {
  return { atMs, action };
}

function jobsOf(verdict: Verdict): readonly string[] {
  return verdict.runs[0]?.jobs ?? [];
}

function attemptsOf(verdict: Verdict): readonly number[] {
  return verdict.runs[0]?.attempts ?? [];
}

const ALL_DONE = ['done', 'done', 'done', 'done'];

describe('the engine dies', () => {
  test('F01: at every boundary, one after the other', async () => {
    const undisturbed = await play(calmScenario(DIAMOND, BOTH));
    expect(new Set(undisturbed.boundaries).size).toBeGreaterThan(12);

    for (const [i, boundary] of undisturbed.boundaries.entries()) {
      const crash = { perBoundary: 0, most: 1, at: [i], restartMs: [10, 10] } as const;
      const verdict = await play(calmScenario(DIAMOND, { ...BOTH, crash }));
      expect.soft(jobsOf(verdict), `killed at ${boundary} (${i})`).toEqual(ALL_DONE);
    }
  });

  test('F02: during recovery itself, twice in a row', async () => {
    const { boundaries } = await play(calmScenario(DIAMOND, BOTH));

    for (let i = 0; i < boundaries.length; i += 1) {
      for (const [second, third] of [
        [i + 1, i + 2],
        [i + 2, i + 4],
        [i + 3, i + 5],
      ] as const) {
        const crash = { perBoundary: 0, most: 3, at: [i, second, third], restartMs: [10, 10] } as const;
        const verdict = await play(calmScenario(DIAMOND, { ...BOTH, crash }));
        expect.soft(jobsOf(verdict), `killed at ${i}, ${second}, ${third}`).toEqual(ALL_DONE);
      }
    }
  });

  test('F07: again and again over a wide graph, and no committed job runs again', async () => {
    const wide = Array.from({ length: 300 }, (_, i) => job(i, { durationMs: 20 + (i % 7) * 30 }));
    const actions = [400, 1100, 1700, 2600].map((ms) => at(ms, { kind: 'crash' }));
    const verdict = await play(calmScenario(wide, { actions }));

    expect(verdict.runs[0]?.status).toBe('done');
    // Each death may cost what ran at the time, two jobs here, and nothing else.
    expect(verdict.bodies).toBeLessThanOrEqual(300 + 4 * 2 + 1);
  });

  test('F20: with the work inside it: what ran is lost and runs again, what ended does not', async () => {
    const threads = { ...LOCAL_SITE, recoverable: false };
    const jobs = [job(0), job(1, { data: [0], durationMs: 1000 }), job(2, { data: [1] })];
    const verdict = await play(calmScenario(jobs, { sites: [threads], actions: [at(600, { kind: 'crash' })] }));

    expect(jobsOf(verdict)).toEqual(['done', 'done', 'done']);
    expect(attemptsOf(verdict)).toEqual([1, 2, 1]);
  });
});

describe('the engine is told to stop', () => {
  test('F03: it cancels with grace, charges nothing, and another one goes on', async () => {
    const jobs = [
      job(0, { durationMs: 3000 }),
      job(1, { durationMs: 3000, obeysTerm: false, definition: { graceMs: 700 } }),
      job(2, { data: [0, 1] }),
    ];
    const verdict = await play(calmScenario(jobs, { actions: [at(500, { kind: 'shutdown', detach: false })] }));

    expect(jobsOf(verdict)).toEqual(['done', 'done', 'done']);
    // One attempt is all they are allowed: the interrupted one was not charged.
    expect(attemptsOf(verdict)).toEqual([2, 2, 1]);
  });

  test('F03: detached, what outlives it is adopted', async () => {
    const jobs = [job(0, { durationMs: 3000 }), job(1, { data: [0] })];
    const verdict = await play(calmScenario(jobs, { actions: [at(500, { kind: 'shutdown', detach: true })] }));

    expect(jobsOf(verdict)).toEqual(['done', 'done']);
    expect(attemptsOf(verdict)).toEqual([1, 1]);
  });
});

describe('the engine is not what it thinks', () => {
  test('F04: stopped for longer than its lease, it wakes up to a run that is not its own', async () => {
    const jobs = [job(0, { durationMs: 2000 }), job(1, { data: [0], durationMs: 2000 }), job(2, { data: [1] })];
    for (let ms = 0; ms <= 400; ms += 25) {
      const verdict = await play(
        calmScenario(jobs, { actions: [at(ms, { kind: 'zombie', leaseMs: 0, forMs: 3000 })] }),
      );
      expect.soft(jobsOf(verdict), `stopped at ${ms} ms`).toEqual(['done', 'done', 'done']);
      expect.soft(verdict.bodies).toBeLessThanOrEqual(5);
    }
  });

  test.each([-HOUR_MS, HOUR_MS])('F09: the wall clock jumps by %i ms; waits and deadlines do not', async (byMs) => {
    const jobs = [
      job(0, { failures: 2, definition: { retry: { ...RETRY, initialDelayMs: 2000 } } }),
      job(1, { durationMs: 3000, definition: { timeouts: { runMs: 4000 } } }),
      job(2, { durationMs: Number.POSITIVE_INFINITY, definition: { timeouts: { runMs: 4000 } } }),
    ];
    const actions = [at(1000, { kind: 'wall-jump', byMs }), at(1500, { kind: 'crash' })];
    const verdict = await play(
      calmScenario(jobs, { sites: [{ ...LOCAL_SITE, places: [{ name: 'here', cpus: 3 }] }], actions }),
    );

    expect(jobsOf(verdict)).toEqual(['done', 'done', 'failed (timeout)']);
    expect(verdict.virtualMs, 'longer than its policy waits').toBeLessThan(60_000);
  });
});

describe('the store', () => {
  test('F11: full: nothing new starts, nothing is lost, and it goes on when there is room', async () => {
    const jobs = Array.from({ length: 12 }, (_, i) => job(i, { durationMs: 300 }));
    const verdict = await play(calmScenario(jobs, { actions: [at(400, { kind: 'disk-full', forMs: 5000 })] }));

    expect(verdict.runs[0]?.status).toBe('done');
    expect(verdict.bodies).toBe(12 + 1);
    expect(verdict.virtualMs).toBeGreaterThan(5400);
  });

  test.each(['STORE_IO', 'STORE_UNCERTAIN'] as const)(
    'F12: %s: not taken for success, nor tried again blindly',
    async (uncertainCode) => {
      for (let seed = 1; seed <= 40; seed += 1) {
        const store = { commitMs: [1, 5], busy: 0, uncertain: 0.2, uncertainCode } as const;
        const verdict = await play(calmScenario(DIAMOND, { ...BOTH, seed, store }));
        expect.soft(jobsOf(verdict), `seed ${seed}`).toEqual(ALL_DONE);
      }
    },
  );

  test.each(['normal', 'full'] as const)('F13: power fails, durability %s', async (durability) => {
    for (let ms = 50; ms < 1500; ms += 50) {
      const actions = [at(ms, { kind: 'power-loss' })];
      const verdict = await play(calmScenario(DIAMOND, { ...BOTH, durability, actions, seed: ms }));
      expect.soft(jobsOf(verdict), `at ${ms} ms`).toEqual(ALL_DONE);
    }
  });

  test('F15: busy half of the time', async () => {
    const store = { commitMs: [0, 3], busy: 0.5, uncertain: 0, uncertainCode: 'STORE_UNCERTAIN' } as const;
    expect(jobsOf(await play(calmScenario(DIAMOND, { ...BOTH, store })))).toEqual(ALL_DONE);
  });

  test('F17: slow: a commit costs 200 ms, and each still carries all that is at hand', async () => {
    const jobs = Array.from({ length: 40 }, (_, i) => job(i, { durationMs: 10 }));
    const sites = [{ ...LOCAL_SITE, places: [{ name: 'here', cpus: 40 }] }];
    const store = { commitMs: [200, 200], busy: 0, uncertain: 0, uncertainCode: 'STORE_UNCERTAIN' } as const;
    const verdict = await play(calmScenario(jobs, { sites, store, probes: false, faultsUntilMs: 1 }));

    expect(verdict.runs[0]?.status).toBe('done');
    expect(verdict.virtualMs).toBeLessThan(10 * 200);
  });
});

describe('the outside world', () => {
  test('F08: refuses for now (no file descriptors, no processes): tried again, nothing charged', async () => {
    const siteFaults = { ...NO_SITE_FAULTS, refuse: 0.5 };
    for (let seed = 1; seed <= 20; seed += 1) {
      expect.soft(jobsOf(await play(calmScenario(DIAMOND, { ...BOTH, seed, siteFaults })))).toEqual(ALL_DONE);
    }
  });

  test('F21: a host falls silent and comes back with the result: it is taken, and nothing runs twice', async () => {
    const jobs = [job(0, { durationMs: 2000, ...on('cluster') }), job(1, { data: [0], ...on('cluster') })];
    const silence = at(1000, { kind: 'silence', site: 'cluster', forMs: 60_000, dies: false });
    const verdict = await play(calmScenario(jobs, { ...BOTH, actions: [silence] }));

    expect(jobsOf(verdict)).toEqual(['done', 'done']);
    expect(attemptsOf(verdict)).toEqual([1, 1]);
  });

  test('F21: a host falls silent and dies: known gone, its job runs again elsewhere in time', async () => {
    const jobs = [job(0, { durationMs: 20_000, ...on('cluster') }), job(1, { data: [0] })];
    const silence = at(4000, { kind: 'silence', site: 'cluster', forMs: 5000, dies: true });
    const verdict = await play(calmScenario(jobs, { ...BOTH, actions: [silence] }));

    expect(jobsOf(verdict)).toEqual(['done', 'done']);
    expect(attemptsOf(verdict)).toEqual([2, 1]);
  });

  test('F22: a body ignores the polite signal: cancelled is said when it is dead', async () => {
    const jobs = [job(0, { durationMs: Number.POSITIVE_INFINITY, obeysTerm: false, definition: { graceMs: 2500 } })];
    const verdict = await play(calmScenario(jobs, { actions: [at(500, { kind: 'cancel-jobs', run: 0, jobs: [0] })] }));

    expect(jobsOf(verdict)).toEqual(['cancelled (user)']);
    expect(verdict.virtualMs).toBeGreaterThanOrEqual(3000);
  });

  test('F23: a declared output is missing: its own cause, tried again as the policy says', async () => {
    const failure = { kind: 'output-missing', missing: ['out.json'] } as const;
    const jobs = [
      job(0, { failures: 2, failure, definition: { retry: RETRY } }),
      job(1, { failures: 3, failure, definition: { retry: RETRY } }),
      job(2, { failures: 1, failure, definition: { retry: { ...RETRY, retryOn: ['exit'] } } }),
    ];
    const verdict = await play(calmScenario(jobs));

    expect(jobsOf(verdict)).toEqual(['done', 'failed (output-missing)', 'failed (output-missing)']);
    expect(attemptsOf(verdict)).toEqual([3, 3, 1]);
  });

  test('F24: exit 137, a signal, a time limit and memory are four causes', async () => {
    const always = Number.POSITIVE_INFINITY;
    const jobs = [
      job(0, { failures: always, failure: { kind: 'exit', code: 137 } }),
      job(1, { failures: always, failure: { kind: 'signal', signal: 'SIGKILL' } }),
      job(2, { durationMs: always, definition: { timeouts: { runMs: 300 } } }),
      job(3, { failures: always, failure: { kind: 'memory' } }),
    ];
    const causes = ['failed (exit)', 'failed (signal)', 'failed (timeout)', 'failed (memory)'];
    expect(jobsOf(await play(calmScenario(jobs)))).toEqual(causes);
  });

  test('F25: a body that takes its place down is given up, and its dependents with it', async () => {
    const places = [
      { name: 'a', cpus: 1 },
      { name: 'b', cpus: 1 },
    ];
    const jobs = [job(0, { poisonous: true }), job(1, { data: [0] }), job(2)];
    const verdict = await play(calmScenario(jobs, { sites: [{ ...LOCAL_SITE, places }] }));

    expect(jobsOf(verdict)).toEqual(['failed (lost)', 'cancelled (upstream)', 'done']);
    expect(attemptsOf(verdict)[0]).toBeLessThanOrEqual(6);
  });

  test('F28: every submission times out, and none is made twice', async () => {
    const jobs = Array.from({ length: 8 }, (_, i) => job(i, { durationMs: 2000, ...on('cluster') }));
    const siteFaults = { ...NO_SITE_FAULTS, unknown: 1 };
    for (let seed = 1; seed <= 20; seed += 1) {
      const verdict = await play(calmScenario(jobs, { ...BOTH, seed, siteFaults, faultsUntilMs: 1500 }));
      expect.soft(verdict.runs[0]?.status).toBe('done');
      expect.soft(verdict.bodies, 'bodies, two of them probes').toBe(8 + 2);
    }
  });
});

describe('lanes that are sent calls ahead', () => {
  const calls = (count: number, durationMs = 20): readonly JobPlan[] =>
    Array.from({ length: count }, (_, i) => job(i, { durationMs, ...on('lanes') }));
  const LANES = { sites: [LANES_SITE] } as const;

  test('F20: die with the engine: of what stood in line nothing is charged', async () => {
    for (let ms = 5; ms < 100; ms += 5) {
      const actions = [at(ms, { kind: 'crash' })];
      const verdict = await play(calmScenario(calls(16), { ...LANES, actions }));
      expect.soft(verdict.runs[0]?.status, `killed at ${ms} ms`).toBe('done');
      // No more than two were at work, and no more than four stood in line.
      expect.soft(Math.max(...attemptsOf(verdict))).toBeLessThanOrEqual(2);
      expect.soft(attemptsOf(verdict).filter((attempts) => attempts > 1).length).toBeLessThanOrEqual(6);
    }
  });

  test('are fewer for a while: who stood too far behind is sent again', async () => {
    for (let ms = 5; ms < 60; ms += 5) {
      const fewer = at(ms, { kind: 'lanes', site: 'lanes', cpus: 1, ahead: 0, forMs: 100 });
      const verdict = await play(calmScenario(calls(16), { ...LANES, actions: [fewer] }));
      expect.soft(verdict.runs[0]?.status, `fewer at ${ms} ms`).toBe('done');
    }
  });

  test('are asked back what they were sent when the run is paused: it waits, and nothing is charged', async () => {
    const scenario = calmScenario(calls(6, 3000), {
      ...LANES,
      actions: [at(1000, { kind: 'pause', run: 0, forMs: 30_000 })],
      faultsUntilMs: 60_000,
    });
    const lines: string[] = [];
    const verdict = await simulate(scenario, { trace: (line) => lines.push(line) });

    expect(verdict.violation).toBeUndefined();
    expect(lines.filter((line) => line.includes('pending (paused) #1')).length).toBeGreaterThan(0);
    expect(jobsOf(verdict)).toEqual(Array(6).fill('done'));
    expect(verdict.virtualMs).toBeGreaterThan(31_000);
  });
});

describe('users', () => {
  test('F40: the same request twice, and wishes for what is over, change nothing', async () => {
    const actions = [
      at(50, { kind: 'start-again', run: 0 }),
      at(5000, { kind: 'cancel-run', run: 0 }),
      at(5000, { kind: 'pause', run: 0, forMs: 10 }),
    ];
    const verdict = await play(calmScenario(DIAMOND, { ...BOTH, actions }));

    expect(jobsOf(verdict)).toEqual(ALL_DONE);
    expect(attemptsOf(verdict)).toEqual([1, 1, 2, 1]);
  });

  test('F40: a cancel while it waits to be tried again, and a crash after it', async () => {
    const jobs = [job(0, { failures: 9, definition: { retry: { ...RETRY, maxAttempts: 9, initialDelayMs: 5000 } } })];
    const actions = [at(1000, { kind: 'cancel-jobs', run: 0, jobs: [0] }), at(1100, { kind: 'crash' })];
    const verdict = await play(calmScenario(jobs, { actions }));

    expect(jobsOf(verdict)).toEqual(['cancelled (user)']);
    expect(attemptsOf(verdict)).toEqual([1]);
  });

  test('F40: a pause in the middle of dispatch, over a crash', async () => {
    const jobs = Array.from({ length: 20 }, (_, i) => job(i));
    for (let ms = 0; ms < 30; ms += 2) {
      const actions = [at(ms, { kind: 'pause', run: 0, forMs: 2000 }), at(ms + 1, { kind: 'crash' })];
      expect.soft((await play(calmScenario(jobs, { actions }))).runs[0]?.status).toBe('done');
    }
  });

  test('I6: a listener that throws changes nothing', async () => {
    const verdict = await play(calmScenario(DIAMOND, { ...BOTH, hasBadListener: true }));
    const undisturbed = await play(calmScenario(DIAMOND, BOTH));

    expect(verdict.runs).toEqual(undisturbed.runs);
    expect(verdict.virtualMs).toBe(undisturbed.virtualMs);
  });
});

describe('F42: large graphs', () => {
  const sites = [{ ...LOCAL_SITE, places: [{ name: 'here', cpus: 500 }] }];
  const large = { sites, probes: false, faultsUntilMs: 1 } as const;

  test('ten thousand into one', async () => {
    const leaves = Array.from({ length: 10_000 }, (_, i) => job(i));
    const jobs = [...leaves, job(10_000, { data: leaves.map((_, i) => i) })];
    expect((await play(calmScenario(jobs, large))).runs[0]?.status).toBe('done');
  });

  test('a chain of three thousand', async () => {
    const jobs = Array.from({ length: 3000 }, (_, i) => job(i, { data: i === 0 ? [] : [i - 1], durationMs: 1 }));
    expect((await play(calmScenario(jobs, large))).runs[0]?.status).toBe('done');
  });
});

test('a seed plays the same world each time, to the last line', async () => {
  const { drawScenario } = await import('../../src/simulation/index.ts');
  const told = async (): Promise<string[]> => {
    const lines: string[] = [];
    for (const seed of [7, 35, 121]) await simulate(drawScenario(seed), { trace: (line) => lines.push(line) });
    return lines;
  };

  const first = await told();

  expect(first.length).toBeGreaterThan(200);
  expect(await told()).toEqual(first);
});
