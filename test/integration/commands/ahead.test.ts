import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { AttemptOrder } from '../../../src/model/index.ts';
import { Bench, until } from './harness.ts';

const OK = { kind: 'ok' };

/** It was sent ahead: there is no room for it yet. */
const ahead = (order: AttemptOrder): AttemptOrder => ({ ...order, grant: { ...order.grant, ahead: true } });
const began = (order: AttemptOrder) => (): boolean => existsSync(join(order.directory, 'claim'));
const letGo = (order: AttemptOrder): void => writeFileSync(join(order.directory, 'go'), '');

/** Two that run until they are let go: all the room there is. */
async function filled(bench: Bench): Promise<readonly [AttemptOrder, AttemptOrder]> {
  const waiting = (): AttemptOrder => bench.order('until [ -e go ]; do sleep 0.01; done');
  const both = [await bench.launch(waiting()), await bench.launch(waiting())] as const;
  for (const each of both) await until(began(each), 'its claim');
  return both;
}

test('who was sent ahead starts when another ends, in the order they came, and not before', async () => {
  await using bench = await Bench.open();
  const [one, other] = await filled(bench);
  const [first, second] = [bench.order('until [ -e go ]; do sleep 0.01; done'), bench.order('true')].map(ahead) as [
    AttemptOrder,
    AttemptOrder,
  ];
  await bench.launch(first);
  await bench.launch(second);
  expect([first, second].map((each) => began(each)())).toEqual([false, false]);
  expect(await bench.backend.recover([bench.query(first)])).toEqual([{ kind: 'running', phase: 'starting' }]);

  letGo(one);
  await bench.end(one);
  await until(began(first), 'the first of those in line');
  expect(began(second)()).toBe(false);

  letGo(first);
  expect(await bench.end(first)).toMatchObject({ kind: 'ended', outcome: OK });
  expect(await bench.end(second)).toMatchObject({ kind: 'ended', outcome: OK });
  letGo(other);
  await bench.end(other);
});

test('who waits in line is taken back and cancelled without having begun; who has begun is not taken back', async () => {
  await using bench = await Bench.open();
  const [one, other] = await filled(bench);
  const [recalled, cancelled] = [ahead(bench.order('true')), ahead(bench.order('true'))];
  await bench.launch(recalled);
  await bench.launch(cancelled);

  bench.backend.recall?.([one.attempt, recalled.attempt]);
  bench.backend.cancel(cancelled.attempt, 0);
  expect(await bench.end(recalled)).toMatchObject({ kind: 'gone', neverStarted: true });
  expect(await bench.end(cancelled)).toMatchObject({ kind: 'ended', outcome: { kind: 'cancelled' } });

  letGo(one);
  letGo(other);
  expect(await bench.end(one)).toMatchObject({ kind: 'ended', outcome: OK });
  await bench.end(other);
  expect([recalled, cancelled].map((each) => began(each)())).toEqual([false, false]);
});

test('where fewer may run from now on, an end makes no room', async () => {
  await using bench = await Bench.open();
  const [one, other] = await filled(bench);
  const next = await bench.launch(ahead(bench.order('true')));
  bench.backend.resize?.(1);
  expect(bench.events.at(-1)).toMatchObject({ kind: 'places', places: [{ cpus: 1 }] });

  letGo(one);
  await bench.end(one);
  expect(await bench.backend.recover([bench.query(next)])).toEqual([{ kind: 'running', phase: 'starting' }]);
  letGo(other);
  expect(await bench.end(next)).toMatchObject({ kind: 'ended', outcome: OK });
});

test('an engine that dies leaves who waits in line unclaimed: it never started', async () => {
  await using bench = await Bench.open();
  const [one, other] = await filled(bench);
  const next = await bench.launch(ahead(bench.order('true')));
  await bench.backend[Symbol.asyncDispose]();

  await using later = await Bench.open({ at: bench.project });
  expect(await later.backend.recover([later.query(next)])).toMatchObject([{ kind: 'gone' }]);
  expect(began(next)()).toBe(false);
  const adopted = await later.backend.recover([later.query(one), later.query(other)]);
  expect(adopted).toMatchObject([{ kind: 'running' }, { kind: 'running' }]);
  letGo(one);
  letGo(other);
  await later.end(one);
  await later.end(other);
});
