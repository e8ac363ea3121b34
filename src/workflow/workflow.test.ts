import { expect, test } from 'vitest';
import { type FileValue, type Graph, GraphBuilder, type Payload, textAt } from '../model/index.ts';
import { command, file, graph, type Handle, isWorkflow, json, noop, sh, text, wait, workflow } from './index.ts';

interface Energy {
  readonly mean: number;
  readonly blocks: readonly { readonly size: number }[];
}

const simulate = command('simulate', {
  run: (p: { temperature: number; start?: FileValue }) => sh`md --temp ${p.temperature} --start ${p.start ?? 'none'}`,
  outputs: { energy: json<Energy>('energy.json'), frames: file('frames.xyz'), log: text('log') },
  resources: { cpus: 4, memory: '8GiB', time: '2h' },
  retry: { maxAttempts: 3 },
  timeout: '10m',
  environment: { OMP_NUM_THREADS: '4' },
});

const analyze = command('analyze', { run: (p: { energies: readonly Energy[] }) => sh`analyze ${p.energies}` });

function names(built: Graph): string[] {
  return Array.from({ length: built.size }, (_, i) => textAt(built.names, i));
}

function payload(built: Graph, i: number): Payload {
  return JSON.parse(textAt(built.payloads, i)) as Payload;
}

function edges(built: Graph, i: number): (readonly [number, number])[] {
  const found: [number, number][] = [];
  for (let e = built.edgeOffsets[i] as number; e < (built.edgeOffsets[i + 1] as number); e += 1) {
    found.push([built.edgeFrom[e] as number, built.edgeAccept[e] as number]);
  }
  return found;
}

const build = (fn: () => unknown): Graph => workflow('test', fn).build();

const thrown = (fn: () => unknown): { readonly code: string; readonly message: string; readonly hint: string } => {
  try {
    build(fn);
  } catch (error) {
    return error as { readonly code: string; readonly message: string; readonly hint: string };
  }
  throw new Error('nothing was thrown');
};

test('edges, names and refs follow from the values', () => {
  const melt = workflow('melt', (p: { temperatures: number[] }) =>
    analyze({ energies: p.temperatures.map((temperature) => simulate({ temperature }).energy) }),
  );

  const built = melt.build({ temperatures: [0.8, 0.9] });

  expect(built.name).toBe('melt');
  expect(names(built)).toEqual(['simulate-1', 'simulate-2', 'analyze-1']);
  expect(edges(built, 2)).toEqual([
    [0, 0],
    [1, 0],
  ]);
  expect(payload(built, 0)).toEqual({
    script: ['md --temp ', { value: 0.8 }, ' --start ', { value: 'none' }],
    outputs: [
      { name: 'energy', path: 'energy.json', type: 'json' },
      { name: 'frames', path: 'frames.xyz', type: 'file' },
      { name: 'log', path: 'log', type: 'text' },
    ],
  });
  expect(payload(built, 2)).toEqual({
    script: ['analyze ', { value: [{ $ref: [0, 'energy'] }, { $ref: [1, 'energy'] }] }],
  });
  expect(built.result).toBe('{"$ref":[2]}');
});

test('a definition carries its policies, once', () => {
  const built = build(() => [simulate({ temperature: 1 }), simulate({ temperature: 2 })]);

  expect(built.definitions).toEqual([
    {
      name: 'simulate',
      kind: 'command',
      resources: { cpus: 4, memoryBytes: 8 * 2 ** 30, timeMs: 7_200_000 },
      retry: { maxAttempts: 3, initialDelayMs: 0, backoffFactor: 2, maxDelayMs: 3_600_000, jitter: 0, maxLosses: 5 },
      timeouts: { runMs: 600_000 },
      graceMs: 10_000,
      priority: 0,
      environment: { OMP_NUM_THREADS: '4' },
    },
  ]);
});

test('takes parts of what is not known yet, at any depth', () => {
  const show = command('show', {
    run: (p: { size: number; all: Energy }) => sh`show ${p.size} ${p.all.blocks[1]?.size ?? 0}`,
  });
  const built = build(() => {
    const { energy } = simulate({ temperature: 1 });
    return {
      sizes: [show({ size: energy.blocks[0]!.size, all: energy })],
      frames: simulate({ temperature: 2 }).frames,
    };
  });

  expect(payload(built, 1)).toMatchObject({
    script: [
      'show ',
      { value: { $ref: [0, 'energy', 'blocks', 0, 'size'] } },
      ' ',
      { value: { $ref: [0, 'energy', 'blocks', 1, 'size'] } },
    ],
  });
  expect(edges(built, 1)).toEqual([[0, 0]]);
  expect(JSON.parse(built.result as string)).toEqual({ sizes: [{ $ref: [1] }], frames: { $ref: [2, 'frames'] } });
});

test('names, order edges and backends are told to the handle', () => {
  const built = build(() => {
    const first = simulate({ temperature: 1 }).named('first');
    const second = simulate({ temperature: 2 }).after(first, ['failed', 'cancelled']);
    const third = simulate({ temperature: 3 })
      .after([first, second])
      .on('cluster', { resources: { cpus: 64 }, priority: 5 });
    return [third, simulate.on('gpu')({ temperature: 4 })];
  });

  expect(names(built)).toEqual(['first', 'simulate-1', 'simulate-2', 'simulate-3']);
  expect(edges(built, 1)).toEqual([[0, 6]]);
  expect(edges(built, 2)).toEqual([
    [0, 7],
    [1, 7],
  ]);
  expect([...built.definitionOf].map((i) => built.definitions[i])).toMatchObject([
    { resources: { cpus: 4 } },
    { resources: { cpus: 4 } },
    { backend: 'cluster', resources: { cpus: 64 }, priority: 5, retry: { maxAttempts: 3 } },
    { backend: 'gpu', resources: { cpus: 4 } },
  ]);
});

test('numbers go round names given by hand, and a name twice is refused', () => {
  const built = build(() => [
    simulate({ temperature: 1 }),
    simulate({ temperature: 2 }).named('simulate-1'),
    simulate({ temperature: 3 }),
  ]);

  expect(names(built)).toEqual(['simulate-2', 'simulate-1', 'simulate-3']);
  expect(thrown(() => [noop().named('x'), noop().named('x')]).code).toBe('GRAPH_DUPLICATE');
});

test.each<[string, (h: Handle<{ energy: ReturnType<typeof json<Energy>> }>) => unknown]>([
  ['compared', (h) => (h.energy.mean as unknown as number) > 3],
  ['made into text', (h) => `${h.energy.mean as unknown as string}`],
  ['calculated with', (h) => (h.energy.mean as unknown as number) + 1],
  ['spread', (h) => [...(h.energy.blocks as unknown as number[])]],
  ['spread', (h) => ({ ...(h.energy as object) })],
  ['spread', (h) => ({ value: { ...h } })],
  ['spread', (h) => [...(h as unknown as number[])]],
  ['calculated with', (h) => (h as unknown as number) * 2],
  ['called', (h) => (h.energy.blocks as unknown as unknown[]).map((x) => x)],
  ["with 'in'", (h) => 'mean' in h.energy],
  ['JSON', (h) => JSON.stringify({ h })],
  ['JSON', (h) => JSON.stringify({ e: h.energy })],
  ['changed', (h) => Object.assign(h.energy, { mean: 1 })],
  ['changed', (h) => Object.assign(h, { energy: 1 })],
])('a placeholder that is %s throws with the mend', (how, use) => {
  expect(thrown(() => use(simulate({ temperature: 1 })))).toMatchObject({
    code: 'PLACEHOLDER_USED',
    message: expect.stringContaining(how),
    hint: expect.stringContaining('sh`'),
  });
});

test('a placeholder says what it stands for, and is no promise', () => {
  expect(thrown(() => (simulate({ temperature: 1 }).energy.blocks[0]!.size as unknown as number) > 1).message).toMatch(
    /^simulate\(\.\.\.\)\.energy\.blocks\[0\]\.size is not known while the graph is built/,
  );
  build(() => {
    const handle = simulate({ temperature: 1 });
    expect((handle.energy as { then?: unknown }).then).toBeUndefined();
    expect((handle as { then?: unknown }).then).toBeUndefined();
  });
});

test.each<[string, () => unknown, string]>([
  ['undefined', () => analyze({ energies: undefined as never }), 'undefined'],
  ['a function', () => simulate({ temperature: (() => 1) as never }), 'function'],
  ['NaN', () => simulate({ temperature: Number.NaN }), 'NaN'],
  ['a date', () => simulate({ temperature: new Date(0) as never }), 'Date'],
  ['a bigint', () => simulate({ temperature: 1n as never }), 'bigint'],
])('refuses %s as a value', (_, fn, word) => {
  expect(thrown(fn)).toMatchObject({ code: 'TEMPLATE_INVALID', message: expect.stringContaining(word) });
});

test('refuses data that holds itself', () => {
  const loop: { self?: unknown } = {};
  loop.self = loop;

  expect(thrown(() => simulate({ temperature: loop as never })).code).toBe('TEMPLATE_INVALID');
});

test('handles are of one build, calls of a workflow, builders synchronous', () => {
  let leaked: Handle<Record<never, never>> | undefined;
  build(() => {
    leaked = noop();
  });

  expect(thrown(() => noop(leaked)).code).toBe('GRAPH_INVALID');
  expect(thrown(() => noop().after(leaked as never)).code).toBe('GRAPH_INVALID');
  expect(() => noop()).toThrow(
    expect.objectContaining({ code: 'GRAPH_INVALID', message: "'noop' is called outside a workflow" }),
  );
  expect(() => workflow((() => 1) as never, undefined as never)).toThrow('a workflow is a name and a function');
  expect(thrown(async () => noop())).toMatchObject({
    code: 'GRAPH_INVALID',
    hint: expect.stringContaining('synchronous'),
  });
  const late = command('late', { run: (async () => sh`x`) as never });
  expect(thrown(() => late())).toMatchObject({
    code: 'TEMPLATE_INVALID',
    hint: expect.stringContaining('synchronous'),
  });
  expect(thrown(() => noop().after(noop(), [])).code).toBe('GRAPH_INVALID');
});

test('no-ops and waits', () => {
  const built = build(() => noop(wait('2s'), wait(5, simulate({ temperature: 1 }).energy)));

  expect(names(built)).toEqual(['wait-1', 'simulate-1', 'wait-2', 'noop-1']);
  expect(payload(built, 0)).toEqual({ call: { kind: 'builtin', name: 'wait' }, args: [2000] });
  expect(textAt(built.payloads, 3)).toBe('');
  expect([...built.expectedMs]).toEqual([2000, 0, 5, 0]);
  expect(edges(built, 2)).toEqual([[1, 0]]);
  expect(edges(built, 3)).toEqual([
    [0, 0],
    [2, 0],
  ]);
});

test('a graph may be built directly', () => {
  const built = graph('direct', (g) => {
    expect(g).toBeInstanceOf(GraphBuilder);
    for (let i = 0; i < 1000; i += 1) g.add(`t${i}`, { definition: noop.definition, edges: i === 0 ? [] : [i - 1] });
  });

  expect(built.size).toBe(1000);
});

test('a workflow is known as one', () => {
  expect(isWorkflow(workflow('x', () => noop()))).toBe(true);
  expect(isWorkflow({ name: 'x', build: () => undefined })).toBe(false);
});
