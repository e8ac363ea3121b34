import { describe, expect, test } from 'vitest';
import { Engine } from '../../../src/index.ts';
import { type Definition, DEFAULT_RETRY, type Graph, GraphBuilder } from '../../../src/model/index.ts';

/** F42: graphs of an extreme shape, through the engine to their end. A million tasks: `test/chaos/heap.test.ts`. */

const WIDE = 100_000;
const noop: Definition = {
  name: 'noop',
  kind: 'call',
  backend: 'inline',
  resources: { cpus: 1 },
  retry: DEFAULT_RETRY,
  timeouts: {},
  graceMs: 0,
  priority: 0,
};

/** Added backwards: nothing of the order is given. */
function chain(): Graph {
  const builder = new GraphBuilder('chain');
  for (let i = 0; i < WIDE; i += 1) builder.add(`n${i}`, { definition: noop, edges: i + 1 < WIDE ? [i + 1] : [] });
  return builder.build();
}

/** Everybody needs the first; the last needs everybody, `times` over. */
function fan(times: number): Graph {
  const builder = new GraphBuilder('fan');
  const first = builder.add('first', { definition: noop });
  const all = Array.from({ length: WIDE }, (_, i) => builder.add(`n${i}`, { definition: noop, edges: [first] }));
  builder.add('last', { definition: noop, edges: Array.from({ length: times }, () => all).flat() });
  return builder.build();
}

describe('F42: huge graphs run to their end', () => {
  test.each([
    ['a chain 100,000 deep', chain, WIDE],
    ['a fan-out and fan-in of 100,000', () => fan(1), WIDE + 2],
    ['a million edges into one task', () => fan(10), WIDE + 2],
  ] as const)('%s', async (_, graph, size) => {
    await using engine = await Engine.open();

    const run = await engine.run(graph());

    expect(await run.wait()).toMatchObject({ status: 'done', size, counts: { done: size } });
  });

  test.each([
    ['a chain', chain, WIDE],
    ['a fan', () => fan(1), WIDE + 2],
  ] as const)('%s is cancelled as a whole, at once', async (_, graph, size) => {
    await using engine = await Engine.open();
    const run = await engine.run(graph());

    await run.cancel();

    const { counts } = await run.wait();
    expect(counts.done + counts.cancelled).toBe(size);
    expect(counts).toMatchObject({ failed: 0, running: 0, pending: 0 });
  });
});
