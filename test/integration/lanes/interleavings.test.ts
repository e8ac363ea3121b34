import { existsSync, readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { processesBackend } from '../../../src/backends/processes/index.ts';
import { threadsBackend } from '../../../src/backends/threads/index.ts';
import type { AttemptOrder, ResolvedWork } from '../../../src/model/index.ts';
import { body, Lanes } from './harness.ts';

/** What is done, in order: launches of some calls at once, and what is done to earlier ones. */
type Step =
  | { readonly do: 'launch'; readonly kinds: readonly string[]; readonly ahead: boolean }
  | { readonly do: 'cancel' | 'recall'; readonly which: number; readonly graceMs: number }
  | { readonly do: 'wait'; readonly ms: number };

const STEP: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('launch' as const),
      ahead: fc.boolean(),
      kinds: fc.array(fc.constantFrom('enter', 'enter', 'enter', 'enter', 'busy', 'pause', 'fail', 'leave'), {
        minLength: 1,
        maxLength: 12,
      }),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constantFrom('cancel' as const, 'recall' as const),
      which: fc.nat(40),
      graceMs: fc.constantFrom(0, 0, 5, 10_000),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('wait' as const), ms: fc.nat(12) }) },
);

function work(kind: string, ledger: string, name: string): ResolvedWork {
  switch (kind) {
    case 'busy':
      return body('busy', [3]);
    case 'pause':
      return body('pause', [4]);
    case 'fail':
      return body('fail');
    case 'leave':
      return body('leave', [1]);
    default:
      return body('enter', [ledger, name]);
  }
}

async function play(lanes: Lanes, steps: readonly Step[]): Promise<void> {
  const orders: AttemptOrder[] = [];
  const entering = new Set<AttemptOrder>();
  for (const step of steps) {
    if (step.do === 'wait') await lanes.rig.pause(step.ms);
    else if (step.do === 'launch') {
      const launched = step.kinds.map((kind, i) => {
        const name = `${orders.length + i}`;
        const order = lanes.order(work(kind, lanes.ledger, name), step.ahead ? { ahead: true } : {});
        if (kind === 'enter') entering.add(order);
        return order;
      });
      await lanes.rig.launch(launched);
      orders.push(...launched);
    } else {
      // Mostly one of the last: what has ended is of little interest.
      const order = orders[orders.length - 1 - step.which];
      if (order === undefined) continue;
      if (step.do === 'cancel') lanes.rig.backend.cancel(order.attempt, step.graceMs);
      else lanes.rig.backend.recall?.([order.attempt]);
    }
  }
  const ends = await Promise.all(orders.map((order) => lanes.rig.end(order)));

  const entered = existsSync(lanes.ledger) ? readFileSync(lanes.ledger, 'utf8').trim().split('\n').filter(Boolean) : [];
  expect(new Set(entered).size, 'no body runs twice').toBe(entered.length);
  for (const [i, order] of orders.entries()) {
    const told = lanes.rig.of(order).filter(({ kind }) => kind === 'ended' || kind === 'gone');
    expect(told.length, `${order.job} ends once`).toBe(1);
    const end = ends[i];
    if (!entering.has(order)) continue;
    const ran = entered.includes(`${i}`);
    if (end?.kind === 'ended' && end.outcome.kind === 'ok') expect(ran, `${order.job} is done`).toBe(true);
    if (end?.kind === 'gone' && told.some((event) => 'neverStarted' in event && event.neverStarted === true))
      expect(ran, `${order.job} never started`).toBe(false);
  }
}

describe.each([
  { kind: 'threads', backend: threadsBackend, numRuns: 8 },
  { kind: 'processes', backend: processesBackend, numRuns: 3 },
])('whatever is asked of $kind, in whatever order', ({ backend, numRuns }) => {
  test('no attempt is lost, none ends twice, none is left', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(STEP, { minLength: 10, maxLength: 40 }), async (steps) => {
        await using lanes = await Lanes.open(backend({ slots: 2 }));
        // Functions known to be short are sent ahead.
        for (let i = 0; i < 6; i += 1) await lanes.run(body('enter', [`${lanes.ledger}.warm`, `${i}`]));
        await play(lanes, steps);
      }),
      { numRuns, endOnFailure: true },
    );
  });
});
