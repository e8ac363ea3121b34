import { Readable } from 'node:stream';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type CommandPayload, GraphBuilder, type Graph, staysInside, textAt } from '../../model/index.ts';
import { command, file, graphFingerprint, input, json, noop, sh, workflow } from '../../workflow/index.ts';
import { exportWfFormat, importWfFormat, type WfFormatOptions } from '../index.ts';

interface Task {
  name: string;
  id: string;
  parents?: string[];
  children?: string[];
  inputFiles?: string[];
  outputFiles?: string[];
}

interface Trace {
  name: string;
  schemaVersion: string;
  workflow: {
    specification: { tasks: Task[]; files?: { id: string; sizeInBytes: number }[] };
    execution?: { makespanInSeconds: number; executedAt: string; tasks: { id: string; runtimeInSeconds: number }[] };
  };
}

/** a makes x and y, b takes x, c takes y and b's z. */
function trace(): Trace {
  return {
    name: 'small',
    schemaVersion: '1.5',
    workflow: {
      specification: {
        tasks: [
          { name: 'A', id: 'a', parents: [], children: ['b', 'c'], inputFiles: ['in'], outputFiles: ['x', '/dir/y'] },
          { name: 'B', id: 'b', parents: ['a'], children: ['c'], inputFiles: ['x'], outputFiles: ['z'] },
          { name: 'B', id: 'c', parents: ['a', 'b'], children: [], inputFiles: ['/dir/y', 'z'], outputFiles: [] },
        ],
        files: [
          { id: 'in', sizeInBytes: 10 },
          { id: 'x', sizeInBytes: 1000 },
          { id: '/dir/y', sizeInBytes: 0 },
          { id: 'z', sizeInBytes: 5 },
        ],
      },
      execution: {
        makespanInSeconds: 6,
        executedAt: '2024-01-01T00:00:00Z',
        tasks: [
          { id: 'c', runtimeInSeconds: 3 },
          { id: 'a', runtimeInSeconds: 1.5 },
          { id: 'b', runtimeInSeconds: 0 },
        ],
      },
    },
  };
}

async function imported(of: unknown, options?: WfFormatOptions): Promise<Graph> {
  const text = typeof of === 'string' ? of : JSON.stringify(of);
  return (await importWfFormat([Buffer.from(text)], options)).graph;
}

const payloadOf = (graph: Graph, i: number): CommandPayload => JSON.parse(textAt(graph.payloads, i)) as CommandPayload;

test('makes each task a command that waits and writes its files', async () => {
  const graph = await imported(trace(), { timeScale: 2, dataScale: 0.1 });

  expect([0, 1, 2].map((i) => payloadOf(graph, i))).toEqual([
    {
      script: [`sleep 3 && : >'y' && head -c 100 /dev/zero >'x'`],
      outputs: [
        { name: 'x', path: 'x', type: 'file' },
        { name: 'dir/y', path: 'y', type: 'file' },
      ],
      replay: { seconds: 3, bytes: [100, 0] },
    },
    {
      script: [`head -c 1 /dev/zero >'z'`],
      inputs: [{ name: 'x', from: { $ref: [0, 'x'] } }],
      outputs: [{ name: 'z', path: 'z', type: 'file' }],
      replay: { seconds: 0, bytes: [1] },
    },
    {
      script: ['sleep 6'],
      inputs: [
        { name: 'y', from: { $ref: [0, 'dir/y'] } },
        { name: 'z', from: { $ref: [1, 'z'] } },
      ],
      replay: { seconds: 6 },
    },
  ]);
  expect([...graph.expectedMs]).toEqual([3000, 0, 6000]);
  expect(graph.definitions.map(({ name }) => name)).toEqual(['A', 'B']);
});

test('without waiting and without data, a task is one builtin', async () => {
  const graph = await imported(trace(), { timeScale: 0 });

  expect([0, 1, 2].map((i) => payloadOf(graph, i).script)).toEqual([[`: >'x' >'y'`], [`: >'z'`], [':']]);
});

test('says what is in it', async () => {
  const { info } = await importWfFormat(
    [JSON.stringify(trace())].map((text) => Buffer.from(text)),
    { timeScale: 0 },
  );

  expect(info).toEqual({
    name: 'small',
    tasks: 3,
    edges: 3,
    files: 4,
    externalFiles: 1,
    workSeconds: 4.5,
    makespanSeconds: 6,
    executedAt: '2024-01-01T00:00:00Z',
  });
});

test('reads a stream cut anywhere, in bytes or text', async () => {
  const whole = await imported(trace());
  const bytes = Buffer.from(JSON.stringify({ ...trace(), description: 'größer als ∆' }));
  await fc.assert(
    fc.asyncProperty(fc.array(fc.nat({ max: bytes.length }), { maxLength: 10 }), async (cuts) => {
      const places = [0, ...cuts.sort((a, b) => a - b), bytes.length];
      const pieces = places.slice(1).map((end, i) => bytes.subarray(places[i], end));
      expect((await importWfFormat(Readable.from(pieces))).graph).toEqual(whole);
    }),
    { numRuns: 30 },
  );
});

test('a trace of what never ran has no times', async () => {
  const { execution: _never, ...rest } = trace().workflow;

  expect([...(await imported({ ...trace(), workflow: rest })).expectedMs]).toEqual([0, 0, 0]);
});

test('files that share a name, or take one of ours, get another in the work directory', async () => {
  const of = trace();
  const { tasks, files } = of.workflow.specification;
  (tasks[0] as Task).outputFiles = ['x', '/dir/y', 'd/x', 'exit.json', 'e/'];
  files?.push({ id: 'd/x', sizeInBytes: 0 }, { id: 'exit.json', sizeInBytes: 0 }, { id: 'e/', sizeInBytes: 0 });

  const { outputs } = payloadOf(await imported(of), 0);

  expect(outputs?.map(({ name, path }) => [name, path])).toEqual([
    ['x', 'x'],
    ['dir/y', 'y'],
    ['d/x', '2-x'],
    ['exit.json', '2-exit.json'],
    ['e/', 'e'],
  ]);
});

const task = (of: Trace, i: number): Task => of.workflow.specification.tasks[i] as Task;

test.each<[string, (of: Trace) => unknown, string]>([
  ['a version that is not read', (of) => (of.schemaVersion = '1.3'), "schemaVersion: is '1.3'"],
  ['no version', (of) => Reflect.deleteProperty(of, 'schemaVersion'), 'schemaVersion: is missing'],
  ['no tasks', (of) => (of.workflow.specification.tasks = []), 'workflow.specification.tasks: there are no tasks'],
  [
    'tasks by name',
    (of) => Object.assign(of.workflow.specification, { tasks: { a: task(of, 0) } }),
    'workflow.specification.tasks: is {"a":',
  ],
  [
    'a task without id',
    (of) => Reflect.deleteProperty(task(of, 1), 'id'),
    'workflow.specification.tasks[1].id: is missing',
  ],
  ['a task that is text', (of) => of.workflow.specification.tasks.push('x' as never), 'tasks[3]: is "x"'],
  ['a slash in an id', (of) => (task(of, 1).id = '../b'), "tasks[1].id: '../b' holds a slash"],
  ['an id twice', (of) => (task(of, 1).id = 'a'), "tasks[1].id: 'a' is the id of task 0 too"],
  ['a parent that is none', (of) => task(of, 1).parents?.push('q'), "tasks[1] ('b'): its parent 'q' is no task"],
  ['a child that is none', (of) => task(of, 1).children?.push('q'), "tasks[1] ('b'): its child 'q' is no task"],
  ['a child that does not know', (of) => task(of, 2).children?.push('a'), "does 'a' wait for 'c'?"],
  [
    'an edge only parents know',
    (of) => (task(of, 2).inputFiles = ['z']),
    "tasks[2] ('c'): does 'c' wait for 'a'? its parents say so",
  ],
  [
    'an edge only files know',
    (of) => [(task(of, 2).parents = ['b']), (task(of, 0).children = ['b'])],
    "does 'c' wait for 'a'? its inputs say so",
  ],
  [
    'a file two tasks make',
    (of) => task(of, 1).outputFiles?.push('x'),
    "tasks[1] ('b'): its output 'x' is made by 'a' too",
  ],
  ['a file made twice', (of) => task(of, 1).outputFiles?.push('z'), "its output 'z' is made twice by this task"],
  [
    'a file nobody lists',
    (of) => task(of, 1).inputFiles?.push('q'),
    "the file 'q' is not in workflow.specification.files",
  ],
  [
    'a file listed twice',
    (of) => of.workflow.specification.files?.push({ id: '/x', sizeInBytes: 1 }),
    "files[4].id: 'x' stands twice",
  ],
  [
    'a path that leaves',
    (of) => (task(of, 1).outputFiles = ['a/../../etc/passwd']),
    "tasks[1].outputFiles[0]: 'a/../../etc/passwd'",
  ],
  ['a file without a name', (of) => (task(of, 1).outputFiles = ['/']), "outputFiles[0]: '/'"],
  ['files that are no list', (of) => (task(of, 1).outputFiles = 'z' as never), 'tasks[1].outputFiles: is "z"'],
  [
    'a negative size',
    (of) => of.workflow.specification.files?.splice(1, 1, { id: 'x', sizeInBytes: -1 }),
    'files[1].sizeInBytes: is -1',
  ],
  [
    'a size in text',
    (of) => Object.assign(of.workflow.specification.files?.[1] as object, { sizeInBytes: '9' }),
    'files[1].sizeInBytes: is "9"',
  ],
  [
    'a negative run time',
    (of) => of.workflow.execution?.tasks.splice(0, 1, { id: 'c', runtimeInSeconds: -3 }),
    'execution.tasks[0].runtimeInSeconds: is -3',
  ],
  [
    'an execution too few',
    (of) => of.workflow.execution?.tasks.pop(),
    "tasks[1] ('b'): workflow.execution.tasks says nothing of it",
  ],
  [
    'an execution too many',
    (of) => of.workflow.execution?.tasks.push({ id: 'q', runtimeInSeconds: 1 }),
    "'q' is no task of the specification",
  ],
  [
    'an execution twice',
    (of) => of.workflow.execution?.tasks.push({ id: 'a', runtimeInSeconds: 1 }),
    "execution.tasks[3].id: 'a' was executed twice",
  ],
])('refuses %s, naming the place and the mend', async (_, spoil, message) => {
  const of = trace();
  spoil(of);

  await expect(imported(of)).rejects.toMatchObject({
    code: 'TRACE_INVALID',
    message: expect.stringContaining(message),
    hint: expect.stringMatching(/./),
  });
});

test('refuses a cycle', async () => {
  const of = trace();
  of.workflow.specification.tasks.forEach((t) => Object.assign(t, { inputFiles: undefined, children: undefined }));
  task(of, 0).parents = ['c'];

  await expect(imported(of)).rejects.toMatchObject({ code: 'GRAPH_CYCLE' });
});

test.each([
  ['{"name": "x",\n\n "what": 1.5.5}', 'trace, line 3 (byte 27): no valid JSON'],
  ['{"name": "x",\n"workflow" 5}', 'trace, line 2 (byte 25): no valid JSON'],
  ['{"name": "x"', 'it ends too early'],
  ['', 'it ends too early'],
  ['{"name": "x"} trailing', 'line 1 (byte 14)'],
  ['not json', 'line 1 (byte 1)'],
])('refuses %j with line and byte', async (text, message) => {
  await expect(imported(text)).rejects.toMatchObject({
    code: 'TRACE_INVALID',
    message: expect.stringContaining(message),
  });
});

test('refuses a scale that is none, and a file that is not there', async () => {
  await expect(imported(trace(), { timeScale: -1 })).rejects.toMatchObject({ code: 'INPUT_INVALID' });
  await expect(imported(trace(), { dataScale: Number.NaN })).rejects.toMatchObject({ code: 'INPUT_INVALID' });
  await expect(importWfFormat('/nonexistent/trace.json')).rejects.toMatchObject({ code: 'FILE_NOT_FOUND' });
  await expect(importWfFormat('/')).rejects.toMatchObject({ code: 'INPUT_INVALID' });
});

test('F44: whatever files are called, nothing leaves the work directory and the shell sees only names', async () => {
  const name = fc.oneof(
    fc.stringMatching(/^[^\u0000]{1,12}$/u),
    fc.constantFrom("it's", '$(rm -rf /)', '`x`', '-rf', 'a b', '__proto__', '/etc/passwd', 'a/./b', '.', 'stdout'),
  );
  await fc.assert(
    fc.asyncProperty(
      fc.uniqueArray(name, { minLength: 1, maxLength: 6, selector: (id) => id.replace(/^\/+/, '') }),
      async (ids) => {
        const valid = ids.filter(
          (id) => id.replace(/^\/+/, '') !== '' && !id.split('/').includes('..') && id.isWellFormed(),
        );
        const of = trace();
        of.workflow.specification = { tasks: [{ name: 'A', id: 'a', outputFiles: valid }] };
        Reflect.deleteProperty(of.workflow, 'execution');

        const { outputs = [], script } = payloadOf(await imported(of), 0);

        expect(outputs.map((output) => output.name)).toEqual(valid.map((id) => id.replace(/^\/+/, '')));
        for (const { path } of outputs) expect(staysInside(path) && !path.includes('/')).toBe(true);
        expect(new Set(outputs.map(({ path }) => path)).size).toBe(outputs.length);
        expect(script).toEqual([
          valid.length === 0 ? ':' : `: ${outputs.map(({ path }) => `>'${path.replaceAll("'", "'\\''")}'`).join(' ')}`,
        ]);
      },
    ),
    { numRuns: 50 },
  );
});

test('an export keeps shape, files and times of any graph, and imports as itself from then on', async () => {
  const make = command('make', {
    run: (p: { n: number }) => sh`make ${p.n}`,
    outputs: { v: json<number>('v.json'), d: file('d/e') },
  });
  const use = command('use', { run: (p: { v: number; f?: unknown }) => sh`use ${p.v} ${p.f ?? 1}` });
  const graph = workflow('any', () => {
    const one = make({ n: 1 });
    const two = make({ n: 2 });
    return [use({ v: one.v, f: [input('data/in.txt')] }).after(two), noop(one, two)];
  }).build();
  const text = [
    ...exportWfFormat(graph, { task: (i) => ({ runtimeSeconds: i + 0.5, startedAt: 0, outputBytes: { v: 3 } }) }),
  ].join('');

  const again = await imported(text);

  expect(Array.from({ length: 4 }, (_, i) => textAt(again.names, i))).toEqual(['make-1', 'make-2', 'use-1', 'noop-1']);
  expect([...again.edgeFrom]).toEqual([...graph.edgeFrom]);
  expect([...again.expectedMs]).toEqual([500, 1500, 2500, 3500]);
  expect(payloadOf(again, 0).outputs?.map((output) => output.name)).toEqual(['make-1/v.json', 'make-1/d/e']);
  expect(graphFingerprint(await imported([...exportWfFormat(again)].join('')))).toBe(graphFingerprint(again));
});

test('refuses to export what WfFormat has no word for', () => {
  const odd = workflow('odd', () => noop().named('T=0.8')).build();

  expect(() => [...exportWfFormat(odd)]).toThrow(
    expect.objectContaining({ code: 'INPUT_INVALID', message: expect.stringContaining('T=0.8') }),
  );
  expect(() => [...exportWfFormat(new GraphBuilder('empty').build())]).toThrow(
    expect.objectContaining({ code: 'INPUT_INVALID' }),
  );
});
