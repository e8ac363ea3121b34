import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { commandsBackend } from '../../../src/backends/commands/index.ts';
import type { AttemptId, AttemptOrder, Backend, BackendContext, BackendEvent } from '../../../src/model/index.ts';
import { backendCases } from '../../../src/testing/index.ts';
import { backendFixture } from '../../backend-fixture.ts';

type Report = BackendContext['report'];

/** What is wrong with a backend: what it makes of orders and of ends, and what it does instead. */
interface Flaw {
  readonly take?: (order: AttemptOrder) => readonly AttemptOrder[];
  readonly tell?: (event: BackendEvent, orders: ReadonlyMap<AttemptId, AttemptOrder>) => BackendEvent;
  readonly with?: (inner: Backend, report: Report) => Partial<Backend>;
}

function flawed({ take = (order) => [order], tell = (event) => event, with: instead }: Flaw): Backend {
  const inner = commandsBackend({ slots: 2 });
  const orders = new Map<AttemptId, AttemptOrder>();
  let report: Report = () => undefined;
  return {
    name: inner.name,
    capabilities: inner.capabilities,
    open: (context) => {
      report = context.report;
      return inner.open({ ...context, report: (event) => report(tell(event, orders)) });
    },
    launch: async (given) => {
      for (const order of given) orders.set(order.attempt, order);
      const answers = await Promise.all(given.map(async (order) => await inner.launch(take(order))));
      return answers.flatMap(([first]) => first ?? []);
    },
    cancel: (attempt, graceMs) => inner.cancel(attempt, graceMs),
    recover: (queries) => inner.recover(queries),
    release: (attempts) => inner.release(attempts),
    [Symbol.asyncDispose]: () => inner[Symbol.asyncDispose](),
    ...instead?.(inner, (event) => report(event)),
  };
}

const FLAWS: readonly (readonly [says: string, case_: string, flaw: Flaw])[] = [
  [
    'takes what is said for text',
    'keeps what a command says, byte for byte, each stream by itself',
    {
      tell: (event, orders) => {
        const path = event.kind === 'ended' ? join(orders.get(event.attempt)?.directory ?? '', 'stdout') : undefined;
        if (path !== undefined) writeFileSync(path, readFileSync(path, 'utf8'));
        return event;
      },
    },
  ],
  [
    'keeps all that is said',
    'cuts off what is said above the bound, and marks it',
    { take: (order) => [{ ...order, limits: { ...order.limits, outputBytes: 1e9 } }] },
  ],
  [
    'takes exit codes above 128 for signals',
    'tells every exit code',
    {
      tell: (event) =>
        event.kind === 'ended' && event.outcome.kind === 'exit' && event.outcome.code === 137
          ? { ...event, outcome: { kind: 'signal', signal: 'SIGKILL' } }
          : event,
    },
  ],
  [
    'gives jobs names of its own',
    'takes hostile names of jobs for names',
    { take: (order) => [{ ...order, job: order.job.replaceAll(/\W/g, '_') as AttemptOrder['job'] }] },
  ],
  [
    'has a shell read words once more',
    'hands on hostile parameters as they are',
    {
      take: (order) => {
        const { work } = order;
        if (work.kind !== 'command' || work.argv === undefined) return [order];
        const { argv: _, ...shell } = work;
        return [{ ...order, work: { ...shell, text: `eval "${work.text.replaceAll('"', '\\"')}"` } }];
      },
    },
  ],
  [
    'tells the end of whom it cancels before it has come',
    'leaves nobody alive of what it cancelled',
    {
      with: (inner, report) => ({
        cancel: (attempt, graceMs) => {
          report({ kind: 'ended', attempt, outcome: { kind: 'cancelled', by: 'user' } });
          inner.cancel(attempt, graceMs);
        },
      }),
    },
  ],
  [
    'grants more memory than it was told to',
    'tells who took more memory than was granted',
    { take: (order) => [{ ...order, grant: { ...order.grant, memoryBytes: 2 ** 40 } }] },
  ],
  [
    'starts one of many twice',
    'does many, each once',
    {
      take: (order) =>
        order.index === 7
          ? [order, { ...order, attempt: `${order.attempt}again` as AttemptId, directory: `${order.directory}-again` }]
          : [order],
    },
  ],
  [
    'knows of no attempts but its own',
    'is found again by who comes after: adopted, collected, or never begun',
    { with: () => ({ recover: async (queries) => queries.map(() => ({ kind: 'gone', why: 'not mine' })) }) },
  ],
];

// A suite that finds nothing proves nothing.
test.each(FLAWS)('the suite finds a backend that %s', async (_, name, flaw) => {
  const found = backendCases.find((one) => one.name === name);
  const facts = { many: 20, successor: () => flawed(flaw) };

  const run = found?.run(async () => backendFixture('flawed', flawed(flaw), facts));

  await expect(run).rejects.toMatchObject({ code: 'ERR_ASSERTION' });
});
