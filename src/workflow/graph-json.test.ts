import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  type CallPayload,
  checkGraph,
  type Definition,
  type Graph,
  GraphBuilder,
  joinSegments,
  sliceSegment,
  textAt,
} from '../model/index.ts';
import { graphFingerprint } from './fingerprint.ts';
import { graphFromJson, graphFromLines, graphToJson, graphToLines } from './graph-json.ts';
import { command, file, input, json, noop, sh, task, wait, workflow } from './index.ts';

const make = command('make', {
  run: (p: { n: number; tag: string }) => sh`make ${p.n} ${p.tag}`,
  outputs: { value: json<{ x: number }>('v.json').publish((p: { n: number }) => `v${p.n}.json`), data: file('d') },
});
const use = command('use', {
  run: (p: { x: number; all: unknown }) => sh`use ${p.x} ${p.all ?? null}`,
  environment: { A: '1' },
});

const mixed = workflow('mixed', () => {
  const a = make({ n: 1, tag: 'a' });
  const b = make({ n: 2, tag: "it's" }).named('b');
  const c = use({ x: a.value.x, all: [{ $odd: b.data, in: input('f.txt') }] }).after(b, ['done', 'failed']);
  return { c, w: wait(5, c), n: noop(a, b).after(c) };
});

test('a graph written as JSON is read as the same graph', () => {
  const graph = mixed.build();

  const again = graphFromJson(JSON.parse(JSON.stringify(graphToJson(graph))));

  expect(again).toEqual(graph);
  expect(graphFingerprint(again)).toBe(graphFingerprint(graph));
  expect(graphToJson(graph)).toMatchObject({
    name: 'mixed',
    tasks: [
      { name: 'make-1', definition: 0 },
      { name: 'b' },
      { name: 'use-1', needs: ['make-1', 'b'], after: [{ task: 'b', accept: ['done', 'failed'] }] },
      { name: 'wait-1', needs: ['use-1'], expectedMs: 5 },
      { name: 'noop-1', after: [{ task: 'use-1' }] },
    ],
    result: { c: { $ref: ['use-1'] } },
  });
});

test.each<[string, object, string]>([
  [
    'a part of a file',
    { argv: [[{ value: { $ref: ['a', 'data', 'x'] } }]] },
    "'b' takes a part of 'data' of 'a', which is a file",
  ],
  [
    'a part of a value as an input',
    { argv: [['x']], inputs: [{ name: 'in', from: { $ref: ['a', 'value', 'x'] } }] },
    "input 'in' of task 'b' is a part of 'value' of 'a', which is no file",
  ],
])('a document that takes %s is refused before anything starts', (_, payload, message) => {
  const document = graphToJson(
    workflow('flow', () => {
      const a = make({ n: 1, tag: 'a' }).named('a');
      use({ x: a.value.x, all: 1 }).named('b');
    }).build(),
  );
  const [a, b] = document.tasks;

  expect(() => graphFromJson({ ...document, tasks: [a, { ...b, payload }] })).toThrow(message);
});

test('lines say the same', async () => {
  const graph = mixed.build();

  const lines = [...graphToLines(graph)];

  expect(lines).toHaveLength(graph.size + 1);
  expect(await graphFromLines(lines)).toEqual(graph);
});

test('any graph survives, refs to later tasks too', () => {
  fc.assert(
    fc.property(fc.array(fc.array(fc.nat(), { maxLength: 3 }), { minLength: 1, maxLength: 20 }), (upstream) => {
      const graph = workflow('random', () => {
        const handles: ReturnType<typeof noop>[] = [];
        upstream.forEach((from, i) => handles.push(i === 0 ? noop() : noop(...from.map((f) => handles[f % i]))));
      }).build();
      const document = graphToJson(graph);

      expect(graphFromJson(document)).toEqual(graph);
      const reversed = graphFromJson({ ...document, tasks: [...document.tasks].reverse() });
      checkGraph(reversed);
      expect(graphFingerprint(reversed)).toBe(graphFingerprint(graph));
    }),
    { numRuns: 50 },
  );
});

test('calls of every kind that is data come back as they were', () => {
  const call = task('call', (x: number) => x);
  const workflows = workflow('calls', () => call(call(1))).build();
  const builder = new GraphBuilder('kinds');
  const definition = workflows.definitions[0] as Definition;
  const calls: readonly CallPayload[] = [
    { call: { kind: 'module', module: './lib/fit.ts', name: 'fit' }, args: [{ $map: [[1, 2]] }] },
    { call: { kind: 'source', source: '(x) => x' }, args: [1], stream: true },
    {
      call: { kind: 'global', name: 'Math.max' },
      args: [],
      redirect: { stdout: '', stderr: '' },
      enterDirectory: true,
    },
  ];
  for (const [i, payload] of calls.entries()) builder.add(`call-${i}`, { definition, payload });

  for (const graph of [workflows, builder.build()]) expect(graphFromJson(graphToJson(graph))).toEqual(graph);
});

const document = (): ReturnType<typeof graphToJson> => structuredClone(graphToJson(mixed.build()));

// oxlint-disable-next-line typescript/no-explicit-any -- each case spoils another place.
test.each<[string, (d: Record<string, any>) => void, string, string]>([
  ['no version', (d) => delete d['version'], 'INPUT_INVALID', 'graph.version is 1: got missing'],
  ['no tasks', (d) => (d['tasks'] = {}), 'INPUT_INVALID', 'graph.tasks is a list'],
  ['a name that is none', (d) => (d['tasks'][1].name = 7), 'INPUT_INVALID', 'graph.tasks[1].name is text: got 7'],
  [
    'a definition that is none',
    (d) => (d['tasks'][0].definition = 99),
    'INPUT_INVALID',
    'graph.tasks[0].definition is a whole number between 0 and',
  ],
  ['a field nobody reads', (d) => (d['tasks'][0].need = []), 'INPUT_INVALID', 'graph.tasks[0].need is no field'],
  [
    'no cpus',
    (d) => (d['definitions'][0].resources.cpus = 'many'),
    'INPUT_INVALID',
    'graph.definitions[0].resources.cpus is a number',
  ],
  [
    'an output that leaves',
    (d) => (d['tasks'][0].payload.outputs[0].path = '../x'),
    'INPUT_INVALID',
    'graph.tasks[0].payload.outputs[0].path',
  ],
  [
    'an output over ours',
    (d) => (d['tasks'][0].payload.outputs[0].path = 'exit.json'),
    'INPUT_INVALID',
    'outputs[0].path',
  ],
  [
    'a publication that leaves',
    (d) => (d['tasks'][0].payload.outputs[0].publish = '/etc/passwd'),
    'INPUT_INVALID',
    'outputs[0].publish',
  ],
  ['script and argv', (d) => (d['tasks'][0].payload.argv = [['x']]), 'INPUT_INVALID', 'either a script or an argv'],
  [
    'a value in quotes',
    (d) => (d['tasks'][0].payload.script = ['"', { value: 1 }, '"']),
    'INPUT_INVALID',
    'double quotes',
  ],
  [
    'a call of what is not there',
    (d) => (d['tasks'][3].payload.call.name = 'exec'),
    'INPUT_INVALID',
    'tasks[3].payload.call.name is one of noop, wait',
  ],
  [
    'a function in the memory of another process',
    (d) => (d['tasks'][3].payload.call = { kind: 'local', id: '1-1' }),
    'INPUT_INVALID',
    'call.kind is one of builtin, module, source, global',
  ],
  [
    'a ref that is none',
    (d) => (d['tasks'][2].payload.script[1] = { value: { $ref: 5 } }),
    'INPUT_INVALID',
    'a ref names no task',
  ],
  [
    'a status that is none',
    (d) => (d['tasks'][2].after[0].accept = ['maybe']),
    'INPUT_INVALID',
    'accept[0] is one of done, failed, cancelled',
  ],
  ['an edge from nowhere', (d) => (d['tasks'][2].needs = ['make-7']), 'GRAPH_UNKNOWN_NODE', "needs 'make-7'"],
  [
    'a ref to nowhere',
    (d) => (d['tasks'][2].payload.script[1].value = { $ref: ['maek-1'] }),
    'GRAPH_UNKNOWN_NODE',
    "needs 'maek-1'",
  ],
  ['a cycle', (d) => (d['tasks'][0].needs = ['wait-1']), 'GRAPH_CYCLE', 'wait-1'],
  ['a name twice', (d) => (d['tasks'][1].name = 'make-1'), 'GRAPH_DUPLICATE', 'make-1'],
])('refuses %s, with its place', (_, spoil, code, message) => {
  const spoilt = document() as unknown as Record<string, unknown>;
  spoil(spoilt);

  expect(() => graphFromJson(spoilt)).toThrow(
    expect.objectContaining({ code, message: expect.stringContaining(message) }),
  );
});

test('refuses lines that are no JSON, and none at all', async () => {
  await expect(graphFromLines(['{"heddle":"graph"'])).rejects.toMatchObject({
    code: 'INPUT_INVALID',
    message: expect.stringContaining('line 1'),
  });
  await expect(graphFromLines([])).rejects.toMatchObject({ code: 'INPUT_INVALID' });
});

const fingerprint = (build: () => unknown): string => graphFingerprint(workflow('w', build).build());

test('a fingerprint is what is done, not how it is treated', () => {
  const base = command('c', { run: (p: { x: number }) => sh`c ${p.x}` });
  const treated = command('c', {
    run: (p: { x: number }) => sh`c ${p.x}`,
    resources: { cpus: 9 },
    retry: { maxAttempts: 9 },
    priority: 3,
    timeout: '1s',
    backend: 'far',
  });
  const other = command('c', { run: (p: { x: number }) => sh`c  ${p.x}` });
  const surrounded = command('c', { run: (p: { x: number }) => sh`c ${p.x}`, environment: { A: '1' } });
  const called = command('d', { run: (p: { x: number }) => sh`c ${p.x}` });

  const prints = [base, other, surrounded].map((task) => fingerprint(() => task({ x: 1 })));

  expect(fingerprint(() => treated({ x: 1 }))).toBe(prints[0]);
  expect(fingerprint(() => base({ x: 1 }))).toBe(prints[0]);
  prints.push(
    fingerprint(() => base({ x: 2 })),
    fingerprint(() => base({ x: 1 }).named('n')),
    fingerprint(() => called({ x: 1 }).named('c-1')),
    fingerprint(() => [base({ x: 1 })]),
  );
  expect(new Set(prints).size).toBe(prints.length);
  expect(prints[0]).toMatch(/^[0-9a-f]{64}$/);
});

test('a segment has a fingerprint, and joined it is that of the whole', () => {
  const graph: Graph = mixed.build();
  const parts = [sliceSegment(graph, 0, 2), sliceSegment(graph, 2, graph.size)];

  expect(graphFingerprint(parts[1] as Graph)).not.toBe(graphFingerprint(graph));
  expect(graphFingerprint(joinSegments(parts))).toBe(graphFingerprint(graph));
  expect(textAt(graph.names, 0)).toBe('make-1');
});
